//! Webhooks: the outbox's messages, signed and sent to whoever asked for them.
//!
//! Owns addresses, signatures and the sending. What is sent, to whom and in which order is the ledger's (`outbox`); a message tells of
//! a change that is durable already, so nothing here can change what becomes of an action.
//!
//! The form is that of Standard Webhooks (<https://www.standardwebhooks.com>): headers, signature and secret.

pub mod address;
pub mod deliver;
pub mod send;
pub mod sign;

/// Why a webhook can not be used.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The address is none that messages may go to.
    #[error("`{url}` is no address for a webhook: {why}")]
    Url {
        /// What was said.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is no such event.
    #[error("there is no event `{name}`; {hint}")]
    Event {
        /// What was said.
        name: String,
        /// What was perhaps meant.
        hint: String,
    },
    /// A test message was not taken.
    #[error("{url} did not take the test message: {why}")]
    Failed {
        /// Where.
        url: String,
        /// What came back.
        why: String,
    },
}

impl WebhookError {
    /// The stable code; also the anchor in `docs/errors.md`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Url { .. } => "webhook-url",
            Self::Event { .. } => "webhook-event",
            Self::Failed { .. } => "webhook-failed",
        }
    }

    /// What to do.
    pub const fn help(&self) -> &'static str {
        match self {
            Self::Url { .. } => {
                "name an https address of a public machine; one on this machine (http://127.0.0.1:PORT/…) needs --allow-local"
            }
            Self::Event { .. } => "`--events all` takes every change of state; without --events it is told of outcomes",
            Self::Failed { .. } => {
                "look at the receiver: it must answer 2xx within 15 s, and redirects are not followed; nothing was changed here"
            }
        }
    }
}
