//! What takes a platform its time (a film that is processed) is waited for under a claim that does not lapse, and within a bound.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::sync::Arc;
use std::time::Duration;

use deed_core::account::AccountState;
use deed_core::hold::HoldReason;
use deed_core::state::State;
use deed_fixtures::Faults;
use deed_tests::{Stage, recipe_yaml_settling_in};

const UPLOAD: &str = "      - upload: { into: media_input, files: \"{content.media}\" }\n";

/// The practice recipe, which waits so long for what it uploaded.
fn waiting(stage: &mut Stage, within_s: u32) {
    let yaml = recipe_yaml_settling_in(2);
    let wait = format!("{UPLOAD}      - wait_for: {{ enabled: post_button, within_s: {within_s} }}\n");
    let changed = yaml.replacen(UPLOAD, &wait, 1);
    assert_ne!(changed, yaml, "the upload was found");
    let mut recipe = deed_recipes::load_str("practice", &changed).unwrap();
    recipe.baselines = deed_recipes::load_builtin("practice").unwrap().baselines;
    stage.recipe = Arc::new(recipe);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_is_renewed_while_the_platform_takes_its_time() {
    let mut stage = Stage::new().await;
    waiting(&mut stage, 120);
    // Longer than the lease, so that a claim that is not renewed is over before the press.
    stage.options.lease = Duration::from_secs(24);
    stage.options.commit_within = Duration::from_secs(15);
    stage.options.patience = Duration::from_secs(8);
    stage.faults(Faults { upload_delay_ms: 32_000, ..Faults::default() });
    let action = stage.file("The film of the oven", vec![stage.picture()], None).await;
    let ending = stage.run(&action).await;
    assert_eq!((ending.state, stage.publishes()), (State::PostcheckComplete, (1, 1)), "{ending:#?}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_done_within_the_bound_waits_for_a_person_and_the_account_goes_on() {
    let mut stage = Stage::new().await;
    waiting(&mut stage, 3);
    stage.faults(Faults { upload_delay_ms: 60_000, ..Faults::default() });
    let action = stage.file("The film of the oven", vec![stage.picture()], None).await;
    let ending = stage.run(&action).await;
    assert_eq!(ending.hold.as_ref().map(|hold| hold.reason), Some(HoldReason::Transient), "{ending:#?}");
    assert_eq!((ending.state, stage.publishes()), (State::Queued, (0, 0)), "{ending:#?}");
    assert_eq!(stage.account().await.state, AccountState::Active);
    stage.end().await;
}
