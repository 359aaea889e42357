//! The people: who files orders, approves, throws switches, clears accounts and answers what looking did not find out.

use std::sync::Arc;

use deed_core::account::AccountState;
use deed_core::approval::{self, ApprovalNeed, Decision, Statement};
use deed_core::hold::HoldReason;
use deed_core::ids::{AccountId, ActionId, EpisodeId};
use deed_core::ports::ledger::{KillScope, Ledger as _};
use deed_core::state::State;
use deed_ledger::{ActionDetails, ActionFilter, NewApprovalRequest, Operator, Resolution};
use deed_proofs::{ArtifactKind, ArtifactRef, Sha256};

use crate::check::made_by_order;
use crate::dice::Dice;
use crate::sim::BEGIN_MS;
use crate::stage::{Given, Signed, Stage, Thrown, lock};

/// The person who does it all, but for filing.
const ANN: &str = "ann";
/// How often a switch that was thrown is asked whether a press is still under way.
const LOOK_AGAIN_MS: i64 = 1_000;

/// States in which an action has not ended.
const OPEN: [State; 5] =
    [State::Queued, State::PreflightPassed, State::IdentityVerified, State::Attempted, State::Unknown];

/// Throws a switch for so long. It is acknowledged when the ledger says that no press is under way any more, as `deed kill on` does.
pub fn throw(stage: &Arc<Stage>, scope: KillScope, on_for_ms: i64) {
    let operator = Operator { by: ANN, reason: "stop" };
    if stage.wait(stage.ledger.kill_on(&scope, operator)).is_err() {
        return;
    }
    stage.sim.tell("person", "throws a switch", || format!("{scope:?}"));
    let stage = Arc::clone(stage);
    let sim = stage.sim.clone();
    sim.clone().spawn(None, async move {
        while stage.wait(stage.ledger.pressing(&scope)).is_ok_and(|until| until.is_some()) {
            sim.sleep_ms(LOOK_AGAIN_MS).await;
        }
        let place = {
            let mut log = lock(&stage.log);
            log.thrown.push(Thrown { scope: scope.clone(), acknowledged: sim.now_ms(), off: None });
            log.thrown.len() - 1
        };
        sim.tell("person", "is told that nothing can follow", || format!("{scope:?}"));
        sim.sleep_ms(on_for_ms).await;
        // One that was thrown twice is on until its last turn is over; the earlier ones say so as well.
        let others =
            lock(&stage.log).thrown.iter().enumerate().any(|(at, t)| at > place && t.scope == scope && t.off.is_none());
        if !others {
            let off = sim.now_ms();
            lock(&stage.log)
                .thrown
                .iter_mut()
                .filter(|t| t.scope == scope && t.off.is_none())
                .for_each(|t| t.off = Some(off));
            let _ = stage.wait(stage.ledger.kill_off(&scope, Operator { by: ANN, reason: "go on" }));
            sim.tell("person", "turns the switch off", || format!("{scope:?}"));
        }
    });
}

/// Suspends an account for so long.
pub fn suspend(stage: &Arc<Stage>, account: AccountId, for_ms: i64) {
    let operator = Operator { by: ANN, reason: "wait" };
    if stage.wait(stage.ledger.suspend_account(&account, operator)).is_err() {
        return;
    }
    let stage = Arc::clone(stage);
    let sim = stage.sim.clone();
    sim.tell("person", "suspends", || account.to_string());
    sim.clone().spawn(None, async move {
        // A press that was armed before may be on its way; after that nothing of the account is.
        let scope = KillScope::Account(account.to_string());
        while stage.wait(stage.ledger.pressing(&scope)).is_ok_and(|until| until.is_some()) {
            sim.sleep_ms(LOOK_AGAIN_MS).await;
        }
        shut(&stage, &account);
        sim.sleep_ms(for_ms).await;
        clear(&stage, &account);
    });
}

