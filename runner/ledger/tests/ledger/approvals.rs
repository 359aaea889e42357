//! Approvals: who may give one, of what, and what the arm transaction makes of it.

use std::path::Path;
use std::time::Duration;

use deed_core::approval::{AccountApprovals, ApprovalNeed, Decision, Risk, Statement};
use deed_core::hold::{Hold, HoldReason};
use deed_core::ids::{ActionId, EpisodeId};
use deed_core::ports::ledger::{ArmRefusal, ArmRequest, Change, Fence, Ledger as _};
use deed_core::state::{Event, State};
use deed_ledger::{
    ApprovalError, ApproverKey, ClaimTarget, Decided, LedgerError, NewApprovalRequest, NewOrder, Operator, PublicKey,
    SignedStatement,
};
use deed_proofs::{ArtifactKind, Sha256};

use crate::desk::{ANN, Desk, LEASE, artifact, request, worker};

/// `ann` files every order of the desk.
const APPROVERS: [&str; 3] = ["ben", "cleo", "dora"];
const HANDLE: Option<&str> = Some("north_star");

fn need(of: &str, risk: Risk) -> ApprovalNeed {
    let needed = match risk {
        Risk::Low => 0,
        Risk::Medium => 1,
        Risk::High => 2,
    };
    ApprovalNeed { needed, risk, binding: Sha256::of(of.as_bytes()) }
}

/// The desk, with approvers who have keys.
struct Office {
    desk: Desk,
}

impl Office {
    async fn new() -> Self {
        let desk = Desk::new().await;
        for name in APPROVERS {
            let key = ApproverKey::create(&desk.dir.path().join(name)).unwrap();
            desk.ledger.add_approver(name, &key.public(), "ann").await.unwrap();
        }
        Self { desk }
    }

    fn key(&self, name: &str) -> ApproverKey {
        let path = self.desk.dir.path().join(name);
        if Path::exists(&path) { ApproverKey::open(&path).unwrap() } else { ApproverKey::create(&path).unwrap() }
    }

    async fn ask(&self, action: &ActionId, need: ApprovalNeed) -> u32 {
        let screenshot = artifact(b"filled composer", ArtifactKind::Screenshot);
        let new = NewApprovalRequest { action: action.clone(), need, screenshot, episode: EpisodeId::new("rehearsal") };
        self.desk.ledger.request_approval(&new, "ann").await.unwrap().revision
    }

    /// What somebody signs, each a moment later than the one before.
    fn signed(
        &self,
        name: &str,
        action: &ActionId,
        revision: u32,
        need: &ApprovalNeed,
        decision: Decision,
        handle: Option<&str>,
    ) -> SignedStatement {
        self.desk.pass(Duration::from_millis(1));
        self.key(name).sign(Statement {
            action: action.clone(),
            revision,
            binding: need.binding,
            approver: name.to_owned(),
            decision,
            handle: handle.map(str::to_owned),
            reason: (decision == Decision::Reject).then(|| "not like this".to_owned()),
            at: self.desk.now(),
        })
    }

    async fn approve(&self, name: &str, action: &ActionId, need: &ApprovalNeed) -> Result<Decided, LedgerError> {
        let revision = self.desk.ledger.approval_request(action).await.unwrap().map_or(0, |r| r.revision);
        let signed = self.signed(name, action, revision, need, Decision::Approve, HANDLE);
        self.desk.ledger.decide(&signed, need).await
    }

    async fn reject(&self, name: &str, action: &ActionId, need: &ApprovalNeed) {
        let revision = self.desk.ledger.approval_request(action).await.unwrap().map_or(0, |r| r.revision);
        let signed = self.signed(name, action, revision, need, Decision::Reject, None);
        self.desk.ledger.decide(&signed, need).await.unwrap();
    }

    async fn arm(&self, fence: &Fence, need: ApprovalNeed) -> Result<(), ArmRefusal> {
        let request = ArmRequest { approval: need, ..request() };
        self.desk.ledger.arm(fence, &request).await.unwrap().map(|_| ())
    }

