//! The real ledger behind its port, with a point before and after each effect: there the process may crash or stand still, and there
//! the database may be away, before or after it committed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
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
use deed_ledger::SqlLedger;
use deed_proofs::manifest::Approval;

use crate::sim::Process;
use crate::stage::{Stage, away, lock};
use crate::{check, people};

/// The ledger of one process.
#[derive(Clone)]
pub struct SimLedger {
    stage: Arc<Stage>,
    process: Process,
}

impl SimLedger {
    /// Of a process.
    pub fn new(stage: &Arc<Stage>, process: Process) -> Self {
        Self { stage: Arc::clone(stage), process }
    }

    /// The ledger itself.
    pub fn sql(&self) -> &SqlLedger {
        &self.stage.ledger
    }

    /// What a claim was answered with, written down for the checkers.
    pub fn claimed(
        &self,
        done: Result<Option<Claim>, LedgerFault>,
        lease: Duration,
    ) -> Result<Option<Claim>, LedgerFault> {
        if let Ok(Some(claim)) = &done {
            self.stage.claimed(&claim.fence, lease);
        }
        done
    }

    /// What is told from now on is about this action: who recovers has one after another.
    fn about(&self, action: &ActionId) {
        self.stage.sim.about(Some(action.as_str()));
    }

    /// One call that changes something, with the points before and after it. What follows it at once is the point before the next one.
    pub async fn call<T, F>(&self, what: &'static str, effect: F) -> Result<T, LedgerFault>
    where
        F: Future<Output = Result<T, LedgerFault>> + Send,
    {
        self.stage.sim.point(self.process, what).await;
        self.carried_out(what, effect).await
    }

    /// One call that only reads.
    pub async fn ask<T, F>(&self, what: &'static str, effect: F) -> Result<T, LedgerFault>
    where
        F: Future<Output = Result<T, LedgerFault>> + Send,
    {
        self.stage.sim.passing(self.process, what).await;
        self.carried_out(what, effect).await
    }

    async fn carried_out<T, F>(&self, what: &'static str, effect: F) -> Result<T, LedgerFault>
    where
        F: Future<Output = Result<T, LedgerFault>> + Send,
    {
        let sim = &self.stage.sim;
        let fails = self.stage.ledger_fails;
        let (before, after) = sim.dice(|d| (d.chance(fails), d.chance(fails)));
        let number = self.stage.ledger_calls.fetch_add(1, Ordering::Relaxed) + 1;
        let away_now = self.stage.ledger_away.calls.contains(&number);
        if before || away_now && !self.stage.ledger_away.after {
            return Err(away(what));
        }
        let done = self.stage.wait(effect);
        let process = self.process;
        sim.tell(&format!("p{process}"), what, || done.as_ref().err().map(ToString::to_string).unwrap_or_default());
        sim.passing(self.process, what).await;
        if after || away_now { Err(away(what)) } else { done }
    }
}

impl Ledger for SimLedger {
    async fn kill_switch(&self, account: &Account) -> Result<Option<KillSwitch>, LedgerFault> {
        self.ask("reads the kill switch", self.sql().kill_switch(account)).await
    }

    async fn account(&self, id: &AccountId) -> Result<Account, LedgerFault> {
        self.ask("reads the account", self.sql().account(id)).await
    }

    async fn session(&self, id: &AccountId) -> Result<Option<SessionState>, LedgerFault> {
        self.ask("reads the session", self.sql().session(id)).await
    }

    async fn policy_facts(&self, action: &Action, account: &Account, asks: &Asks) -> Result<PolicyFacts, LedgerFault> {
        self.ask("reads what the policy asks", self.sql().policy_facts(action, account, asks)).await
    }

    async fn budget(
        &self,
        account: &AccountId,
        action_type: &str,
        limits: &Limits,
    ) -> Result<Option<Wait>, LedgerFault> {
        self.ask("reads the budget", self.sql().budget(account, action_type, limits)).await
    }

    async fn counted_approvals(&self, action: &ActionId, need: &ApprovalNeed) -> Result<Vec<Approval>, LedgerFault> {
        self.ask("reads the approvals that count", self.sql().counted_approvals(action, need)).await
    }

    async fn tries(&self, action: &ActionId) -> Result<u32, LedgerFault> {
        self.ask("counts the tries", self.sql().tries(action)).await
    }

    async fn policy_snapshot(&self, json: &str) -> Result<PolicySnapshotId, LedgerFault> {
        self.call("keeps the policy snapshot", self.sql().policy_snapshot(json)).await
    }

    async fn renew(&self, fence: &Fence, lease: Duration) -> Result<(), LedgerFault> {
        self.about(&fence.action);
        let renewed = async {
            let done = self.sql().renew(fence, lease).await;
            done.inspect(|()| self.stage.renewed(&fence.action, lease))
        };
        self.call("renews the lease", renewed).await
    }

    async fn advance(&self, fence: &Fence, event: Event, change: Change) -> Result<(), LedgerFault> {
        self.about(&fence.action);
        let what = match event {
            Event::PreflightPassed => "advances: preflight passed",
            Event::IdentityVerified => "advances: identity verified",
            Event::Held => "advances: held",
            Event::Interrupted => "advances: interrupted",
            Event::DuplicateFound => "advances: a duplicate",
            Event::Armed => "advances: armed",
            Event::NotSent => "advances: not sent",
            Event::OutcomeUnclear => "advances: unknown",
            Event::FoundPresent => "advances: found present",
            Event::FoundAbsent => "advances: found absent",
            Event::PostcheckDone => "advances: postcheck done",
            Event::Cancelled => "advances: cancelled",
        };
        // By the reason that is written, and by what the platform showed, whatever reason is written.
        let challenged = event == Event::Held && lock(&self.stage.log).challenged.contains(fence.episode.as_str());
        let shuts = challenged || change.hold.as_ref().is_some_and(|hold| check::shuts(hold.reason.as_str()));
        let advanced = async {
            let done = self.sql().advance(fence, event, change).await;
            // From the moment at which it is in the ledger, whatever becomes of the process.
            if done.is_ok() {
                self.stage.wrote(fence, what);
                self.stage.went(&fence.action, check::state_after(event));
            }
            if done.is_ok()
                && shuts
                && let Ok(details) = self.sql().action_details(&fence.action).await
            {
                people::shut(&self.stage, &details.action.account);
            }
            done
        };
        self.call(what, advanced).await
    }

    async fn arm(&self, fence: &Fence, request: &ArmRequest) -> Result<Result<ArmGrant, ArmRefusal>, LedgerFault> {
        self.about(&fence.action);
        let armed = async {
            let done = self.sql().arm(fence, request).await;
            if let Ok(Ok(grant)) = &done {
                self.stage.armed(fence, grant.deadline);
            }
            done
        };
        let armed = self.call("arms", armed).await;
        self.stage.sim.tell(&format!("p{}", self.process), "arm says", || match &armed {
            Ok(Ok(grant)) => format!("granted for {} until {}", grant.action, grant.deadline),
            Ok(Err(refusal)) => refusal.to_string(),
            Err(fault) => fault.to_string(),
        });
        armed
    }

    async fn verify_at(&self, fence: &Fence, at: Option<Timestamp>) -> Result<(), LedgerFault> {
        self.about(&fence.action);
        self.call("says when to look again", self.sql().verify_at(fence, at)).await
    }

    async fn verification_reads(&self, action: &ActionId) -> Result<Vec<VerificationRead>, LedgerFault> {
        self.ask("reads the looks so far", self.sql().verification_reads(action)).await
    }

    async fn note(&self, fence: &Fence, change: Change) -> Result<(), LedgerFault> {
        self.about(&fence.action);
        let noted = async {
            let done = self.sql().note(fence, change).await;
            done.inspect(|()| self.stage.wrote(fence, "notes"))
        };
        self.call("notes", noted).await
    }

    async fn refresh_session(
        &self,
        fence: &Fence,
        session: &SessionState,
        ends: Option<SessionExpiry>,
    ) -> Result<(), LedgerFault> {
        self.call("seals the session again", self.sql().refresh_session(fence, session, ends)).await
    }

    async fn verification(&self, fence: &Fence, read: &VerificationRead) -> Result<(), LedgerFault> {
        self.about(&fence.action);
        self.stage.sim.tell(&format!("p{}", self.process), "looked", || format!("{:?}: {}", read.found, read.note));
        let kept = async {
            let done = self.sql().verification(fence, read).await;
            done.inspect(|()| {
                self.stage.wrote(fence, "keeps a look");
                self.stage.looked(fence);
            })
        };
        self.call("keeps a look", kept).await
    }

    async fn audit_trail(&self, action: &ActionId) -> Result<Vec<AuditLine>, LedgerFault> {
        self.ask("reads the audit trail", self.sql().audit_trail(action)).await
    }

    async fn release(&self, fence: &Fence) -> Result<(), LedgerFault> {
        self.about(&fence.action);
        self.call("releases the claim", self.sql().release(fence)).await
    }

    async fn stale_claims(&self, dead: &[WorkerId]) -> Result<Vec<StaleClaim>, LedgerFault> {
        self.ask("lists the stale claims", self.sql().stale_claims(dead)).await
    }

    async fn take_over(
        &self,
        stale: &StaleClaim,
        worker: &WorkerId,
        lease: Duration,
    ) -> Result<Option<Claim>, LedgerFault> {
        self.about(&stale.action);
        let taken = async { self.claimed(self.sql().take_over(stale, worker, lease).await, lease) };
        self.call("takes a claim over", taken).await
    }
}
