//! The ledger as the episode sees it. Every change of state is one transaction with its audit event.

use std::future::Future;
use std::time::Duration;

use deed_proofs::manifest::Approval;
use deed_proofs::{ArtifactRef, Sha256};
use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::approval::ApprovalNeed;
use crate::hold::{Failure, Hold};
use crate::ids::{AccountId, ActionId, EpisodeId, PolicySnapshotId, WorkerId};
use crate::order::Action;
use crate::pace::{Limits, Wait};
use crate::permit::ArmGrant;
use crate::policy::{Asks, PolicyFacts};
use crate::ports::browser::SessionState;
use crate::session::SessionExpiry;
use crate::state::Event;
use crate::time::Timestamp;

/// Proof of being the one who works on an action: every write names it, and a stale one is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// The action.
    pub action: ActionId,
    /// The account.
    pub account: AccountId,
    /// The episode.
    pub episode: EpisodeId,
    /// The worker.
    pub worker: WorkerId,
    /// The fencing epoch; grows with every claim.
    pub epoch: i64,
}

/// A claimed action.
#[derive(Debug, Clone)]
pub struct Claim {
    /// What to do.
    pub action: Action,
    /// As whom.
    pub account: Account,
    /// The right to write about it.
    pub fence: Fence,
    /// Why it failed, where it did.
    pub failure: Option<Failure>,
}

/// How far a kill switch reaches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "scope", content = "id")]
pub enum KillScope {
    /// Everything.
    Global,
    /// One client.
    Client(String),
    /// One account.
    Account(String),
}

/// A kill switch that is on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KillSwitch {
    /// How far it reaches.
    pub scope: KillScope,
    /// Who turned it on.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

impl std::fmt::Display for KillSwitch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scope = match &self.scope {
            KillScope::Global => "global".to_owned(),
            KillScope::Client(id) => format!("client {id}"),
            KillScope::Account(id) => format!("account {id}"),
        };
        write!(f, "kill switch ({scope}) on since {} by {}: {}", self.at, self.by, self.reason)
    }
}

/// What is known of the object after a commit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ObjectFacts {
    /// The platform's id.
    pub platform_object_id: Option<String>,
    /// Its own page.
    pub permalink: Option<String>,
    /// The write request's HTTP status.
    pub http_status: Option<u16>,
    /// `public`, `pending_review` or `gone` ([`crate::review`]).
    pub visibility: Option<String>,
}

/// One change of an action: the event and what goes with it, in one transaction with its audit event.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Why it waits; with [`Event::Held`]. Makes the account read-only where [`crate::hold::HoldReason::makes_read_only`] says so.
    pub hold: Option<Hold>,
    /// Why it failed; with an event that leads to `confirmed_failed`.
    pub failure: Option<Failure>,
    /// What is known of the object.
    pub object: ObjectFacts,
    /// Whether 2 of 3 held.
    pub identity_ok: Option<bool>,
    /// What let it pass.
    pub policy: Option<PolicySnapshotId>,
    /// The proof level reached, 0 to 3.
    pub proof_level: Option<u8>,
    /// Artifacts that became durable since the last change.
    pub artifacts: Vec<ArtifactRef>,
    /// The sealed manifest's hash.
    pub manifest: Option<Sha256>,
    /// The fault by which a try ended that had sent nothing, with a hold ([`crate::retry::Transient::as_str`]).
    pub tried: Option<&'static str>,
    /// Whether nothing of the press can reach the platform any more although its session is open still: its one write was answered.
    pub press_over: bool,
    /// With [`Event::FoundPresent`]: when any worker looks again at what waits for the platform's review.
    pub look_again: Option<Timestamp>,
    /// Until when the platform asked the account to wait, with the answer to the write.
    pub not_before: Option<Timestamp>,
    /// With a hold for approval: what was missing. When it came meanwhile the hold is not kept, so that nothing waits for ever.
    pub approval: Option<ApprovalNeed>,
}

/// A try that ended by a fault before anything was attempted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Try {
    /// Its number, from 1.
    pub number: u32,
    /// When it ended.
    pub at: Timestamp,
    /// The fault.
    pub fault: String,
    /// The fault in words.
    pub detail: String,
    /// When the next one is due; `None`: when a person asks for it.
    pub next: Option<Timestamp>,
}