/// From now on nothing may be written as this account.
pub fn shut(stage: &Stage, account: &AccountId) {
    let now = stage.sim.now_ms();
    lock(&stage.log).shut.push((account.to_string(), now, None));
}

/// A person puts right what was wrong with an account, and lets it write again.
fn clear(stage: &Stage, account: &AccountId) {
    let now = stage.sim.now_ms();
    lock(&stage.platform).mend(&format!("s-{account}"));
    lock(&stage.log)
        .shut
        .iter_mut()
        .filter(|(of, _, till)| of == account.as_str() && till.is_none())
        .for_each(|s| s.2 = Some(now));
    let _ = stage.wait(stage.ledger.clear_account(account, Operator { by: ANN, reason: "looked at it" }));
    stage.sim.tell("person", "clears", || account.to_string());
}

/// Goes round: clears accounts, approves, lets held actions go on, answers what is not known. True: there was nothing to do and nothing is
/// under way.
pub fn go_round(stage: &Arc<Stage>) -> bool {
    let sim = &stage.sim;
    let Ok(accounts) = stage.wait(stage.ledger.list_accounts()) else { return false };
    let suspended: Vec<_> =
        accounts.iter().filter(|a| a.state == AccountState::Suspended).map(|a| a.id.clone()).collect();
    for account in accounts.iter().filter(|a| a.state == AccountState::ReadOnly) {
        clear(stage, &account.id);
    }
    for warning in stage.wait(stage.ledger.list_warnings(None, false, 100)).unwrap_or_default() {
        let _ =
            stage.wait(stage.ledger.close_warning(&warning.warning_id, Operator { by: ANN, reason: "looked at it" }));
    }
    // What has ended is looked at only once nothing else is left: there is more and more of it.
    let mut actions = Vec::new();
    for state in OPEN {
        let filter = ActionFilter { state: Some(state), ..ActionFilter::default() };
        let Ok(found) = stage.wait(stage.ledger.list_actions(&filter, 1_000)) else { return false };
        actions.extend(found);
    }
    actions.sort_by(|a, b| (b.created_at.0, &b.action.id).cmp(&(a.created_at.0, &a.action.id)));
    let mut rest = suspended.is_empty();
    for details in &actions {
        match details.action.state {
            State::Queued => {
                rest = false;
                match details.hold.as_ref().map(|h| (h.reason, h.until)) {
                    Some((HoldReason::Approval, _)) => approve(stage, details),
                    Some((reason, None)) if reason != HoldReason::KillSwitch && sim.dice(|d| d.chance(500_000)) => {
                        give_up_or_go_on(stage, details);
                    }
                    _ => {}
                }
            }
            State::Unknown if details.worker.is_none() && details.verify_at.is_none() => {
                rest = false;
                answer(stage, details);
            }
            State::PreflightPassed | State::IdentityVerified | State::Attempted | State::Unknown => rest = false,
            State::ConfirmedSuccess | State::ConfirmedFailed | State::PostcheckComplete | State::Cancelled => {}
        }
    }
    rest && stage.actions().is_ok_and(|all| all.iter().all(|details| details.worker.is_none()))
}

/// A held action goes on, or is called off when it was held for a long time.
fn give_up_or_go_on(stage: &Stage, details: &ActionDetails) {
    let operator = Operator { by: ANN, reason: "looked at it" };
    let id = &details.action.id;
    let old = stage.sim.now_ms() - details.created_at.0 > 8 * 3_600_000;
    if old {
        stage.sim.tell("person", "calls off", || id.to_string());
        let _ = stage.wait(stage.ledger.cancel_action(id, operator));
    } else {
        stage.sim.tell("person", "lets go on", || id.to_string());
        let _ = stage.wait(stage.ledger.release_action(id, operator));
    }
}

