//! Recovery touches nothing while the old browser may still send something.
#![expect(clippy::expect_used, reason = "tests stop at the first surprise")]

use deed_core::ids::WorkerId;
use deed_core::ports::proofs::{EpisodeProofs as _, Proofs as _};
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

/// A process that stood still between the ledger's word and the disk, while another one took its episode over and sealed it.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_succeeded_does_not_write_over_the_others_proof() {
    let stage = Stage::new().await;
    let action = stage.file("Sealed by the second", Vec::new(), None).await;
    let claim = stage.claim(&action).await;
    let stalled = stage.world.proofs.episode(&claim.fence).await.expect("the folder opens");
    let ending = deed_core::episode::run(&stage.world, claim.clone(), stage.recipe.clone(), &stage.options).await;
    assert_eq!(ending.expect("the ledger answers").state, State::PostcheckComplete);
    let mut later = claim.fence.clone();
    later.epoch += 1;
    let next = stage.world.proofs.episode(&later).await.expect("the folder opens");
    let manifest = next.earlier().expect("it was sealed");
    next.seal(&manifest).await.expect("it is sealed again");
    let folder = stage.proof_folder(&action).await;
    let lies = || std::fs::read(folder.join("SHA256SUMS")).expect("the sums");
    let (before, mut other) = (lies(), manifest.clone());
    other.pacing_seed += 1;
    for fault in [stalled.seal(&other).await, stalled.checkpoint(&other).await] {
        assert_eq!(fault.expect_err("it was succeeded").code, "store-superseded");
    }
    assert_eq!(lies(), before);
    assert_eq!(next.earlier(), Some(manifest));
    stage.end().await;
}