/// What arm asks for, beyond what the ledger knows.
#[derive(Debug, Clone)]
pub struct ArmRequest {
    /// The target's hash.
    pub target: Sha256,
    /// How long the worst commit takes: so much of the lease must be left, and the permit ends then.
    pub commit_within: Duration,
    /// Proof that is durable before the commit.
    pub artifacts: Vec<ArtifactRef>,
    /// The draft manifest's hash (attempt proof).
    pub manifest: Option<Sha256>,
    /// How much of this action type the account may do.
    pub limits: Limits,
    /// How much longer than its spacing the account's next attempt will wait, in thousandths ([`crate::pace::jitter_milli`]).
    pub jitter_milli: u32,
    /// Which approvals there must be.
    pub approval: ApprovalNeed,
}

/// Why arm did not happen. The action is where it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArmRefusal {
    /// A kill switch is on.
    #[error("{0}")]
    KillSwitch(KillSwitch),
    /// The account is not active.
    #[error("the account is {0}")]
    AccountNotActive(String),
    /// The account is in draft mode.
    #[error("the account is in mode draft")]
    Draft,
    /// The lease has less left than a commit takes.
    #[error("the lease has too little time left")]
    LeaseTooShort,
    /// Another worker has the action, or its state is not `identity_verified`.
    #[error("the claim on the action was lost")]
    FenceLost,
    /// Another action of the account was attempted and is not yet known.
    #[error("another action of the account, {0}, is not settled yet")]
    AccountBusy(ActionId),
    /// It waits for actions that are not known to have come to be.
    #[error("it waits for {0} other action(s)")]
    Waits(i64),
    /// The account did as much as it may for now.
    #[error("{}", .0.words)]
    Budget(Wait),
    /// Too few people approved exactly this, or one rejected it.
    #[error("{words}")]
    Approval {
        /// How many count.
        have: u32,
        /// How many must.
        needed: u32,
        /// Who, and what is missing.
        words: String,
    },
}

/// A read of a verification session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// The object is there.
    Present,
    /// It is there, but not public.
    Pending,
    /// It is not there.
    Absent,
    /// The page could not be read.
    Unreadable,
}

impl Found {
    /// The name in the database and in manifests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Pending => "pending",
            Self::Absent => "absent",
            Self::Unreadable => "unreadable",
        }
    }
}

/// One verification read, as stored.
#[derive(Debug, Clone)]
pub struct VerificationRead {
    /// Its number, from 1.
    pub read: u32,
    /// When.
    pub at: Timestamp,
    /// What it found.
    pub found: Found,
    /// In words.
    pub note: String,
}

/// One audit event, as a manifest lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLine {
    /// Its id.
    pub event_id: String,
    /// RFC 3339.
    pub at: String,
    /// The state that it brought, or what was done.
    pub status: String,
    /// Its hash in the chain.
    pub hash: String,
}

/// A claim whose worker is gone or whose lease is over.
#[derive(Debug, Clone)]
pub struct StaleClaim {
    /// The action.
    pub action: ActionId,
    /// Who had it.
    pub worker: WorkerId,
    /// Under which epoch.
    pub epoch: i64,
    /// Whether the lease is over by every clock: then nothing of that worker can be armed or pressed any more, even if it lives.
    pub lease_over: bool,
}

/// What went wrong with the ledger.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerFault {
    /// The claim is no longer ours: another worker took over.
    #[error("the claim on action {0} was lost to another worker")]
    FenceLost(ActionId),
    /// The row is not there.
    #[error("there is no {what} {id}")]
    NotFound {
        /// What.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// Same idempotency key, other payload, account or risk.
    #[error("idempotency key {key} belongs to action {action}, which has another payload, account or risk")]
    IdempotencyConflict {
        /// The key.
        key: String,
        /// The stored action.
        action: ActionId,
    },
    /// The transition is illegal.
    #[error(transparent)]
    Illegal(#[from] crate::state::IllegalTransition),
    /// The database can not be written or read.
    #[error("failed to {what}: {why}")]
    Database {
        /// The operation.
        what: String,
        /// The database's words.
        why: String,
        /// The stable code: `ledger-full`, `ledger-read-only`, `ledger-newer`, `ledger-busy`, `ledger-corrupt`, `ledger-database`.
        code: &'static str,
    },
}

impl LedgerFault {
    /// The stable code; also the anchor in `docs/errors.md`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::FenceLost(_) => "fence-lost",
            Self::NotFound { .. } => "not-found",
            Self::IdempotencyConflict { .. } => "idempotency-conflict",
            Self::Illegal(_) => "illegal-transition",
            Self::Database { code, .. } => code,
        }
    }
}

