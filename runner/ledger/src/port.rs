//! The ledger as the episode sees it: each method of the port is one function of the file that owns it.

use std::time::Duration;

use deed_core::account::Account;
use deed_core::approval::ApprovalNeed;
use deed_core::ids::{AccountId, ActionId, PolicySnapshotId, WorkerId};
use deed_core::order::Action;
use deed_core::pace::{Limits, Wait};
use deed_core::permit::ArmGrant;
use deed_core::policy::{Asks, PolicyFacts};
use deed_core::ports::browser::SessionState;
use deed_core::ports::ledger::{
    ArmRefusal, ArmRequest, AuditLine, Change, Claim, Fence, KillSwitch, Ledger, LedgerFault, StaleClaim,
    VerificationRead,
};
use deed_core::session::SessionExpiry;
use deed_core::state::Event;
use deed_core::time::Timestamp;
use deed_proofs::Sha256;
use deed_proofs::manifest::Approval;

use crate::audit::AuditRow;
use crate::engine::During as _;
use crate::open::{commit, on};
use crate::{SqlLedger, accounts, approvals, arm, change, claims, facts, kill, pace, rows, tries, waits};

impl Ledger for SqlLedger {
    async fn kill_switch(&self, account: &Account) -> Result<Option<KillSwitch>, LedgerFault> {
        let mut conn = self.read("read the kill switches").await?;
        kill::in_the_way(&mut conn, account).await
    }

    async fn account(&self, id: &AccountId) -> Result<Account, LedgerFault> {
        let mut conn = self.read("read an account").await?;
        rows::account(&mut conn, id).await
    }

    async fn session(&self, id: &AccountId) -> Result<Option<SessionState>, LedgerFault> {
        accounts::session(self, id).await
    }

    async fn policy_facts(&self, action: &Action, account: &Account, asks: &Asks) -> Result<PolicyFacts, LedgerFault> {
        facts::policy_facts(self, action, account, asks).await
    }

    async fn budget(
        &self,
        account: &AccountId,
        action_type: &str,
        limits: &Limits,
    ) -> Result<Option<Wait>, LedgerFault> {
        let mut conn = self.read("read the account's pace").await?;
        let bounds = pace::read(&mut conn, account).await?.bounds(limits, self.now());
        pace::wait(&mut conn, account, action_type, &bounds).await
    }

    async fn tries(&self, action: &ActionId) -> Result<u32, LedgerFault> {
        let mut conn = self.read("count the tries of an action").await?;
        tries::count(&mut conn, action).await
    }

    async fn policy_snapshot(&self, json: &str) -> Result<PolicySnapshotId, LedgerFault> {
        let what = "keep a policy snapshot";
        let id = Sha256::of(json.as_bytes()).to_string();
        let mut tx = self.write(what).await?;
        // Not `ON CONFLICT`: the trigger that keeps snapshots from being replaced comes first.
        sqlx::query(
            "INSERT INTO policies (policy_snapshot_id, snapshot, created_at)
             SELECT $1, $2, $3 WHERE NOT EXISTS (SELECT 1 FROM policies WHERE policy_snapshot_id = $1)",
        )
        .bind(&id)
        .bind(json)
        .bind(self.now().0)
        .execute(on(&mut tx))
        .await
        .during(what)?;
        commit(tx, what).await?;
        Ok(PolicySnapshotId::new(id))
    }

    async fn renew(&self, fence: &Fence, lease: Duration) -> Result<(), LedgerFault> {
        claims::renew(self, fence, lease).await
    }

    async fn advance(&self, fence: &Fence, event: Event, change: Change) -> Result<(), LedgerFault> {
        change::advance(self, fence, event, change).await
    }

    async fn arm(&self, fence: &Fence, request: &ArmRequest) -> Result<Result<ArmGrant, ArmRefusal>, LedgerFault> {
        arm::arm(self, fence, request).await
    }

    async fn verify_at(&self, fence: &Fence, at: Option<Timestamp>) -> Result<(), LedgerFault> {
        waits::verify_at(self, fence, at).await
    }

    async fn verification_reads(&self, action: &ActionId) -> Result<Vec<VerificationRead>, LedgerFault> {
        self.verifications_of(action).await
    }

    async fn note(&self, fence: &Fence, change: Change) -> Result<(), LedgerFault> {
        change::note(self, fence, change).await
    }

    async fn refresh_session(
        &self,
        fence: &Fence,
        session: &SessionState,
        ends: Option<SessionExpiry>,
    ) -> Result<(), LedgerFault> {
        accounts::refresh_session(self, fence, session, ends).await
    }

    async fn verification(&self, fence: &Fence, read: &VerificationRead) -> Result<(), LedgerFault> {
        change::verification(self, fence, read).await
    }

    async fn counted_approvals(&self, action: &ActionId, need: &ApprovalNeed) -> Result<Vec<Approval>, LedgerFault> {
        approvals::counted(self, action, need).await
    }

    async fn audit_trail(&self, action: &ActionId) -> Result<Vec<AuditLine>, LedgerFault> {
        let rows = self.audit_of(action).await?;
        let line = |row: AuditRow| AuditLine {
            event_id: row.event.audit_event_id,
            at: row.event.timestamp,
            status: row.event.result.status,
            hash: row.hash,
        };
        Ok(rows.into_iter().map(line).collect())
    }

    async fn release(&self, fence: &Fence) -> Result<(), LedgerFault> {
        claims::release(self, fence).await
    }

    async fn stale_claims(&self, dead: &[WorkerId]) -> Result<Vec<StaleClaim>, LedgerFault> {
        claims::stale(self, dead).await
    }

    async fn take_over(
        &self,
        stale: &StaleClaim,
        worker: &WorkerId,
        lease: Duration,
    ) -> Result<Option<Claim>, LedgerFault> {
        claims::take_over(self, stale, worker, lease).await
    }
}
