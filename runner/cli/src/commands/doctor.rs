//! `deed doctor`: what an episode will need, looked at before it is needed. Each line says ok, warn or fail, and what to do.
//!
//! Ends with 0 when nothing fails (a warning stops nothing), else with 70: with this, an action would end the same way.

mod browser;
mod machine;
mod remote;
mod trust;

use serde_json::json;

use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui::{Answer, Tone};

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// As it should be.
    Ok,
    /// Works, but should be looked at.
    Warn,
    /// An action would stop here.
    Fail,
}

/// One line of the doctor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    name: &'static str,
    status: Status,
    seen: String,
    remedy: Option<String>,
}

impl Finding {
    pub(crate) fn ok(name: &'static str, seen: impl Into<String>) -> Self {
        Self { name, status: Status::Ok, seen: seen.into(), remedy: None }
    }

    pub(crate) fn warn(name: &'static str, seen: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, status: Status::Warn, seen: seen.into(), remedy: Some(remedy.into()) }
    }

    pub(crate) fn fail(name: &'static str, seen: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, status: Status::Fail, seen: seen.into(), remedy: Some(remedy.into()) }
    }

    pub(crate) fn of(name: &'static str, error: &CliError) -> Self {
        let place = error.place().map_or_else(String::new, |place| format!(" ({place})"));
        Self::fail(name, format!("{error}{place} [{}]", error.code()), error.help())
    }
}

/// Runs the command.
///
/// # Errors
/// None: what is wrong is a finding.
pub async fn run(context: &Context) -> Result<Answer, CliError> {
    let mut findings = browser::look(context).await;
    findings.extend(machine::look(context).await);
    findings.extend(trust::look(context));
    findings.extend(remote::look(context).await);
    let fails = findings.iter().filter(|f| f.status == Status::Fail).count();
    let exit = if fails == 0 { Exit::Done } else { Exit::Internal };
    let mut text: String = findings.iter().map(|f| line(f, context)).collect();
    let warns = findings.iter().filter(|f| f.status == Status::Warn).count();
    text.push_str(&match (fails, warns) {
        (0, 0) => "ready".to_owned(),
        (0, _) => format!("ready, {warns} of {} checks to be looked at", findings.len()),
        _ => format!("not ready: {fails} of {} checks failed", findings.len()),
    });
    let checks: Vec<_> = findings
        .iter()
        .map(|f| {
            let status = match f.status {
                Status::Ok => "ok",
                Status::Warn => "warn",
                Status::Fail => "fail",
            };
            json!({ "check": f.name, "status": status, "seen": f.seen, "remedy": f.remedy })
        })
        .collect();
    Ok(Answer { exit, data: json!({ "ready": fails == 0, "checks": checks, "exit": exit.code() }), text })
}

fn line(finding: &Finding, context: &Context) -> String {
    let (tone, word) = match finding.status {
        Status::Ok => (Tone::Good, "ok  "),
        Status::Warn => (Tone::Warn, "warn"),
        Status::Fail => (Tone::Bad, "fail"),
    };
    let mut text = format!("{}  {:<10} {}\n", context.ui.out.tone(tone, word), finding.name, finding.seen);
    if let Some(remedy) = &finding.remedy {
        text.push_str(&format!("{:17}help: {remedy}\n", ""));
    }
    text
}