/// What the episode, verification and recovery need of the ledger.
pub trait Ledger: Send + Sync {
    /// The kill switch that stands in the way of this account, the widest first.
    fn kill_switch(&self, account: &Account) -> impl Future<Output = Result<Option<KillSwitch>, LedgerFault>> + Send;

    /// The account as it is now.
    fn account(&self, id: &AccountId) -> impl Future<Output = Result<Account, LedgerFault>> + Send;

    /// The account's session, unsealed.
    fn session(&self, id: &AccountId) -> impl Future<Output = Result<Option<SessionState>, LedgerFault>> + Send;

    /// What the policy asks of the ledger before this action.
    fn policy_facts(
        &self,
        action: &Action,
        account: &Account,
        asks: &Asks,
    ) -> impl Future<Output = Result<PolicyFacts, LedgerFault>> + Send;
    /// What the account's budget and pace make an action of this type wait for; `None`: nothing. The arm transaction asks the same.
    fn budget(
        &self,
        account: &AccountId,
        action_type: &str,
        limits: &Limits,
    ) -> impl Future<Output = Result<Option<Wait>, LedgerFault>> + Send;

    /// How many tries of an action ended by a fault that was expected to pass.
    fn tries(&self, action: &ActionId) -> impl Future<Output = Result<u32, LedgerFault>> + Send;

    /// Stores an immutable policy snapshot (canonical JSON) and returns its id, the sha256 of its bytes.
    fn policy_snapshot(&self, json: &str) -> impl Future<Output = Result<PolicySnapshotId, LedgerFault>> + Send;

    /// Moves the lease of a claim that is still ours.
    fn renew(&self, fence: &Fence, lease: Duration) -> impl Future<Output = Result<(), LedgerFault>> + Send;

    /// One event of an action, with its audit event, in one transaction. Refused when the claim is no longer ours.
    fn advance(
        &self,
        fence: &Fence,
        event: Event,
        change: Change,
    ) -> impl Future<Output = Result<(), LedgerFault>> + Send;

    /// The arm transaction: everything that must hold is in it, and `attempted` with its audit event.
    fn arm(
        &self,
        fence: &Fence,
        request: &ArmRequest,
    ) -> impl Future<Output = Result<Result<ArmGrant, ArmRefusal>, LedgerFault>> + Send;

    /// When any worker is to look again at what is not known yet, or is not public yet; `None`: by itself none, a person is needed.
    fn verify_at(&self, fence: &Fence, at: Option<Timestamp>) -> impl Future<Output = Result<(), LedgerFault>> + Send;

    /// All verification reads of an action so far, of whichever worker, in order.
    fn verification_reads(
        &self,
        action: &ActionId,
    ) -> impl Future<Output = Result<Vec<VerificationRead>, LedgerFault>> + Send;

    /// Keeps what is known of the object, and proof, without a change of state (the receipt).
    fn note(&self, fence: &Fence, change: Change) -> impl Future<Output = Result<(), LedgerFault>> + Send;

    /// Seals a session that the platform refreshed during the episode, in place of the stored one. Refused when the
    /// claim is no longer ours, or its lease is over.
    fn refresh_session(
        &self,
        fence: &Fence,
        session: &SessionState,
        ends: Option<SessionExpiry>,
    ) -> impl Future<Output = Result<(), LedgerFault>> + Send;

    /// Keeps one verification read.
    fn verification(
        &self,
        fence: &Fence,
        read: &VerificationRead,
    ) -> impl Future<Output = Result<(), LedgerFault>> + Send;

    /// The approvals that count for what this action needs, for its manifest.
    fn counted_approvals(
        &self,
        action: &ActionId,
        need: &ApprovalNeed,
    ) -> impl Future<Output = Result<Vec<Approval>, LedgerFault>> + Send;

    /// The audit events of an action, in order, for its manifest.
    fn audit_trail(&self, action: &ActionId) -> impl Future<Output = Result<Vec<AuditLine>, LedgerFault>> + Send;

    /// Ends the claim; the action keeps its state.
    fn release(&self, fence: &Fence) -> impl Future<Output = Result<(), LedgerFault>> + Send;

    /// Claims whose lease is over, and claims of the given dead workers.
    fn stale_claims(&self, dead: &[WorkerId]) -> impl Future<Output = Result<Vec<StaleClaim>, LedgerFault>> + Send;

    /// Takes a stale claim over under a new epoch, if it is still the same stale claim.
    fn take_over(
        &self,
        stale: &StaleClaim,
        worker: &WorkerId,
        lease: Duration,
    ) -> impl Future<Output = Result<Option<Claim>, LedgerFault>> + Send;
}
