//! Which change is on. Planted by `make cargo-mutants` in a copy of the tree; no part of Deed.

use std::fs::File;
use std::io::Write as _;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// `DEED_SWITCH`: the change that is on; none without it.
static CHOSEN: LazyLock<u32> = LazyLock::new(|| std::env::var("DEED_SWITCH").ok().and_then(|id| id.parse().ok()).unwrap_or(0));

/// `DEED_SWITCH_SEEN`: a directory where each test leaves the changes that it comes by, a line each.
static SEEN: LazyLock<Option<(File, Vec<AtomicBool>)>> = LazyLock::new(|| {
    let dir = std::env::var("DEED_SWITCH_SEEN").ok()?;
    let test = ["NEXTEST_BINARY_ID", "NEXTEST_TEST_NAME"].map(|name| std::env::var(name).unwrap_or_default());
    // A program's name may have a slash in it.
    let path = std::path::Path::new(&dir).join(test.join(" ").replace('/', "%"));
    let file = File::options().create(true).append(true).open(path).ok()?;
    Some((file, (0..10_000).map(|_| AtomicBool::new(false)).collect()))
});

/// Whether this change is on.
pub fn on(id: u32) -> bool {
    if let Some((file, seen)) = &*SEEN
        && let Some(before) = seen.get(id as usize)
        && !before.swap(true, Ordering::Relaxed)
    {
        let _ = (&mut &*file).write_all(format!("{id}\n").as_bytes());
    }
    *CHOSEN == id
}

/// Which of them is on: its place from 1 on, or 0.
pub fn which(ids: &[u32]) -> usize {
    ids.iter().position(|id| on(*id)).map_or(0, |place| place + 1)
}

/// A comparison, as it is or as the change that is on has it.
pub fn compare<T: PartialOrd + ?Sized>(left: &T, right: &T, plain: &str, others: &[(u32, &str)]) -> bool {
    let chosen = others.iter().find(|(id, _)| on(*id)).map_or(plain, |(_, other)| other);
    match chosen {
        "<" => left < right,
        "<=" => left <= right,
        ">" => left > right,
        ">=" => left >= right,
        "==" => left == right,
        _ => left != right,
    }
}
