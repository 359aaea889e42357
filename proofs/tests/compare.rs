//! Two episodes beside each other: what changed on the platform is told, what differs by its nature is not.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod common;

use common::{check, episode};
use deed_proofs::artifact::ArtifactKind;
use deed_proofs::compare::{Episode, compare, render};
use deed_proofs::export::export;
use deed_proofs::manifest::Manifest;
use deed_proofs::store::{DirectoryStore, Store as _};
use deed_proofs::{dom_hashes, seal};

/// The same flow again, on a page with another structure.
fn again(store: &DirectoryStore, first: &Manifest, change: impl Fn(&mut Manifest)) -> Manifest {
    let mut second = first.clone();
    second.action.episode_id = "ep_02".into();
    change(&mut second);
    seal(store, &second).unwrap();
    second
}

/// Replaces a step's document.
fn document(store: &DirectoryStore, manifest: &mut Manifest, step: usize, html: &str) {
    let place = manifest
        .artifacts
        .iter()
        .position(|a| a.kind == ArtifactKind::Dom && manifest.steps[step].artifacts.contains(&a.sha256));
    let place = place.unwrap();
    let old = manifest.artifacts[place].sha256;
    let sha256 = store.put(html.as_bytes()).unwrap();
    let artifact = &mut manifest.artifacts[place];
    (artifact.sha256, artifact.bytes, artifact.dom) = (sha256, html.len() as u64, Some(dom_hashes(html)));
    for named in &mut manifest.steps[step].artifacts {
        if *named == old {
            *named = sha256;
        }
    }
}

#[test]
fn the_same_flow_on_the_same_platform_is_alike() {
    let (_folder, store, first) = episode();
    seal(&store, &first).unwrap();
    again(&store, &first, |m| {
        document(&store, m, 1, "<main><h1>another title</h1><p>another text</p></main>");
        m.steps[1].checks[0].seen = "another text".into();
        m.steps[1].checks[0].expected = "another text".into();
    });
    let open = |name| Episode::open(&store.episode_folder(name)).unwrap();
    let (first, second) = (open("ep_01"), open("ep_02"));
    let comparison = compare(&first, &second).unwrap();
    assert!(comparison.is_same(), "{}", comparison.to_text());
    assert_eq!(comparison.to_text(), "\n4 of 4 steps are alike\n");
    assert!(render(&first, &second, &comparison).contains("Nothing that is compared changed"));
}

#[test]
fn what_changed_is_told_in_text_and_page() {
    let (_folder, store, first) = episode();
    seal(&store, &first).unwrap();
    again(&store, &first, |m| {
        document(&store, m, 1, "<main><h1>composer</h1><p>step 1</p><div role=alert>New rules</div></main>");
        m.steps[1].checks.push(check("text_in_composer", false, "Hello", "<b>Hell</b>"));
        m.steps.remove(3);
        m.tool.browser = "Chromium 157".into();
        (m.outcome.state, m.outcome.proof_level) = ("unknown".into(), 1);
        m.commit_target.as_mut().unwrap().rect.x = 10.0;
    });
    let open = |name| Episode::open(&store.episode_folder(name)).unwrap();
    let (first, second) = (open("ep_01"), open("ep_02"));
    let comparison = compare(&first, &second).unwrap();
    assert!(!comparison.is_same());
    let text = comparison.to_text();
    for line in [
        "outcome: postcheck_complete, proof level 3 → unknown, proof level 1",
        "browser: Chromium 156 → Chromium 157",
        "place and size of what was pressed: 96 × 36 px at 812, 431 → 96 × 36 px at 10, 431",
        "compose · composer",
        "  text_in_composer: not checked → failed (expected Hello, seen <b>Hell</b>)",
        "  div[role=\"alert\"] appeared in main",
        "verify · feed\n  only the first episode came here",
        "2 of 4 steps are alike",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let page = render(&first, &second, &comparison);
    assert!(page.contains("2 of 4 steps differ") && page.contains("&lt;b&gt;Hell&lt;/b&gt;"), "{page}");
    assert!(!page.contains("<script") && page.contains("default-src 'none'") && !page.contains("src=\"http"));
    assert_eq!(page.matches("data:image/png;base64,").count(), 2, "the two pictures of the step that differs");
}

#[test]
fn another_flow_is_not_compared_and_a_folder_that_is_none_is_an_error() {
    let (_folder, store, first) = episode();
    seal(&store, &first).unwrap();
    again(&store, &first, |m| m.action.action_type = "like".into());
    let open = |name| Episode::open(&store.episode_folder(name)).unwrap();
    let error = compare(&open("ep_01"), &open("ep_02")).unwrap_err();
    assert_eq!(error.code(), "diff-other-flow");
    assert!(error.to_string().contains("publish.post on practice"), "{error}");
    let absent = Episode::open(&store.episode_folder("ep_77")).err().unwrap();
    assert_eq!(absent.code(), "proof-unreadable");
}

#[test]
fn damaged_evidence_is_not_shown() {
    let (_folder, store, manifest) = episode();
    seal(&store, &manifest).unwrap();
    let object = &manifest.artifacts[0].sha256;
    let episode = Episode::open(&store.episode_folder("ep_01")).unwrap();
    assert!(episode.evidence(object).is_some());
    std::fs::write(store.object_path(object), b"something else").unwrap();
    assert_eq!(episode.evidence(object), None);
}

#[test]
fn an_export_is_compared_like_a_folder_by_its_newest_episode() {
    let (folder, store, first) = episode();
    seal(&store, &first).unwrap();
    again(&store, &first, |m| document(&store, m, 1, "<main><button>Post</button></main>"));
    let pack = |name: &str, episodes: &[&str]| {
        let path = folder.path().join(name);
        let episodes: Vec<String> = episodes.iter().map(|episode| (*episode).to_owned()).collect();
        export(&store, &episodes, None, std::fs::File::create(&path).unwrap()).unwrap();
        path
    };
    let (old, both) = (pack("old.zip", &["ep_01"]), pack("both.zip", &["ep_01", "ep_02"]));
    let of_folders = {
        let open = |name| Episode::open(&store.episode_folder(name)).unwrap();
        compare(&open("ep_01"), &open("ep_02")).unwrap()
    };
    let (first, second) = (Episode::open(&old).unwrap(), Episode::open(&both).unwrap());
    assert_eq!(second.manifest.action.episode_id, "ep_02");
    let of_exports = compare(&first, &second).unwrap();
    assert_eq!(of_exports, of_folders);
    assert!(
        !of_exports.is_same() && of_exports.steps.iter().any(|step| step.picture.is_some()),
        "its pictures are read"
    );

    let mut bytes = std::fs::read(&old).unwrap();
    bytes.truncate(bytes.len() - 9);
    std::fs::write(&old, bytes).unwrap();
    let refused = Episode::open(&old).err().unwrap();
    assert_eq!(refused.code(), "proof-unreadable");
    assert!(refused.to_string().contains("it is no export"), "{refused}");
}
