//! Golden paths: planning has no side effects (GP1), publish by browser (GP3), the kill switch at every stage (GP5).
#![expect(clippy::expect_used, clippy::panic, reason = "tests stop at the first surprise")]

use std::sync::Arc;

use deed_core::account::Mode;
use deed_core::episode;
use deed_core::hold::{Failure, HoldReason};
use deed_core::ports::ledger::KillScope;
use deed_core::state::State;
use deed_ledger::Operator;
use deed_proofs::manifest::{Gate, Manifest};
use deed_tests::{HANDLE, Hooked, Stage, wait_for};

const BY: Operator<'static> = Operator { by: "test", reason: "golden path" };

#[tokio::test(flavor = "multi_thread")]
async fn gp1_planning_has_no_side_effects() {
    let stage = Stage::new().await;
    let before = stage.practice.truth().writes.len();
    let action = stage.file("Planned, not posted", vec![stage.picture()], None).await;
    let claim = stage.claim(&action).await;
    let audit = stage.world.ledger.audit_of(&action).await.expect("audit").len();

    let ending = episode::rehearse(&stage.world, claim.clone(), Arc::clone(&stage.recipe), &stage.options)
        .await
        .expect("it runs");

    assert_eq!(ending.hold.as_ref().map(|h| h.reason), Some(HoldReason::DraftMode), "{ending:#?}");
    let manifest = manifest(&stage, &claim.fence.episode.to_string());
    assert!(manifest.commit_target.is_some(), "it found what it would press");
    assert!(
        manifest.steps.iter().any(|s| s.phase == "review" && !s.artifacts.is_empty()),
        "with a picture of the composer"
    );
    // The platform got nothing but media that nobody sees, and the ledger nothing at all.
    assert_eq!(stage.practice.truth().writes.len(), before, "{:?}", stage.practice.truth().writes);
    let after = stage.world.ledger.action(&action).await.expect("the action");
    assert_eq!(after.state, State::Queued);
    assert_eq!(stage.world.ledger.audit_of(&action).await.expect("audit").len(), audit, "no event was added");
    stage.end().await;
}

fn manifest(stage: &Stage, episode: &str) -> Manifest {
    let path = stage.world.proofs.store().episode_folder(episode).join("manifest.json");
    Manifest::from_json(&std::fs::read(path).expect("the manifest is there")).expect("it reads")
}

#[tokio::test(flavor = "multi_thread")]
async fn gp3_publish_by_browser_with_identity_and_proof() {
    let stage = Stage::new().await;
    let text = "Rye, spelt and sunflower — from seven.";
    let action = stage.file(text, vec![stage.picture()], None).await;
    let ending = stage.run(&action).await;
    assert_eq!((ending.state, ending.proof_level), (State::PostcheckComplete, 3), "{ending:#?}");

    // The platform's own record: one write, by this account, with this content and this picture.
    let truth = stage.practice.truth();
    assert_eq!(truth.publishes_of(text), 1);
    let write = truth.writes.iter().find(|w| w.text == text).expect("the write");
    assert_eq!((write.account.as_deref(), write.media, write.stored), (Some(HANDLE), 1, true));
    assert_eq!(ending.object.platform_object_id, write.object_id);
    assert!(ending.object.permalink.as_deref().is_some_and(|p| p.contains("/p/")), "{ending:#?}");

    // The proof tells the same, and every step that touches a page has a picture and a document.
    let row = stage.world.ledger.action(&action).await.expect("the action");
    let manifest = manifest(&stage, row.episode.expect("an episode").as_str());
    let identity = manifest.identity.as_ref().expect("identity evidence");
    assert!(identity.ok && identity.votes.iter().all(|v| v.passed), "{identity:?}");
    let target = manifest.commit_target.as_ref().expect("a commit target");
    assert!(target.agreed.len() >= 2 && target.pressed_at.is_some(), "{target:?}");
    let receipt = manifest.receipt.as_ref().expect("a receipt");
    assert_eq!(receipt.requests.iter().filter(|r| r.gate == Gate::LetThrough).count(), 1, "{receipt:?}");
    for phase in ["identity", "dedupe", "review", "receipt", "verify", "postcheck"] {
        let step = manifest.steps.iter().find(|s| s.phase == phase).unwrap_or_else(|| panic!("no step {phase}"));
        assert!(step.artifacts.len() >= 2, "{phase} has a picture and a document: {step:?}");
    }
    assert_eq!(manifest.outcome.proof_level, 3);

    // The audit trail is the whole way, in order.
    let statuses: Vec<_> =
        stage.world.ledger.audit_of(&action).await.expect("audit").into_iter().map(|r| r.event.result.status).collect();
    let way: Vec<_> = statuses.iter().map(String::as_str).filter(|s| State::parse(s).is_some()).collect();
    assert_eq!(
        way,
        ["queued", "preflight_passed", "identity_verified", "attempted", "confirmed_success", "postcheck_complete"],
        "{statuses:?}"
    );
    stage.end().await;
}

