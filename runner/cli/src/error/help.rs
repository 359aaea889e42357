//! What an operator does next, for each error.

use deed_core::baselines::RecordError;
use deed_core::ports::ledger::LedgerFault;
use deed_fixtures::PracticeError;
use deed_ledger::{LedgerError, Obstacle};
use deed_proofs::KeyError;
use deed_proofs::compare::CompareError;
use deed_proofs::export::ExportError;
use deed_proofs::stamp::StampError;
use deed_recipes::LoadError;

use super::CliError;

impl CliError {
    /// What to do.
    pub fn help(&self) -> String {
        match self {
            Self::Usage(_) => "`deed --help` lists the commands, `deed COMMAND --help` their arguments".to_owned(),
            Self::Settings(e) => e.help(),
            Self::Order(e) => e.help(),
            Self::Session(_) => "export the session as storage state: a JSON object with `cookies` and `origins`".to_owned(),
            Self::Recipe(LoadError::NotBuiltIn { .. }) => {
                "name a platform that is there, or a folder with PLATFORM/recipe.yaml by --recipes (DEED_RECIPES)".to_owned()
            }
            Self::RecipeExists { .. } => "nothing was overwritten: name another platform or --out, or move the recipe away".to_owned(),
            Self::Recording { source, .. } => source.help().to_owned(),
            Self::RecordingUnreadable { .. } => "name the JSON file that the Recorder panel exported".to_owned(),
            Self::Recipe(_) => "`deed recipe check PATH` shows every error of a recipe with its place".to_owned(),
            Self::Policy(_) => {
                "put the policy right, or name another one by --policy (DEED_POLICY); nothing runs meanwhile. docs/policy.md tells its keys".to_owned()
            }
            Self::Fixture(_) => "docs/replay.md shows how a fixture is written and recorded".to_owned(),
            Self::Ledger(e) => help_of_ledger(e).to_owned(),
            Self::Seal(_) => "the key is needed for stored sessions; with another one they must be imported again".to_owned(),
            Self::Browser(_) => {
                "install it (Debian: `apt-get install chromium-headless-shell`), or set DEED_BROWSER or --browser; `deed doctor` tells more"
                    .to_owned()
            }
            Self::Record(RecordError::Browser(_)) => "nothing was written; `deed doctor` looks at the browser".to_owned(),
            Self::Record(RecordError::Identity(_)) => {
                "sign in as the account, import the session again, and check the recipe's identity; nothing was written".to_owned()
            }
            Self::Store(_) => "`deed doctor` shows where the proof store is and whether it can be written".to_owned(),
            Self::Export(ExportError::Unwritable(_)) => "free space on that disk, or name another place with -o".to_owned(),
            Self::Export(_) => "`deed proof verify ACTION` names what is wrong; restore it from a copy of the proof store, or take away what does not belong there".to_owned(),
            Self::Compare(CompareError::OtherFlow { .. }) => "name two episodes of one platform and one kind of action".to_owned(),
            Self::Compare(_) => "`deed proof verify` names what is wrong with it".to_owned(),
            Self::Key(KeyError::PublicKey) => "name a file with a public key (`deed proof keys export`) or a key history".to_owned(),
            Self::Key(_) => "nothing is signed without it: see docs/errors.md; `deed proof keys list` shows the history".to_owned(),
            Self::Stamp(StampError::Authorities(_)) => "name a file with the authority's certificates in PEM".to_owned(),
            Self::Stamp(_) => "`deed proof stamp` asks the authorities again".to_owned(),
            Self::Checkpoint { .. } => "name a file that `deed audit checkpoint` wrote, or one of PROOFS/log".to_owned(),
            Self::Remote(e) => e.help().to_owned(),
            Self::NoRemote => "set DEED_PROOFS=s3://BUCKET/PREFIX, or --proofs; without one, proof lies in a directory on this machine".to_owned(),
            Self::Verify(_) => "name an action, or the folder of an episode (PROOFS/episodes/EPISODE)".to_owned(),
            Self::Practice(PracticeError::Bind { .. }) => "the port is taken: name another one with --port, or none for a free one".to_owned(),
            Self::Practice(PracticeError::UnknownAccount { .. }) => "name one of the accounts above".to_owned(),
            Self::Picture { .. } => "give a PNG, JPEG or WebP picture that opens elsewhere".to_owned(),
            Self::File { .. } => "check that it is there, that this user may use it, and that the disk is not full".to_owned(),
            Self::NotInitialised { .. } => {
                "`deed init` makes it; when it should be there already, check --data-dir (DEED_DATA), or DATABASE_URL".to_owned()
            }
            Self::Origin { allowed, .. } => format!("say --origin with one of: {}", allowed.join(", ")),
            Self::Busy { obstacle: Obstacle::NotQueued { .. }, .. } => "another runner has just worked on it: run the command again".to_owned(),
            Self::Busy { obstacle: Obstacle::Waits { .. }, .. } => {
                "`deed work` takes it up by itself when they are confirmed; nothing was sent".to_owned()
            }
            Self::Clock { .. } => {
                "set this machine's clock, or the server's (`timedatectl set-ntp true`): leases depend on it".to_owned()
            }
            Self::Busy { obstacle: Obstacle::AccountClaimed { .. }, .. } => {
                "one runner an account at a time: wait until it is done, then run the command again".to_owned()
            }
            Self::NoProof { .. } => "proof is sealed when an episode ends: run the order with `deed act`, or `deed work --until-idle`".to_owned(),
            Self::OutcomeUnknown { .. } | Self::StoppedAfter { .. } => {
                "run the same order again, or `deed work --until-idle`: it only looks, and finds out; nothing is ever sent twice".to_owned()
            }
            Self::Defect { .. } => {
                "please report the place; run the same command again: what may have happened is only looked at, and nothing is ever sent twice".to_owned()
            }
            Self::StoppedBefore { .. } => "run the same order again; the next run resolves what this one left".to_owned(),
            Self::SignIn(e) => e.help().to_owned(),
            Self::Window(e) => e.help().to_owned(),
            Self::Webhook(e) => e.help().to_owned(),
            Self::Cursor { .. } => "go on from a `cursor` that this ledger gave, or without --from, from the beginning".to_owned(),
            Self::Demo(_) => "`deed doctor` tells what is missing; --keep leaves the directory for a look".to_owned(),
        }
    }
}