    /// Refused for its approvals, of which so many count, and nothing was changed.
    async fn refused(&self, fence: &Fence, need: ApprovalNeed, expected: u32) {
        let rows = self.desk.audit_rows().await;
        let refusal = self.arm(fence, need).await.unwrap_err();
        assert!(matches!(refusal, ArmRefusal::Approval { have, .. } if have == expected), "{expected}: {refusal:?}");
        assert_eq!(self.desk.audit_rows().await, rows);
        assert_eq!(self.desk.state(&fence.action).await, State::IdentityVerified);
    }

    /// The rows of decisions.
    async fn kept(&self, action: &ActionId) -> usize {
        self.desk.ledger.approvals_given(action).await.unwrap().len()
    }
}

fn code(result: Result<Decided, LedgerError>) -> &'static str {
    result.unwrap_err().code()
}

#[tokio::test]
async fn a_high_risk_is_armed_with_two_different_people_and_not_with_one() {
    let office = Office::new().await;
    let fence = office.desk.ready("hello").await;
    let need = need("this", Risk::High);
    office.refused(&fence, need, 0).await;
    office.ask(&fence.action, need).await;
    let one = office.approve("ben", &fence.action, &need).await.unwrap();
    assert_eq!((one.met, one.standing.have()), (false, 1));
    office.refused(&fence, need, 1).await;
    let two = office.approve("cleo", &fence.action, &need).await.unwrap();
    assert_eq!((two.met, two.standing.approved_by), (true, vec!["ben".to_owned(), "cleo".to_owned()]));
    office.arm(&fence, need).await.unwrap();
}

#[tokio::test]
async fn the_same_person_counts_once() {
    let office = Office::new().await;
    let fence = office.desk.ready("hello").await;
    let need = need("this", Risk::High);
    office.ask(&fence.action, need).await;
    for _ in 0..3 {
        assert!(!office.approve("ben", &fence.action, &need).await.unwrap().met);
    }
    assert_eq!(office.kept(&fence.action).await, 3);
    office.refused(&fence, need, 1).await;
}

#[tokio::test]
async fn a_name_and_a_key_are_one_persons() {
    let office = Office::new().await;
    let ledger = &office.desk.ledger;
    let other = office.key("other").public();
    for (name, key) in [("ben", other), ("BEN ", other), ("eve", office.key("ben").public())] {
        assert_eq!(ledger.add_approver(name, &key, "ann").await.unwrap_err().code(), "approver-exists", "{name}");
    }
    // The key of somebody who was revoked is nobody's again; the name may be, with another key.
    ledger.revoke_approver("ben", ANN).await.unwrap();
    let old = office.key("ben").public();
    assert_eq!(ledger.add_approver("ben", &old, "ann").await.unwrap_err().code(), "approver-exists");
    ledger.add_approver("ben", &other, "ann").await.unwrap();
    assert_eq!(ledger.list_approvers().await.unwrap().len(), 4);
    assert_eq!(ledger.add_approver(" ", &other, "ann").await.unwrap_err().code(), "missing-argument");
}

#[tokio::test]
async fn who_filed_the_order_has_no_say() {
    let office = Office::new().await;
    let order = NewOrder { filed_by: "Ben".to_owned(), ..office.desk.order("hello") };
    let id = office.desk.ledger.file_order(&order).await.unwrap().action.action.id;
    let need = need("this", Risk::Medium);
    office.ask(&id, need).await;
    assert_eq!(code(office.approve("ben", &id, &need).await), "approval-by-filer");
    assert_eq!(office.kept(&id).await, 0);
    assert!(office.approve("cleo", &id, &need).await.unwrap().met);
}

/// The database holds it too: a decision that got there around the ledger does not count.
#[tokio::test]
async fn an_approval_of_the_filers_does_not_count_however_it_got_there() {
    let office = Office::new().await;
    let fence = office.desk.ready("hello").await;
    let need = need("this", Risk::Medium);
    office.ask(&fence.action, need).await;
    let ann = office.key("ann");
    office.desk.ledger.add_approver("ann", &ann.public(), "ann").await.unwrap();
    let signed = office.signed("ann", &fence.action, 1, &need, Decision::Approve, HANDLE);
    let (binding, text) = (need.binding, signed.statement.canonical());
    let (id, at) = (&fence.action, signed.statement.at.0);
    let insert = format!(
        "INSERT INTO approvals (action_id, revision, binding, approver_id, decision, handle_typed, statement, signature, decided_at)
         SELECT '{id}', 1, '{binding}', approver_id, 'approve', 1, '{text}', '{}', {at} FROM approvers WHERE name = 'ann'",
        signed.signature
    );
    office.desk.sql(&insert).await.unwrap();
    assert!(office.desk.ledger.approvals_given(id).await.unwrap()[0].verifies, "it is signed as it must be");
    office.refused(&fence, need, 0).await;
}

