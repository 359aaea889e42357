//! When the locators of the commit or of an identity signal fall silent or disagree, the proof carries a proposed change of the
//! recipe and a picture of the candidates; nothing is pressed and nothing is applied.
#![expect(clippy::expect_used, reason = "tests stop at the first surprise")]

use deed_core::hold::HoldReason;
use deed_fixtures::{Drift, Faults};
use deed_proofs::{ArtifactKind, Manifest};
use deed_tests::Stage;

/// The manifest and the report of an episode that drift stopped.
async fn stopped_by(drift: Drift) -> (String, Manifest, String) {
    let stage = Stage::new().await;
    stage.faults(Faults { drift: Some(drift), ..Faults::default() });
    let action = stage.file("Fresh bread at 7", Vec::new(), None).await;
    let ending = stage.run(&action).await;
    let hold = ending.hold.clone().expect("it is held");
    assert_eq!(hold.reason, HoldReason::Drift, "{ending:#?}");
    assert_eq!(stage.publishes(), (0, 0));
    let folder = stage.proof_folder(&action).await;
    let manifest = std::fs::read(folder.join("manifest.json")).expect("the manifest");
    let manifest = serde_json::from_slice(&manifest).expect("it is one");
    let report = std::fs::read_to_string(folder.join("report.html")).expect("the report");
    stage.end().await;
    (hold.detail, manifest, report)
}

fn count(manifest: &Manifest, kind: ArtifactKind) -> usize {
    manifest.artifacts.iter().filter(|a| a.kind == kind).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_button_comes_with_a_diff_and_a_picture() {
    let (detail, manifest, report) = stopped_by(Drift::ButtonRenamed).await;
    assert!(detail.contains("a change of the recipe is proposed"), "{detail}");
    assert_eq!(count(&manifest, ArtifactKind::Proposal), 1);
    for line in ["--- a/recipe.yaml", "-    - testid: post-submit", "+    - testid: &quot;share-cta&quot;"] {
        assert!(report.contains(line), "{line}: {report}");
    }
    let step = manifest.steps.last().expect("a step");
    let pictures = step
        .artifacts
        .iter()
        .filter(|sha| manifest.artifacts.iter().any(|a| a.sha256 == **sha && a.kind == ArtifactKind::Screenshot));
    assert_eq!(pictures.count(), 2, "the page as it was, and the marked copy");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_candidates_are_numbered_in_picture_and_words() {
    let (_, manifest, report) = stopped_by(Drift::ButtonsSwapped).await;
    assert_eq!(count(&manifest, ArtifactKind::Proposal), 1);
    assert!(report.contains("  1  button") && report.contains("  2  button"), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_proposed_where_nothing_is_left_to_name() {
    let (detail, manifest, _) = stopped_by(Drift::ButtonGone).await;
    assert!(!detail.contains("proposed"), "{detail}");
    assert_eq!(count(&manifest, ArtifactKind::Proposal), 0);
}