/// Looks at the platform and says what became of an action.
fn answer(stage: &Stage, details: &ActionDetails) {
    // Nobody answers before it is certain that nothing can come any more.
    let long_ago = details.action.attempted_at.is_some_and(|at| stage.sim.now_ms() - at.0 > 300_000);
    if !long_ago {
        return;
    }
    let id = details.action.id.to_string();
    let there = made_by_order(stage, &id);
    let found = if there { Resolution::Posted { permalink: None } } else { Resolution::Absent };
    if stage
        .wait(stage.ledger.resolve_action(&details.action.id, &found, Operator { by: ANN, reason: "looked" }))
        .is_ok()
    {
        stage.sim.tell("person", "answers", || format!("{id} is {}there", if there { "" } else { "not " }));
        lock(&stage.log).answered.insert(id, there);
    }
}

/// The people who may approve.
pub const APPROVERS: [&str; 3] = [ANN, "ben", "cat"];
/// Who was never going to approve is called off after so long.
const UNAPPROVED_MS: i64 = 3 * 3_600_000;
/// When somebody takes an approval back: so long after the last one that was needed. A worker takes the order up meanwhile.
const TAKEN_BACK_MS: (i64, i64) = (500, 120_000);

/// How the approvers of an order go about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// All at once.
    AtOnce,
    /// One after another, minutes apart.
    Apart,
    /// The first signs twice before the second signs.
    Twice,
    /// The filer signs too, and first.
    Filer,
    /// The last one rejects first, and says otherwise later.
    Wavers,
    /// The handle is not typed at first.
    Careless,
    /// The last one takes it back shortly after, and gives it again.
    TakesBack,
    /// The last one never signs.
    Never,
}

/// One thing that an approver signs.
#[derive(Debug, Clone, Copy)]
struct Says {
    name: &'static str,
    approves: bool,
    typed: bool,
}

impl Manner {
    fn drawn(dice: &mut Dice) -> Self {
        use Manner::{Apart, AtOnce, Careless, Filer, Never, TakesBack, Twice, Wavers};
        let all = [AtOnce, AtOnce, AtOnce, Apart, Apart, Twice, Filer, Wavers, Careless, TakesBack, TakesBack, Never];
        dice.one(&all, AtOnce)
    }

    /// What is signed when they are gone round to for the so-manieth time, of which so many must approve.
    fn says(self, round: u32, needed: usize, filer: &'static str) -> Vec<Says> {
        let others: Vec<&'static str> = APPROVERS.into_iter().filter(|name| *name != filer).take(needed).collect();
        let yes = |name| Says { name, approves: true, typed: true };
        let all = || others.iter().copied().map(yes).collect::<Vec<_>>();
        let (Some(first), Some(last)) = (others.first().copied(), others.last().copied()) else { return Vec::new() };
        // Who has nothing new to say signs once more: it changes nothing, and nobody is forgotten when the request was made anew.
        match (self, round) {
            (Self::Apart, _) => others.iter().copied().take(round as usize + 1).map(yes).collect(),
            (Self::Twice, 0 | 1) => vec![yes(first)],
            (Self::Filer, 0) => {
                std::iter::once(filer).filter(|f| APPROVERS.contains(f)).chain([first]).map(yes).collect()
            }
            (Self::Wavers, 0) => vec![Says { approves: false, ..yes(last) }],
            (Self::Wavers, 1) => others.iter().copied().filter(|name| *name != last).map(yes).collect(),
            (Self::Careless, 0) => others.iter().map(|name| Says { typed: false, ..yes(name) }).collect(),
            (Self::Never, _) => others.iter().copied().filter(|name| *name != last).map(yes).collect(),
            _ => all(),
        }
    }
}