/// Every boundary before the press, in order.
const BEFORE_PRESS: [&str; 9] = [
    "claimed",
    "preflight_passed",
    "opened",
    "identity_verified",
    "deduped",
    "composed",
    "reviewed",
    "proof_durable",
    "armed",
];

async fn gp5(scope: impl Fn(&Stage) -> KillScope) {
    let stage = Stage::new().await;
    let scope = scope(&stage);
    for at in BEFORE_PRESS {
        let action = stage.file(&format!("Not while the switch is on ({at})"), Vec::new(), None).await;
        let throw = || drop(wait_for(stage.world.ledger.kill_on(&scope, BY)).expect("the switch is thrown"));
        let world = Hooked::new(&stage.world, at, throw);
        let claim = stage.claim(&action).await;
        let ending = episode::run(&world, claim, Arc::clone(&stage.recipe), &stage.options).await.expect("it runs");
        assert!(world.happened(), "boundary {at} was reached");
        assert_eq!(stage.publishes(), (0, 0), "thrown at {at}: {ending:#?}");
        if at == "armed" {
            // The permit existed; that nothing was sent is proved, and it is never tried again by itself.
            assert_eq!(
                (ending.state, ending.failure),
                (State::ConfirmedFailed, Some(Failure::NotSent)),
                "{at}: {ending:#?}"
            );
        } else {
            let reason = ending.hold.as_ref().map(|h| h.reason);
            assert_eq!((ending.state, reason), (State::Queued, Some(HoldReason::KillSwitch)), "{at}: {ending:#?}");
            // Each place reads it itself: were one left out, the next would hide that.
            let read = match at {
                "claimed" => "(read before preflight)",
                "preflight_passed" => "(read before the browser is touched)",
                _ => "by test: golden path",
            };
            assert!(ending.words.ends_with(read), "thrown at {at}, {}", ending.words);
        }
        assert!(stage.world.ledger.kill_off(&scope, BY).await.expect("the ledger answers"));
    }
    // After the press it is too late to stop, and the outcome is told truthfully.
    let action = stage.file("Too late to stop", Vec::new(), None).await;
    let throw = || drop(wait_for(stage.world.ledger.kill_on(&scope, BY)).expect("the switch is thrown"));
    let world = Hooked::new(&stage.world, "pressed", throw);
    let claim = stage.claim(&action).await;
    let ending = episode::run(&world, claim, Arc::clone(&stage.recipe), &stage.options).await.expect("it runs");
    assert_eq!(ending.state, State::PostcheckComplete, "{ending:#?}");
    assert_eq!(stage.publishes(), (1, 1));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gp5_global_kill_switch_at_every_stage() {
    gp5(|_| KillScope::Global).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gp5_client_kill_switch_at_every_stage() {
    gp5(|_| KillScope::Client("bakery".into())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gp5_account_kill_switch_at_every_stage() {
    gp5(|stage| KillScope::Account(stage.account.to_string())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_account_stops_before_the_commit_with_a_picture_of_the_composer() {
    let stage = Stage::new().await;
    stage.world.ledger.set_mode(&stage.account, Mode::Draft, BY.by).await.expect("draft");
    let action = stage.file("Only a draft", Vec::new(), None).await;
    let ending = stage.run(&action).await;
    assert_eq!(ending.hold.as_ref().map(|h| h.reason), Some(HoldReason::DraftMode), "{ending:#?}");
    assert_eq!(stage.publishes(), (0, 0));
    let row = stage.world.ledger.action(&action).await.expect("the action");
    let manifest = manifest(&stage, row.episode.expect("an episode").as_str());
    assert!(manifest.steps.iter().any(|s| s.phase == "review" && !s.artifacts.is_empty()));
    // Live, the same action goes on to its end.
    stage.world.ledger.set_mode(&stage.account, Mode::Live, BY.by).await.expect("live");
    let ending = stage.run(&action).await;
    assert_eq!(ending.state, State::PostcheckComplete, "{ending:#?}");
    assert_eq!(stage.publishes(), (1, 1));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn read_only_accounts_run_nothing_until_a_person_clears_them() {
    let stage = Stage::new().await;
    stage.faults(deed_fixtures::Faults { wrong_account: true, ..Default::default() });
    let action = stage.file("Not as somebody else", Vec::new(), None).await;
    assert_eq!(stage.run(&action).await.hold.map(|h| h.reason), Some(HoldReason::WrongAccount));
    stage.faults(deed_fixtures::Faults::default());
    let held = stage.run(&action).await.hold.expect("it is held");
    assert_eq!(held.reason, HoldReason::AccountReadOnly);
    // Before the browser is touched; arm would refuse it too, after everything else was done on the account.
    assert!(held.detail.starts_with("account_active: read-only"), "{}", held.detail);
    stage.world.ledger.clear_account(&stage.account, BY).await.expect("cleared");
    assert_eq!(stage.run(&action).await.state, State::PostcheckComplete);
    assert_eq!(stage.publishes(), (1, 1));
    stage.end().await;
}