/// Each with everything right but the signature.
#[tokio::test]
async fn only_the_registered_key_signs_for_a_name() {
    let office = Office::new().await;
    let id = office.desk.filed("hello").await;
    let need = need("this", Risk::Medium);
    office.ask(&id, need).await;
    let good = office.signed("ben", &id, 1, &need, Decision::Approve, HANDLE);
    let cleos = office.key("cleo").sign(good.statement.clone());
    let altered = SignedStatement {
        statement: Statement { reason: Some("changed".to_owned()), ..good.statement.clone() },
        signature: good.signature.clone(),
    };
    let none = SignedStatement { signature: String::new(), ..good.clone() };
    for wrong in [cleos, altered, none] {
        assert_eq!(code(office.desk.ledger.decide(&wrong, &need).await), "approval-signature");
    }
    let stranger = office.signed("eve", &id, 1, &need, Decision::Approve, HANDLE);
    assert_eq!(code(office.desk.ledger.decide(&stranger, &need).await), "not-found");
    assert_eq!(office.kept(&id).await, 0);
    assert!(office.desk.ledger.decide(&good, &need).await.unwrap().met);
}

#[tokio::test]
async fn what_was_not_signed_does_not_count_however_it_got_there() {
    let office = Office::new().await;
    let fence = office.desk.ready("hello").await;
    let need = need("this", Risk::Medium);
    office.ask(&fence.action, need).await;
    let binding = need.binding;
    let insert = format!(
        "INSERT INTO approvals (action_id, revision, binding, approver_id, decision, handle_typed, statement, signature, decided_at)
         SELECT '{}', 1, '{binding}', approver_id, 'approve', 1, '{{}}', 'AAAA', 5 FROM approvers WHERE name = 'ben'",
        fence.action
    );
    office.desk.sql(&insert).await.unwrap();
    assert!(!office.desk.ledger.approvals_given(&fence.action).await.unwrap()[0].verifies);
    office.refused(&fence, need, 0).await;
}

#[tokio::test]
async fn who_was_revoked_does_not_count_any_more() {
    let office = Office::new().await;
    let fence = office.desk.ready("hello").await;
    let need = need("this", Risk::Medium);
    office.ask(&fence.action, need).await;
    assert!(office.approve("ben", &fence.action, &need).await.unwrap().met);
    office.desk.ledger.revoke_approver("ben", ANN).await.unwrap();
    office.refused(&fence, need, 0).await;
    assert_eq!(code(office.approve("ben", &fence.action, &need).await), "approver-revoked");
    let given = office.desk.ledger.approvals_given(&fence.action).await.unwrap();
    assert!(given[0].revoked && given[0].verifies, "it stays on record, and stays true");
    // Nor does the same person under a new key, without deciding anew.
    office.desk.ledger.add_approver("ben", &office.key("new").public(), "ann").await.unwrap();
    office.refused(&fence, need, 0).await;
}

