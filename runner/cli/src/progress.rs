//! Progress: each step of an episode as it happens, taken from the engine's own trace.
//!
//! Owns no judgement and no state of the episode: it repeats to a person what the trail says. One line a step; checks that
//! did not pass stand below theirs.

use std::fmt;
use std::io::{self, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::FilterFn;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::ui::{Paint, Tone};

/// The module whose events are the steps.
const TRAIL: &str = "deed_core::episode::trail";

/// Shows the steps of the trail.
pub struct Progress {
    paint: Paint,
    begun: Mutex<Option<Instant>>,
}

/// The layer, which sees the trail's events only.
pub fn layer<S>(paint: Paint) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let progress = Progress { paint, begun: Mutex::new(None) };
    progress.with_filter(FilterFn::new(|meta: &Metadata<'_>| meta.target() == TRAIL))
}

#[derive(Default)]
struct Fields {
    phase: Option<String>,
    step: Option<String>,
    check: Option<String>,
    passed: Option<bool>,
    seen: Option<String>,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        let slot = match field.name() {
            "phase" => &mut self.phase,
            "step" => &mut self.step,
            "check" => &mut self.check,
            "seen" => &mut self.seen,
            _ => return,
        };
        *slot = Some(value.to_owned());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        if field.name() == "passed" {
            self.passed = Some(value);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

impl Progress {
    fn line(&self, fields: &Fields) -> Option<String> {
        if let (Some(phase), Some(step)) = (&fields.phase, &fields.step) {
            let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
            let since = begun.get_or_insert_with(Instant::now).elapsed().as_secs_f64();
            let clock = self.paint.tone(Tone::Faint, &format!("{since:>6.1} s"));
            let phase = self.paint.tone(Tone::Strong, &format!("{phase:<10}"));
            return Some(format!("{clock}  {phase} {step}"));
        }
        match (&fields.check, fields.passed) {
            (Some(check), Some(false)) => {
                let seen = fields.seen.as_deref().unwrap_or_default();
                Some(format!("{:>20} {}: {seen}", self.paint.tone(Tone::Bad, "✗"), check))
            }
            _ => None,
        }
    }
}

impl<S: Subscriber> Layer<S> for Progress {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        if let Some(line) = self.line(&fields) {
            // Nobody reading is no reason to stop.
            let _ = writeln!(io::stderr().lock(), "{line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_failed_checks_are_shown_and_passed_ones_are_not() {
        let progress = Progress { paint: Paint(false), begun: Mutex::new(None) };
        let text = |s: &str| Some(s.to_owned());
        let step = Fields { phase: text("identity"), step: text("Is this the right account?"), ..Fields::default() };
        assert_eq!(progress.line(&step).as_deref(), Some("   0.0 s  identity   Is this the right account?"));
        let check =
            |passed| Fields { check: text("handle"), passed: Some(passed), seen: text("@other"), ..Fields::default() };
        assert_eq!(progress.line(&check(false)).as_deref().map(str::trim), Some("✗ handle: @other"));
        assert_eq!(progress.line(&check(true)), None);
    }
}
