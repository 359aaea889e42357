//! What a policy does to an episode in a real browser: what is not begun, what is not committed, and what counts.
#![expect(clippy::expect_used, reason = "tests stop at the first surprise")]

use std::sync::Arc;
use std::time::Duration;

use deed_core::episode::{self, Ending, Options};
use deed_core::hold::HoldReason;
use deed_core::ids::ActionId;
use deed_core::state::State;
use deed_proofs::manifest::Manifest;
use deed_recipes::policy::policy_from_str;
use deed_tests::Stage;

fn under(stage: &Stage, policy: &str) -> Options {
    let file = policy_from_str("policy.yaml", policy).expect("a sound policy");
    Options { policy: Arc::new(file), ..stage.options.clone() }
}

async fn run(stage: &Stage, action: &ActionId, policy: &str) -> Ending {
    let claim = stage.claim(action).await;
    let recipe = Arc::clone(&stage.recipe);
    episode::run(&stage.world, claim, recipe, &under(stage, policy)).await.expect("the ledger answers")
}

async fn manifest(stage: &Stage, action: &ActionId) -> Manifest {
    let path = stage.proof_folder(action).await.join("manifest.json");
    Manifest::from_json(&std::fs::read(path).expect("the manifest is there")).expect("it reads")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_account_composes_and_commits_nothing_that_nobody_approved() {
    let stage = Stage::new().await;
    let action = stage.file("Rye, for approval", Vec::new(), None).await;
    let ending = run(&stage, &action, "defaults: { autonomy: draft }\n").await;
    let hold = ending.hold.expect("it is held");
    assert_eq!((hold.reason, hold.until), (HoldReason::Approval, None), "{}", hold.detail);
    assert_eq!(stage.publishes(), (0, 0));
    let proof = manifest(&stage, &action).await;
    let review = proof.steps.iter().find(|step| step.phase == "review").expect("it got as far as the review");
    assert!(!review.artifacts.is_empty(), "with a picture of the composer");
    assert!(proof.steps.iter().all(|step| step.phase != "commit"));
    // The snapshot that decided is on the action and in its proof.
    let details = stage.world.ledger.action_details(&action).await.expect("the action");
    assert_eq!(details.policy.expect("a snapshot").as_str(), proof.intent.policy_snapshot_id);
    // By itself, the same action goes on to its end.
    let ending = run(&stage, &action, "defaults: { autonomy: auto }\n").await;
    assert_eq!((ending.state, stage.publishes()), (State::PostcheckComplete, (1, 1)), "{ending:#?}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manual_account_begins_nothing_and_may_be_rehearsed() {
    let stage = Stage::new().await;
    let manual = "defaults: { autonomy: manual }\n";
    let action = stage.file("Rye, by hand", Vec::new(), None).await;
    let hold = run(&stage, &action, manual).await.hold.expect("it is held");
    assert_eq!(hold.reason, HoldReason::Approval, "{}", hold.detail);
    assert!(manifest(&stage, &action).await.steps.iter().all(|step| step.phase == "preflight"));
    // A rehearsal is what a person looks at before approving.
    let (claim, recipe) = (stage.claim(&action).await, Arc::clone(&stage.recipe));
    let ending = episode::rehearse(&stage.world, claim, recipe, &under(&stage, manual)).await.expect("it runs");
    assert_eq!(ending.hold.map(|hold| hold.reason), Some(HoldReason::DraftMode));
    assert_eq!(stage.publishes(), (0, 0));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_uses_the_budget_of_the_hour() {
    let stage = Stage::new().await;
    let once = "defaults: { rate_limits: { publish.post: { per_hour: 1 } } }\n";
    let first = stage.file("The first of the hour", Vec::new(), None).await;
    let ending = run(&stage, &first, once).await;
    assert_eq!(ending.state, State::PostcheckComplete, "{ending:#?}");
    let attempted = stage.world.ledger.action(&first).await.expect("the action").attempted_at.expect("attempted");

    let second = stage.file("The second of the hour", Vec::new(), None).await;
    let hold = run(&stage, &second, once).await.hold.expect("it is held");
    assert_eq!(hold.reason, HoldReason::Budget, "{}", hold.detail);
    assert_eq!(hold.until, Some(attempted.plus(Duration::from_secs(60 * 60))));
    assert_eq!(stage.publishes(), (1, 1));
    stage.end().await;
}