#[tokio::test]
async fn what_changed_since_it_was_looked_at_is_stale() {
    let office = Office::new().await;
    let fence = office.desk.ready("hello").await;
    let (before, after) = (need("before", Risk::Medium), need("after", Risk::Medium));
    let id = &fence.action;
    assert_eq!(code(office.approve("ben", id, &before).await), "approval-not-asked");
    office.ask(id, before).await;
    // The recipe changed: neither what was signed before nor what is signed now is what the request showed.
    for signed in [&before, &after] {
        let signed = office.signed("ben", id, 1, signed, Decision::Approve, HANDLE);
        let error = office.desk.ledger.decide(&signed, &after).await.unwrap_err();
        assert_eq!(error.code(), "approval-stale");
        assert!(error.to_string().starts_with("it changed, look again"), "{error}");
    }
    // Another binding than the one that it would be now.
    let other = office.signed("ben", id, 1, &need("other", Risk::Medium), Decision::Approve, HANDLE);
    assert_eq!(code(office.desk.ledger.decide(&other, &before).await), "approval-stale");
    // Of an earlier, or a later, revision.
    assert!(office.approve("ben", id, &before).await.unwrap().met);
    assert_eq!(office.ask(id, before).await, 2);
    for revision in [1, 3] {
        let old = office.signed("cleo", id, revision, &before, Decision::Approve, HANDLE);
        assert_eq!(code(office.desk.ledger.decide(&old, &before).await), "approval-stale", "{revision}");
    }
    assert_eq!(office.kept(id).await, 1);
    // What was approved under the earlier one does not count any more.
    office.refused(&fence, before, 0).await;
    assert!(office.approve("ben", id, &before).await.unwrap().met);
    // Nor does it for anything else.
    office.refused(&fence, after, 0).await;
    office.arm(&fence, before).await.unwrap();
}

#[tokio::test]
async fn a_high_risk_asks_for_the_handle_typed_exactly() {
    let office = Office::new().await;
    let fence = office.desk.ready("hello").await;
    let (medium, high) = (need("this", Risk::Medium), need("this", Risk::High));
    office.ask(&fence.action, high).await;
    let say = async |need: &ApprovalNeed, handle| {
        let signed = office.signed("ben", &fence.action, 1, need, Decision::Approve, handle);
        office.desk.ledger.decide(&signed, need).await
    };
    for wrong in [None, Some("south_star"), Some("North_Star"), Some("")] {
        assert_eq!(code(say(&high, wrong).await), "approval-handle", "{wrong:?}");
    }
    assert_eq!(code(say(&medium, Some("south_star")).await), "approval-handle", "a wrong one is wrong at any risk");
    // Without it at a lower risk; when the risk has become high it does not count.
    assert!(say(&medium, None).await.unwrap().met);
    assert!(office.approve("cleo", &fence.action, &high).await.is_ok_and(|d| !d.met));
    office.refused(&fence, high, 1).await;
    assert!(say(&high, HANDLE).await.unwrap().met);
    office.arm(&fence, high).await.unwrap();
}

#[tokio::test]
async fn a_rejection_stands_until_its_approver_takes_it_back() {
    let office = Office::new().await;
    let fence = office.desk.ready("hello").await;
    let (id, need) = (&fence.action, need("this", Risk::Medium));
    office.ask(id, need).await;
    office.reject("ben", id, &need).await;
    let cleo = office.approve("cleo", id, &need).await.unwrap();
    assert_eq!((cleo.met, cleo.standing.rejected_by), (false, vec!["ben".to_owned()]));
    office.refused(&fence, need, 1).await;
    // Asking again does not get around it; nor does it when nobody has to approve any more.
    office.ask(id, need).await;
    assert!(!office.approve("cleo", id, &need).await.unwrap().met);
    office.refused(&fence, need, 1).await;
    office.refused(&fence, ApprovalNeed { needed: 0, risk: Risk::Low, ..need }, 1).await;
    assert!(office.approve("ben", id, &need).await.unwrap().met);
    office.arm(&fence, need).await.unwrap();
}

#[tokio::test]
async fn who_was_revoked_does_not_stand_in_the_way_either() {
    let office = Office::new().await;
    let fence = office.desk.ready("hello").await;
    let (id, need) = (&fence.action, need("this", Risk::Medium));
    office.ask(id, need).await;
    office.reject("ben", id, &need).await;
    office.approve("cleo", id, &need).await.unwrap();
    office.refused(&fence, need, 1).await;
    office.desk.ledger.revoke_approver("ben", ANN).await.unwrap();
    office.arm(&fence, need).await.unwrap();
}

