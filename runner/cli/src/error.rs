//! What a command can fail with: a code, what happened, where, what to do, and the exit code.
//!
//! The words that tell an operator what to do next stand in `error/help.rs`. Each code has a section in
//! `docs/errors.md`; a test compares the two.

mod help;

use std::io;
use std::path::PathBuf;

use deed_core::baselines::RecordError;
use deed_core::ids::ActionId;
use deed_core::ports::browser::BrowserFault;
use deed_core::ports::ledger::LedgerFault;
use deed_fixtures::PracticeError;
use deed_ledger::{ApprovalError, LedgerError, Obstacle, SealerError};
use deed_proofs::compare::CompareError;
use deed_proofs::export::ExportError;
use deed_proofs::log::CheckpointError;
use deed_proofs::picture::PictureError;
use deed_proofs::stamp::StampError;
use deed_proofs::{KeyError, StoreError, VerifyError};
use deed_recipes::policy::PolicyError;
use deed_recipes::{LoadError, RecordingError};
use deed_s3::S3Error;

use crate::commands::sign_in::SignInError;
use crate::exit::Exit;
use crate::order::OrderError;
use crate::replay::error::FixtureError;
use crate::session_file::SessionFileError;
use crate::settings::SettingsError;
use crate::webhook::WebhookError;
use crate::window::WindowError;

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The command line.
    #[error("{0}")]
    Usage(String),
    /// Settings.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The order.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// The session file.
    #[error(transparent)]
    Session(#[from] SessionFileError),
    /// A recipe.
    #[error("failed to load the recipe: {0}")]
    Recipe(#[from] LoadError),
    /// The policy.
    #[error("failed to load the policy: {0}")]
    Policy(#[from] PolicyError),
    /// A fixture.
    #[error(transparent)]
    Fixture(#[from] FixtureError),
    /// A new recipe would overwrite one.
    #[error("there is a recipe here already")]
    RecipeExists {
        /// Where.
        path: PathBuf,
    },
    /// A recording that gives no draft.
    #[error("failed to import the recording: {source}")]
    Recording {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: RecordingError,
    },
    /// A recording that can not be read.
    #[error("failed to read the recording: {source}")]
    RecordingUnreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The ledger refused, or suffered.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The seal key.
    #[error(transparent)]
    Seal(#[from] SealerError),
    /// The browser.
    #[error("{0}")]
    Browser(#[from] BrowserFault),
    /// The proof store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The signing key, its history, or a key that was named.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A time stamp, or the certificates that it is held against.
    #[error(transparent)]
    Stamp(#[from] StampError),
    /// A checkpoint that was named.
    #[error("{source}")]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: CheckpointError,
    },
    /// The store elsewhere.
    #[error(transparent)]
    Remote(#[from] S3Error),
    /// There is no store elsewhere.
    #[error("no store in S3 is set")]
    NoRemote,
    /// A proof could not be checked at all.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// A proof could not be exported.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// Two episodes could not be compared.
    #[error(transparent)]
    Compare(#[from] CompareError),
    /// Baselines were not recorded.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The practice platform.
    #[error(transparent)]
    Practice(#[from] PracticeError),
    /// A picture.
    #[error("{source}")]
    Picture {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: PictureError,
    },
    /// A file or directory of ours.
    #[error("failed to {what}: {source}")]
    File {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no ledger here.
    #[error("there is no ledger here yet")]
    NotInitialised {
        /// Where it would be.
        place: String,
    },
    /// The origin is not one of the recipe's.
    #[error("{why}")]
    Origin {
        /// What is wrong.
        why: String,
        /// The recipe's origins.
        allowed: Vec<String>,
    },
    /// The action can not be worked on now.
    #[error("{obstacle}")]
    Busy {
        /// The action.
        action: ActionId,
        /// What stands in the way.
        obstacle: Obstacle,
    },
    /// This machine's clock and the server's do not agree.
    #[error("this machine's clock is {} s {} the ledger's server", ahead.unsigned_abs() / 1000, if *ahead > 0 { "ahead of" } else { "behind" })]
    Clock {
        /// By how many milliseconds it is ahead; behind when negative.
        ahead: i64,
    },
    /// The action has no proof (yet).
    #[error("action {action} has no proof: {why}")]
    NoProof {
        /// The action.
        action: ActionId,
        /// Why.
        why: String,
    },
    /// The episode ended with a fault of the ledger, and the action may have happened.
    #[error("what became of action {action} is not known: {fault}")]
    OutcomeUnknown {
        /// The action.
        action: ActionId,
        /// The fault.
        fault: LedgerFault,
    },
    /// A signal ended the episode; nothing had been sent.
    #[error("stopped by a signal; nothing was sent")]
    StoppedBefore {
        /// The action, when one was worked on.
        action: Option<ActionId>,
    },
    /// A signal ended the episode after the permit.
    #[error("stopped by a signal after the attempt: whether it happened is not known yet")]
    StoppedAfter {
        /// The action.
        action: ActionId,
    },
    /// Code of ours panicked.
    #[error("Deed has a defect{}", if *armed { ", and what became of an action that was armed is not known" } else { "; nothing was sent" })]
    Defect {
        /// Where in the source.
        place: String,
        /// Whether an action may have been armed before.
        armed: bool,
    },
    /// Nobody's session was taken over.
    #[error(transparent)]
    SignIn(#[from] SignInError),
    /// There is no window to show a browser in.
    #[error(transparent)]
    Window(#[from] WindowError),
    /// A webhook.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// A cursor that is none of this ledger.
    #[error("{cursor} is no cursor of this ledger; its last one is {last}")]
    Cursor {
        /// What was said.
        cursor: i64,
        /// The last one.
        last: i64,
    },
    /// The demonstration did not show what it must.
    #[error("the demonstration failed: {0}")]
    Demo(String),
}

impl From<ApprovalError> for CliError {
    fn from(error: ApprovalError) -> Self {
        Self::Ledger(LedgerError::Approval(error))
    }
}

impl From<LedgerFault> for CliError {
    fn from(fault: LedgerFault) -> Self {
        Self::Ledger(LedgerError::Fault(fault))
    }
}

impl CliError {
    /// A file or directory of ours that the system did not let us use.
    pub fn file(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { what, path, source }
    }

    /// The stable code; also the anchor in `docs/errors.md`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Usage(_) => "usage",
            Self::Settings(e) => e.code(),
            Self::Order(e) => e.code(),
            Self::Session(e) => e.code(),
            Self::Recipe(e) => e.code(),
            Self::Policy(e) => e.code(),
            Self::Fixture(e) => e.code(),
            Self::RecipeExists { .. } => "recipe-exists",
            Self::Recording { source, .. } => source.code(),
            Self::RecordingUnreadable { .. } => "recording-unreadable",
            Self::Ledger(e) => e.code(),
            Self::Seal(e) => e.code(),
            Self::Browser(e) => e.code(),
            Self::Store(e) => e.code(),
            Self::Key(e) => e.code(),
            Self::Stamp(e) => e.code(),
            Self::Checkpoint { source, .. } => source.code(),
            Self::Remote(e) => e.code(),
            Self::NoRemote => "s3-none",
            Self::Verify(e) => e.code(),
            Self::Export(e) => e.code(),
            Self::Compare(e) => e.code(),
            Self::Practice(e) => e.code(),
            Self::Picture { source, .. } => source.code(),
            Self::File { .. } => "file",
            Self::NotInitialised { .. } => "not-initialised",
            Self::Origin { .. } => "origin-not-allowed",
            Self::Busy { obstacle: Obstacle::Waits { .. }, .. } => "action-waits",
            Self::Busy { .. } => "account-busy",
            Self::Clock { .. } => "clock-apart",
            Self::NoProof { .. } => "no-proof",
            Self::OutcomeUnknown { .. } => "outcome-unknown",
            Self::StoppedBefore { .. } => "stopped-before-attempt",
            Self::StoppedAfter { .. } => "stopped-after-attempt",
            Self::Defect { .. } => "defect",
            Self::Record(e) => e.code(),
            Self::SignIn(e) => e.code(),
            Self::Window(e) => e.code(),
            Self::Webhook(e) => e.code(),
            Self::Cursor { .. } => "cursor-invalid",
            Self::Demo(_) => "demo-failed",
        }
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Order(OrderError::Keep { .. }) => Exit::Internal,
            Self::Usage(_)
            | Self::Settings(_)
            | Self::Order(_)
            | Self::Session(_)
            | Self::Recipe(_)
            | Self::Policy(_)
            | Self::Fixture(_)
            | Self::RecipeExists { .. }
            | Self::Recording { .. }
            | Self::RecordingUnreadable { .. }
            | Self::Picture { .. }
            | Self::NotInitialised { .. }
            | Self::Origin { .. }
            | Self::NoProof { .. }
            | Self::Key(KeyError::PublicKey)
            | Self::Stamp(StampError::Authorities(_))
            | Self::Checkpoint { .. }
            | Self::SignIn(SignInError::Place(_))
            | Self::Window(WindowError::NoDisplay { .. })
            | Self::NoRemote
            | Self::Webhook(WebhookError::Url { .. } | WebhookError::Event { .. })
            | Self::Cursor { .. } => Exit::BadInput,
            Self::Ledger(e) => exit_of_ledger(e),
            Self::Practice(PracticeError::UnknownAccount { .. }) => Exit::BadInput,
            Self::Busy { .. }
            | Self::StoppedBefore { .. }
            | Self::SignIn(SignInError::NotProved(_))
            | Self::Record(RecordError::Identity(_)) => Exit::Held,
            Self::OutcomeUnknown { .. } | Self::StoppedAfter { .. } | Self::Defect { armed: true, .. } => Exit::Unknown,
            Self::Compare(CompareError::OtherFlow { .. }) => Exit::BadInput,
            Self::Verify(_) | Self::Export(_) | Self::Compare(_) | Self::Key(KeyError::History(_)) | Self::Stamp(_) => {
                Exit::Integrity
            }
            Self::Clock { .. }
            | Self::Defect { armed: false, .. }
            | Self::Window(WindowError::NoBrowser(_))
            | Self::Seal(_)
            | Self::Key(_)
            | Self::Browser(_)
            | Self::Store(_)
            | Self::Remote(_)
            | Self::Practice(PracticeError::Bind { .. })
            | Self::File { .. }
            | Self::Record(RecordError::Browser(_))
            | Self::Webhook(WebhookError::Failed { .. })
            | Self::Demo(_) => Exit::Internal,
        }
    }

    /// Where.
    pub fn place(&self) -> Option<String> {
        match self {
            Self::Settings(e) => e.place(),
            Self::Order(e) => e.place(),
            Self::Session(e) => Some(e.place()),
            Self::Recipe(e) => {
                e.diagnostics().and_then(|d| d.list().first()).map(|d| format!("{}:{}:{}", d.file, d.line, d.column))
            }
            Self::Policy(e) => Some(match e.diagnostics().and_then(|d| d.list().first()) {
                Some(first) => format!("{}:{}:{}", first.file, first.line, first.column),
                None => e.path().display().to_string(),
            }),
            Self::Fixture(e) => e.place(),
            Self::Key(
                KeyError::Unreadable { path, .. } | KeyError::Exposed { path, .. } | KeyError::Invalid { path },
            ) => Some(path.display().to_string()),
            Self::Picture { path, .. }
            | Self::Checkpoint { path, .. }
            | Self::File { path, .. }
            | Self::RecipeExists { path }
            | Self::Recording { path, .. }
            | Self::RecordingUnreadable { path, .. } => Some(path.display().to_string()),
            Self::NotInitialised { place } | Self::Defect { place, .. } => Some(place.clone()),
            Self::Busy { action, .. }
            | Self::OutcomeUnknown { action, .. }
            | Self::StoppedAfter { action }
            | Self::StoppedBefore { action: Some(action) } => Some(format!("action {action}")),
            Self::Usage(_)
            | Self::Clock { .. }
            | Self::Ledger(_)
            | Self::Seal(_)
            | Self::Key(_)
            | Self::Browser(_)
            | Self::Store(_)
            | Self::Stamp(_)
            | Self::Remote(_)
            | Self::NoRemote
            | Self::Verify(_)
            | Self::Export(_)
            | Self::Compare(_)
            | Self::Practice(_)
            | Self::Origin { .. }
            | Self::NoProof { .. }
            | Self::StoppedBefore { action: None }
            | Self::SignIn(_)
            | Self::Window(_)
            | Self::Record(_)
            | Self::Webhook(_)
            | Self::Cursor { .. }
            | Self::Demo(_) => None,
        }
    }

    /// The whole error as a JSON value, for `--json`.
    pub fn to_json(&self) -> serde_json::Value {
        let diagnostics = match self {
            Self::Recipe(e) => e.diagnostics().map(|d| serde_json::json!(d)),
            Self::Policy(e) => e.diagnostics().map(|d| serde_json::json!(d)),
            _ => None,
        };
        serde_json::json!({
            "error": {
                "code": self.code(),
                "message": self.to_string(),
                "where": self.place(),
                "help": self.help(),
                "diagnostics": diagnostics,
            },
            "exit": self.exit().code(),
        })
    }
}

fn exit_of_ledger(error: &LedgerError) -> Exit {
    match error {
        LedgerError::AmbiguousAccount { .. }
        | LedgerError::AccountExists { .. }
        | LedgerError::AccountMismatch { .. }
        | LedgerError::Missing(_)
        | LedgerError::NotForAPerson { .. }
        | LedgerError::Approval(_)
        | LedgerError::WarningClosed { .. }
        | LedgerError::Fault(
            LedgerFault::NotFound { .. } | LedgerFault::IdempotencyConflict { .. } | LedgerFault::Illegal(_),
        ) => Exit::BadInput,
        LedgerError::Fault(LedgerFault::FenceLost(_)) => Exit::Held,
        LedgerError::Fault(LedgerFault::Database { code: "ledger-corrupt" | "audit-broken", .. }) => Exit::Integrity,
        LedgerError::Fault(LedgerFault::Database { .. }) => Exit::Internal,
    }
}

#[cfg(test)]
mod tests {
    use deed_core::ids::ActionId;
    use deed_core::state::{Event, IllegalTransition, State};

    use super::*;

    fn database(code: &'static str) -> CliError {
        LedgerFault::Database { what: "open the ledger".to_owned(), why: "so".to_owned(), code }.into()
    }

    #[test]
    fn exit_codes_tell_input_from_machine_from_doubt() {
        let action = || ActionId::new("a");
        let table: [(CliError, Exit); 13] = [
            (CliError::Usage("x".to_owned()), Exit::BadInput),
            (LedgerFault::NotFound { what: "account", id: "x".to_owned() }.into(), Exit::BadInput),
            (LedgerFault::IdempotencyConflict { key: "k".to_owned(), action: action() }.into(), Exit::BadInput),
            (
                LedgerFault::Illegal(IllegalTransition { state: State::Attempted, event: Event::Cancelled }).into(),
                Exit::BadInput,
            ),
            (LedgerFault::FenceLost(action()).into(), Exit::Held),
            (database("ledger-full"), Exit::Internal),
            (database("ledger-newer"), Exit::Internal),
            (database("ledger-corrupt"), Exit::Integrity),
            (BrowserFault::Launch("x".to_owned()).into(), Exit::Internal),
            (CliError::StoppedBefore { action: None }, Exit::Held),
            (CliError::StoppedAfter { action: action() }, Exit::Unknown),
            (CliError::Defect { place: String::new(), armed: false }, Exit::Internal),
            (CliError::Defect { place: String::new(), armed: true }, Exit::Unknown),
        ];
        for (error, exit) in table {
            assert_eq!(error.exit(), exit, "{error}");
        }
    }

    #[test]
    fn an_error_as_json_has_all_its_parts() {
        let json = database("ledger-full").to_json();
        assert_eq!(json["error"]["code"], "ledger-full");
        assert_eq!(json["error"]["message"], "failed to open the ledger: so");
        assert_eq!(json["exit"], 70);
    }
}
