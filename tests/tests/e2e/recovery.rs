//! Recovery touches nothing while the old browser may still send something.
#![expect(clippy::expect_used, reason = "tests stop at the first surprise")]

use deed_core::ids::WorkerId;
use deed_core::recover::recover;
use deed_core::state::State;
use deed_ledger::ClaimTarget;
use deed_tests::Stage;

/// Somebody takes the runner for dead, but it holds its lock and its lease lasts: its browser is not ended, and its action is left alone.
#[tokio::test(flavor = "multi_thread")]
async fn an_action_whose_old_browser_may_live_is_left_alone() {
    let stage = Stage::new().await;
    let action = stage.file("Not taken over", Vec::new(), None).await;
    let (slow, next) = (stage.worker().clone(), WorkerId::new("w-next"));
    let target = ClaimTarget::Action(action.clone());
    let claim = stage.world.ledger.claim(&target, &slow, stage.options.lease).await.expect("the ledger answers");
    let epoch = claim.expect("it is claimed").fence.epoch;
    let recovered =
        recover(&stage.world, &next, std::slice::from_ref(&slow), &stage.options).await.expect("the ledger answers");
    assert_eq!(recovered.left.len(), 1, "{recovered:?}");
    assert!(recovered.left[0].0 == action && recovered.left[0].1.contains("lives"), "{recovered:?}");
    assert!(recovered.requeued.is_empty() && recovered.to_verify.is_empty(), "{recovered:?}");
    let details = stage.world.ledger.action_details(&action).await.expect("the action");
    assert_eq!((details.worker, details.epoch, details.action.state), (Some(slow), epoch, State::Queued));
    stage.end().await;
}