/// As a ledger of before this was kept has them.
#[tokio::test]
async fn of_an_action_whose_filer_is_not_known_anybody_may_approve() {
    let office = Office::new().await;
    office.desk.filed("hello").await;
    office.desk.sql(
        "INSERT INTO actions (action_id, client_id, account_id, platform, lane, action_type, payload, payload_hash, content_hash,
         idempotency_key, state, created_at, updated_at)
         SELECT 'old', client_id, account_id, platform, lane, action_type, payload, payload_hash, content_hash, 'old', 'queued',
         created_at, updated_at FROM actions",
    )
    .await
    .unwrap();
    let old = ActionId::new("old");
    let details = office.desk.ledger.action_details(&old).await.unwrap();
    assert_eq!((details.filed_by, details.action.risk), (None, Risk::Low));
    let need = need("this", Risk::Medium);
    office.ask(&old, need).await;
    office.desk.ledger.add_approver("ann", &office.key("ann").public(), "ann").await.unwrap();
    assert!(office.approve("ann", &old, &need).await.unwrap().met);
}

#[tokio::test]
async fn a_decision_that_was_taken_back_can_not_be_given_again() {
    let office = Office::new().await;
    let fence = office.desk.ready("hello").await;
    let (id, need) = (&fence.action, need("this", Risk::Medium));
    office.ask(id, need).await;
    let unsent = office.signed("ben", id, 1, &need, Decision::Approve, HANDLE);
    let sent = office.signed("ben", id, 1, &need, Decision::Approve, HANDLE);
    assert!(office.desk.ledger.decide(&sent, &need).await.unwrap().met);
    let rows = office.desk.audit_rows().await;
    assert!(office.desk.ledger.decide(&sent, &need).await.unwrap().met, "the same again is nothing new");
    assert_eq!(office.desk.audit_rows().await, rows);
    office.reject("ben", id, &need).await;
    assert!(!office.desk.ledger.decide(&sent, &need).await.unwrap().met);
    assert_eq!(code(office.desk.ledger.decide(&unsent, &need).await), "approval-stale");
    office.refused(&fence, need, 0).await;
}

#[tokio::test]
async fn the_number_is_the_accounts_and_the_orders_of_now() {
    let office = Office::new().await;
    let ledger = &office.desk.ledger;
    let fence = office.desk.ready("hello").await;
    let (id, one) = (&fence.action, need("this", Risk::Medium));
    // The episode read the account before its rule was raised.
    for (rule, asked) in [(AccountApprovals::One, need("this", Risk::Low)), (AccountApprovals::Two, one)] {
        ledger.set_approvals(&office.desk.account.id, rule, ANN).await.unwrap();
        office.ask(id, one).await;
        office.approve("ben", id, &one).await.unwrap();
        office.refused(&fence, asked, 1).await;
    }
    ledger.set_approvals(&office.desk.account.id, AccountApprovals::None, ANN).await.unwrap();
    office.arm(&fence, one).await.unwrap();
    office.desk.step(&fence, Event::NotSent).await;
    ledger.release(&fence).await.unwrap();

    let order = NewOrder { risk: Risk::High, ..office.desk.order("risky") };
    let risky = ledger.file_order(&order).await.unwrap().action.action;
    assert_eq!(risky.risk, Risk::High);
    let fence = ledger.claim(&ClaimTarget::Action(risky.id), &worker("w1"), LEASE).await.unwrap().unwrap().fence;
    office.desk.step(&fence, Event::PreflightPassed).await;
    office.desk.step(&fence, Event::IdentityVerified).await;
    office.ask(&fence.action, one).await;
    office.approve("ben", &fence.action, &one).await.unwrap();
    office.refused(&fence, one, 1).await;
    // The same order at another risk is not the same.
    let again = ledger.file_order(&office.desk.order("risky")).await.unwrap_err();
    assert_eq!(again.code(), "idempotency-conflict");
}

/// Waits, held for approval, as an episode's preflight leaves it.
async fn held(office: &Office, text: &str, need: ApprovalNeed) -> ActionId {
    let fence = office.desk.claimed(text).await.fence;
    let hold = Some(Hold::new(HoldReason::Approval, "two must approve"));
    let change = Change { hold, approval: Some(need), ..Change::default() };
    office.desk.ledger.advance(&fence, Event::Held, change).await.unwrap();
    office.desk.ledger.release(&fence).await.unwrap();
    fence.action
}

