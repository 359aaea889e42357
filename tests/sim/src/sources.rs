//! Of which sources this is, so that a seed that broke a promise is named with them.

use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

/// What a seed's story depends on.
const SOURCES: [&str; 5] = ["recipes", "proofs", "runner", "tests/sim", "Cargo.lock"];

/// `commit abc1234`, `commit abc1234 with changes`, or `an unknown commit`: of the repository in which this was built,
/// wherever it is run. Asked at run time, for a build that depended on the commit would be made anew with each of them.
pub static COMMIT: LazyLock<String> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    commit(&root).unwrap_or_else(|| "an unknown commit".to_owned())
});

fn git(root: &Path, args: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(root).args(args).output().ok()?;
    output.status.success().then_some(())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

fn commit(root: &Path) -> Option<String> {
    let root = root.canonicalize().ok()?;
    // A copy of the tree below a repository is not of its commit.
    if Path::new(&git(&root, &["rev-parse", "--show-toplevel"])?).canonicalize().ok()? != root {
        return None;
    }
    let commit = git(&root, &["rev-parse", "--short=12", "HEAD"])?;
    let changes = git(&root, &[["status", "--porcelain", "--"].as_slice(), SOURCES.as_slice()].concat())?;
    Some(format!("commit {commit}{}", if changes.is_empty() { "" } else { " with changes" }))
}