/// Asks for approval, and has signed what the approvers sign this time.
fn approve(stage: &Arc<Stage>, details: &ActionDetails) {
    let action = &details.action;
    let Ok(account) = stage.wait(stage.ledger.account(&action.account)) else { return };
    let policy = stage.policy.resolve(&deed_core::policy::who(&account), &stage.recipe.budgets);
    let need = approval::need(action, &account, &stage.recipe.hash, &policy);
    if need.needed == 0 || !stage.sim.dice(|d| d.chance(700_000)) {
        return;
    }
    let id: &ActionId = &action.id;
    let given = lock(&stage.log).orders.iter().find(|o| o.action.as_deref() == Some(id.as_str())).cloned();
    let Some(given) = given else { return };
    match stage.wait(stage.ledger.approval_request(id)) {
        Ok(Some(request)) if request.binding == need.binding && request.needed >= need.needed => {}
        Ok(_) => {
            let screenshot = ArtifactRef {
                sha256: Sha256::of(id.as_str().as_bytes()),
                kind: ArtifactKind::Screenshot,
                step: "review".to_owned(),
                phase: "review".to_owned(),
                media_type: "image/png".to_owned(),
                bytes: 1,
                at: stage.sim.now().to_string(),
                dom: None,
            };
            let new = NewApprovalRequest { action: id.clone(), need, screenshot, episode: EpisodeId::new("rehearsal") };
            if stage.wait(stage.ledger.request_approval(&new, "filer")).is_err() {
                return;
            }
        }
        Err(_) => return,
    }
    let (manner, round) = {
        let mut log = lock(&stage.log);
        let (manner, rounds) =
            log.asked.entry(id.to_string()).or_insert_with(|| (Manner::drawn(&mut lock(&stage.approvers)), 0));
        *rounds += 1;
        (*manner, *rounds - 1)
    };
    if manner == Manner::Never && stage.sim.now_ms() - details.created_at.0 > UNAPPROVED_MS {
        stage.sim.tell("person", "calls off what was not approved", || id.to_string());
        let _ = stage.wait(stage.ledger.cancel_action(id, Operator { by: ANN, reason: "nobody approved it" }));
        return;
    }
    let mut met = false;
    for says in manner.says(round, given.approvals as usize, given.filer) {
        met |= sign(stage, id, &given, &need, says);
    }
    let Some(last) = manner.says(u32::MAX, given.approvals as usize, given.filer).pop() else { return };
    if met && manner == Manner::TakesBack && round == 0 {
        let after = lock(&stage.approvers).between(TAKEN_BACK_MS.0, TAKEN_BACK_MS.1);
        let (stage, id, sim) = (Arc::clone(stage), id.clone(), stage.sim.clone());
        sim.clone().spawn(None, async move {
            sim.sleep_ms(after).await;
            sign(&stage, &id, &given, &need, Says { approves: false, ..last });
        });
    }
}

/// Signs, and hands it in. What was taken is written down. True: enough approve now.
fn sign(stage: &Stage, id: &ActionId, given: &Given, need: &ApprovalNeed, says: Says) -> bool {
    let Ok(Some(request)) = stage.wait(stage.ledger.approval_request(id)) else { return false };
    let now = stage.sim.now();
    let statement = Statement {
        action: id.clone(),
        revision: request.revision,
        binding: need.binding,
        approver: says.name.to_owned(),
        decision: if says.approves { Decision::Approve } else { Decision::Reject },
        handle: says.typed.then(|| given.handle.clone()),
        reason: None,
        at: now,
    };
    let Some(signed) = crate::keys::key(says.name).map(|key| key.sign(statement)) else { return false };
    let decided = stage.wait(stage.ledger.decide(&signed, need));
    stage.sim.tell("person", if says.approves { "approves" } else { "rejects" }, || {
        let how = if says.typed { "" } else { ", without the handle" };
        let heard = decided.as_ref().map_or_else(|refused| format!("refused: {refused}"), |_| "taken".to_owned());
        format!("{id} by {}{how}: {heard}", says.name)
    });
    let Ok(decided) = decided else { return false };
    lock(&stage.log).signed.push(Signed {
        action: id.to_string(),
        name: says.name,
        approves: says.approves,
        typed: says.typed,
        at: stage.sim.now_ms(),
    });
    decided.met
}

/// How long after the beginning it is.
pub fn elapsed_ms(stage: &Stage) -> i64 {
    stage.sim.now_ms() - BEGIN_MS
}
