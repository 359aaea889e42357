//! Ctrl-C and SIGTERM: an episode ends before its commit or after its receipt, never in the middle of a press.
//!
//! Before the attempt the episode is dropped, the browser is closed, and the next run's recovery puts the action back into the
//! queue. From the moment at which the right to press is asked for until the receipt is read, a signal waits: that takes as long as
//! the recipe's receipt may take at most. After it, the next run's verification finds out what the platform has.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Runs the work to its end; `None` when a signal ended it before. `pressing` is true while the work must not be dropped.
pub async fn until_stopped<T>(
    work: impl Future<Output = T>,
    stop: impl Future<Output = ()>,
    mut pressing: watch::Receiver<bool>,
) -> Option<T> {
    tokio::pin!(work);
    tokio::select! {
        biased;
        done = &mut work => return Some(done),
        () = stop => {}
    }
    tokio::select! {
        biased;
        done = &mut work => Some(done),
        // A sender that is gone presses no more.
        _ = pressing.wait_for(|pressing| !pressing) => None,
    }
}

/// Ends when Ctrl-C or SIGTERM comes; it listens from the call on. Without signal handlers it never ends, and the signal ends the
/// process as usual.
pub fn asked_to_stop() -> impl Future<Output = ()> {
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    async move {
        let (Ok(mut interrupt), Ok(mut terminate)) = signals else { return std::future::pending().await };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}

/// A file that would become longer than `ulimit -f` allows is an error of the one who writes it, as a full disk is, and not the end of the
/// process. Holds as long as what it answers is kept.
///
/// # Errors
/// The system's: then such a file ends the process, and the next run recovers.
pub fn limits_are_errors() -> std::io::Result<Signal> {
    signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn work_that_is_done_is_done() {
        let (_sender, pressing) = watch::channel(false);
        assert_eq!(until_stopped(ready(7), ready(()), pressing).await, Some(7));
    }

    #[tokio::test]
    async fn before_the_press_a_signal_ends_it() {
        let (_sender, pressing) = watch::channel(false);
        assert_eq!(until_stopped(pending::<u8>(), ready(()), pressing).await, None);
    }

    #[tokio::test]
    async fn in_the_middle_of_a_press_a_signal_waits() {
        let (sender, pressing) = watch::channel(true);
        let work = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let receipt_read = true;
            sender.send_replace(false);
            // What follows (verification) may be dropped.
            pending::<()>().await;
            receipt_read
        };
        assert_eq!(until_stopped(work, ready(()), pressing).await, None);
        assert!(!*sender.borrow(), "the work went on to the end of the press");
    }
}