async fn due(office: &Office) -> Option<ActionId> {
    let claim = office.desk.ledger.claim(&ClaimTarget::NextDue, &worker("w9"), LEASE).await.unwrap()?;
    office.desk.ledger.release(&claim.fence).await.unwrap();
    Some(claim.action.id)
}

#[tokio::test]
async fn the_last_approval_makes_the_action_due_and_a_rejection_makes_it_wait() {
    let office = Office::new().await;
    let need = need("this", Risk::High);
    let id = held(&office, "hello", need).await;
    office.ask(&id, need).await;
    assert_eq!(due(&office).await, None);
    office.approve("ben", &id, &need).await.unwrap();
    assert_eq!(due(&office).await, None);
    office.approve("cleo", &id, &need).await.unwrap();
    assert_eq!(due(&office).await, Some(id.clone()));
    office.reject("dora", &id, &need).await;
    assert_eq!(due(&office).await, None);
    let hold = office.desk.ledger.action_details(&id).await.unwrap().hold.unwrap();
    assert_eq!((hold.reason, hold.detail.as_str()), (HoldReason::Approval, "rejected by dora: not like this"));
    office.approve("dora", &id, &need).await.unwrap();
    assert_eq!(due(&office).await, Some(id));
}

#[tokio::test]
async fn only_a_hold_for_approval_is_released() {
    let office = Office::new().await;
    let need = need("this", Risk::Medium);
    let fence = office.desk.claimed("hello").await.fence;
    let hold = Some(Hold::new(HoldReason::Policy, "seen"));
    office.desk.ledger.advance(&fence, Event::Held, Change { hold, ..Change::default() }).await.unwrap();
    office.desk.ledger.release(&fence).await.unwrap();
    office.ask(&fence.action, need).await;
    office.reject("ben", &fence.action, &need).await;
    assert!(office.approve("ben", &fence.action, &need).await.unwrap().met);
    let hold = office.desk.ledger.action_details(&fence.action).await.unwrap().hold.unwrap();
    assert_eq!(hold.reason, HoldReason::Policy);
}