fn help_of_ledger(error: &LedgerError) -> &'static str {
    match error {
        LedgerError::AmbiguousAccount { .. } => "name it as platform/handle or by its id",
        LedgerError::AccountExists { .. } => "`deed account connect ACCOUNT --session FILE` gives it a new session",
        LedgerError::AccountMismatch { .. } => "correct the order, or name the other account",
        LedgerError::NotForAPerson { .. } => {
            "`deed work --until-idle` recovers what a runner died with, and looks; then ask again"
        }
        LedgerError::Approval(error) => error.help(),
        LedgerError::WarningClosed { .. } => "nothing is left to do: `deed warning list --all` shows why it was closed",
        LedgerError::Missing(_) => "say it on the command line",
        LedgerError::Fault(fault) => match fault {
            LedgerFault::NotFound { what: "account", .. } => {
                "`deed account list` shows the accounts, `deed account add` connects one"
            }
            LedgerFault::NotFound { what: "approver", .. } => "`deed approver list` shows who is registered",
            LedgerFault::NotFound { what: "client", .. } => "`deed account list` shows the clients of all accounts",
            LedgerFault::NotFound { what: "warning", .. } => "`deed warning list --all` shows the warnings",
            LedgerFault::NotFound { what: "webhook", .. } => "`deed webhook list` shows the webhooks",
            LedgerFault::NotFound { .. } => "`deed queue list` shows the actions",
            LedgerFault::IdempotencyConflict { .. } => {
                "the key names an action that is something else: give this order a key of its own, or none"
            }
            LedgerFault::Illegal(_) => {
                "`deed queue show ACTION` tells where it stands; what may have happened can not be called off"
            }
            LedgerFault::FenceLost(_) => "another runner took over; its outcome counts: `deed queue show ACTION`",
            LedgerFault::Database { code: "audit-broken", .. } => {
                "nothing was signed: `deed audit verify` says from where on the log is another one; keep both as evidence"
            }
            LedgerFault::Database { code: "ledger-newer", .. } => {
                "use the version of Deed that wrote it, or a newer one"
            }
            LedgerFault::Database { code: "ledger-full", .. } => {
                "make room on that disk, then run the same command again; `deed doctor` shows how much is free"
            }
            LedgerFault::Database { code: "ledger-read-only", .. } => {
                "this user must be able to write the file and the directory it lies in; then run the same command again"
            }
            LedgerFault::Database {
                code: "key-unreadable" | "key-exposed" | "key-invalid" | "unseal-failed", ..
            } => "name the right key file with --seal-key (DEED_SEAL_KEY), or import the session again",
            LedgerFault::Database { .. } => {
                "nothing half-done stays: put it right and run the command again; `deed doctor` tells more"
            }
        },
    }
}
