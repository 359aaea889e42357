//! Defects: what is said when code of ours panics, and how the process ends then.
//!
//! Owns the panic hook. A panic's message may quote whatever the code had in its hands: a session, the text of a message, a key. So of a
//! message only words that stand in the source are shown; the place tells the rest. Never tries to go on: what a panicked run left is
//! recovered by the next one, as after a kill.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::Write as _;
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::error::CliError;

/// Whether this process may have armed an action: then nobody may say that nothing was sent.
static ARMED: AtomicBool = AtomicBool::new(false);
/// Where the last panic was.
static PLACE: Mutex<Option<String>> = Mutex::new(None);

/// Replaces the hook of the standard library, which prints the message as it is.
pub(crate) fn install() {
    std::panic::set_hook(Box::new(|info| {
        let place = place(info);
        let backtrace = Backtrace::capture();
        let frames = match backtrace.status() {
            BacktraceStatus::Captured => format!("\n{backtrace}"),
            _ => String::new(),
        };
        let words = words(info.payload());
        // A defect while another one is told of must not become a third.
        let _ = writeln!(std::io::stderr().lock(), "defect: {words}\n  where: {place}{frames}");
        *PLACE.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
    }));
}

/// To be called before an action may be armed.
pub(crate) fn may_arm() {
    ARMED.store(true, Ordering::SeqCst);
}

/// The defect that ended the command.
pub(crate) fn error() -> CliError {
    let place = PLACE.lock().unwrap_or_else(PoisonError::into_inner).clone();
    CliError::Defect { place: place.unwrap_or_default(), armed: ARMED.load(Ordering::SeqCst) }
}

/// Words of the source are a `&'static str`; what was put together while running is a `String`, or anything else.
fn words(payload: &(dyn Any + Send)) -> &str {
    match payload.downcast_ref::<&'static str>() {
        Some(words) => words,
        None => "code of Deed panicked; what it says of it may quote a secret, and is not shown",
    }
}

fn place(info: &PanicHookInfo<'_>) -> String {
    let at = info.location().map_or_else(|| "a place that is not known".to_owned(), ToString::to_string);
    format!("{at} (thread {})", std::thread::current().name().unwrap_or("without a name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_of_the_source_are_shown() {
        assert_eq!(words(&"the list is empty"), "the list is empty");
        let quoting = format!("no such cookie: {}", "sid=4711");
        assert!(!words(&quoting).contains("4711"));
        assert!(!words(&std::io::Error::other(quoting)).contains("4711"));
    }
}