/// The episode saw too few, and the last came before it could say so.
#[tokio::test]
async fn an_approval_that_comes_while_the_action_is_being_held_is_not_missed() {
    let office = Office::new().await;
    let need = need("this", Risk::Medium);
    let fence = office.desk.claimed("hello").await.fence;
    office.ask(&fence.action, need).await;
    let standing = office.desk.ledger.approvals(&fence.action, &need).await.unwrap();
    assert!(!standing.meets(&need));
    office.approve("ben", &fence.action, &need).await.unwrap();
    let hold = Some(Hold::new(HoldReason::Approval, standing.words(&fence.action, &need)));
    let change = Change { hold, approval: Some(need), ..Change::default() };
    office.desk.ledger.advance(&fence, Event::Held, change).await.unwrap();
    office.desk.ledger.release(&fence).await.unwrap();
    assert_eq!(due(&office).await, Some(fence.action));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_who_approve_at_once_both_count_and_one_releases() {
    let office = Office::new().await;
    let need = need("this", Risk::High);
    for round in 0..5 {
        let id = held(&office, &format!("hello {round}"), need).await;
        office.ask(&id, need).await;
        let handles = [office.desk.ledger.clone(), office.desk.second_handle().await];
        let signed = ["ben", "cleo"].map(|n| office.signed(n, &id, 1, &need, Decision::Approve, HANDLE));
        let tasks: Vec<_> = handles
            .into_iter()
            .zip(signed)
            .map(|(ledger, signed)| tokio::spawn(async move { ledger.decide(&signed, &need).await.unwrap() }))
            .collect();
        let mut met = 0;
        for task in tasks {
            met += usize::from(task.await.unwrap().met);
        }
        assert_eq!(met, 1, "the second of them sees both");
        assert_eq!(due(&office).await, Some(id.clone()));
        office.desk.ledger.cancel_action(&id, ANN).await.unwrap();
    }
}

#[tokio::test]
async fn what_was_attempted_is_not_decided_about_any_more() {
    let office = Office::new().await;
    let need = need("this", Risk::Medium);
    let fence = office.desk.ready("hello").await;
    office.ask(&fence.action, need).await;
    office.approve("ben", &fence.action, &need).await.unwrap();
    office.arm(&fence, need).await.unwrap();
    assert_eq!(code(office.approve("cleo", &fence.action, &need).await), "approval-closed");
    let screenshot = artifact(b"filled composer", ArtifactKind::Screenshot);
    let new = NewApprovalRequest { action: fence.action.clone(), need, screenshot, episode: EpisodeId::new("r") };
    let closed = office.desk.ledger.request_approval(&new, "ann").await.unwrap_err();
    let state = State::Attempted;
    assert_eq!(closed, ApprovalError::Closed { action: fence.action, state }.into());
}

#[tokio::test]
async fn every_step_is_in_the_audit_log_with_its_signature() {
    let office = Office::new().await;
    let need = need("this", Risk::Medium);
    let id = office.desk.filed("hello").await;
    office.ask(&id, need).await;
    office.approve("ben", &id, &need).await.unwrap();
    office.desk.ledger.revoke_approver("ben", ANN).await.unwrap();
    assert_eq!(office.desk.statuses(&id).await, ["queued", "approval_requested", "approved"]);
    let told = office.desk.ledger.audit_of(&id).await.unwrap().pop().unwrap();
    assert_eq!(told.by.as_deref(), Some("ben"));
    let kept = &office.desk.ledger.approvals_given(&id).await.unwrap()[0];
    let mut raw = office.desk.raw().await;
    let arguments: String = sqlx::query_scalar("SELECT arguments FROM operator_acts WHERE seq = $1")
        .bind(told.seq)
        .fetch_one(&mut raw)
        .await
        .unwrap();
    let said: serde_json::Value = serde_json::from_str(&arguments).unwrap();
    let key: PublicKey = said["what"]["public_key"].as_str().unwrap().parse().unwrap();
    let statement = said["what"]["statement"].as_str().unwrap();
    assert_eq!((statement, key), (kept.statement.as_str(), kept.public_key));
    assert!(key.signed(statement, said["what"]["signature"].as_str().unwrap()));
    let log = office.desk.ledger.audit_tail(100).await.unwrap();
    let statuses: Vec<_> = log.iter().map(|row| row.event.result.status.as_str()).collect();
    assert!(statuses.contains(&"approver_added") && statuses.contains(&"approver_revoked"), "{statuses:?}");
    assert!(office.desk.audit_rows().await > 5);
    let nobody = Operator { by: "ann", reason: " " };
    assert_eq!(office.desk.ledger.revoke_approver("cleo", nobody).await.unwrap_err().code(), "missing-argument");
}

#[tokio::test]
async fn what_was_asked_and_decided_is_never_changed_in_the_database() {
    let office = Office::new().await;
    let need = need("this", Risk::Medium);
    let id = office.desk.filed("hello").await;
    office.ask(&id, need).await;
    office.approve("ben", &id, &need).await.unwrap();
    office.desk.ledger.revoke_approver("cleo", ANN).await.unwrap();
    for (sql, words) in [
        ("UPDATE approvals SET decision = 'reject'", "append-only"),
        ("DELETE FROM approvals", "append-only"),
        ("UPDATE approval_requests SET binding = 'x'", "append-only"),
        ("DELETE FROM approval_requests", "append-only"),
        (
            "INSERT INTO approval_requests SELECT action_id, 5, binding, risk, needed, screenshot, episode_id, requested_by,
             created_at FROM approval_requests",
            "one after another",
        ),
        ("UPDATE approvers SET name = 'eve' WHERE name = 'ben'", "never changed"),
        ("UPDATE approvers SET public_key = 'x' WHERE name = 'ben'", "never changed"),
        ("UPDATE approvers SET revoked_at = NULL, revoked_by = NULL, revoked_reason = NULL WHERE name = 'cleo'", "never changed"),
        ("DELETE FROM approvers", "never deleted"),
        ("UPDATE actions SET filed_by = 'x'", "never change"),
        ("UPDATE actions SET risk = 'low'", "never change"),
    ] {
        let error = office.desk.sql(sql).await.map_or_else(|words| words, |rows| format!("done, to {rows} rows"));
        assert!(error.contains(words), "{sql}: {error}");
    }
}
