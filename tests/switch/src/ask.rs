//! Asks the tests of each change: those that come by it, the quickest first, until one fails.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;
use std::{fs, thread};

use serde::Deserialize;

use crate::{Fault, read};

/// Tests of one program that take less than this are run in one process.
const QUICK: Duration = Duration::from_millis(300);
/// A test that takes so many times its usual time, and this much on top, hangs.
const HANGS: (u32, Duration) = (10, Duration::from_secs(20));

/// What `cargo nextest list --message-format json` says.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Listed {
    rust_suites: BTreeMap<String, Suite>,
}

/// A test program.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Suite {
    binary_path: PathBuf,
    cwd: PathBuf,
}

/// A test, by its program and its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Test {
    program: String,
    name: String,
}

impl Test {
    /// `program name`, as a file is named for it and as nextest tells it.
    fn of(words: &str) -> Option<Self> {
        let (program, name) = words.trim().split_once(' ')?;
        Some(Self { program: program.to_owned(), name: name.to_owned() })
    }
}

/// What came of one change.
enum Verdict {
    /// This test failed.
    Caught(Test),
    /// This one, or one of those run with it, did not end.
    Hangs(Test),
    /// All that were asked passed; so many were not asked, for want of time.
    Missed { unasked: usize },
    /// No test comes by it.
    Unreached,
}

/// What there is to know before anybody is asked.
pub struct Asker {
    suites: BTreeMap<String, Suite>,
    tree: PathBuf,
    reached: HashMap<u32, BTreeSet<Test>>,
    took: HashMap<Test, Duration>,
    /// How long the tests of one change may take together, by the time that they usually take.
    bound: Duration,
}

impl Asker {
    /// `listed`: what nextest lists. `seen`: the directory of what each test came by. `told`: what nextest said of each test that passed.
    ///
    /// # Errors
    /// One of them can not be read.
    pub fn new(listed: &Path, seen: &Path, told: &Path, tree: &Path, bound: Duration) -> Result<Self, Fault> {
        let file = |path: &Path, fault| Fault::File { path: path.to_owned(), fault };
        let listed: Listed =
            serde_json::from_str(&read(listed)?).map_err(|fault| Fault::List { path: listed.to_owned(), fault })?;
        let mut reached: HashMap<u32, BTreeSet<Test>> = HashMap::new();
        for entry in fs::read_dir(seen).map_err(|fault| file(seen, fault))? {
            let path = entry.map_err(|fault| file(seen, fault))?.path();
            let Some(test) = path.file_name().and_then(|name| Test::of(&name.to_str()?.replace('%', "/"))) else {
                continue;
            };
            for id in read(&path)?.lines().filter_map(|line| line.parse().ok()) {
                reached.entry(id).or_default().insert(test.clone());
            }
        }
        let took = read(told)?.lines().filter_map(passed).collect();
        Ok(Self { suites: listed.rust_suites, tree: tree.to_owned(), reached, took, bound })
    }

    /// Asks of each of these, as many at a time as there are `hands`, and tells each as soon as it is known.
    pub fn ask(&self, changes: &[(u32, String)], hands: usize, told: impl Fn(u32, &str, &str, &str) + Sync) {
        let left: Mutex<VecDeque<_>> = Mutex::new(changes.iter().collect());
        let next = || left.lock().ok().and_then(|mut left| left.pop_front());
        thread::scope(|scope| {
            for _ in 0..hands {
                scope.spawn(|| {
                    while let Some((id, name)) = next() {
                        match self.of(*id) {
                            Verdict::Caught(test) => told(*id, "caught", &test.words(), name),
                            Verdict::Hangs(test) => told(*id, "hangs", &test.words(), name),
                            Verdict::Missed { unasked: 0 } => told(*id, "missed", "all that come by it pass", name),
                            Verdict::Missed { unasked } => told(*id, "missed", &format!("{unasked} not asked"), name),
                            Verdict::Unreached => told(*id, "missed", "no test comes by it", name),
                        }
                    }
                });
            }
        });
    }

    fn of(&self, id: u32) -> Verdict {
        let Some(tests) = self.reached.get(&id) else { return Verdict::Unreached };
        let took = |test: &Test| self.took.get(test).copied().unwrap_or(Duration::from_secs(5));
        let mut together: BTreeMap<&str, Vec<&Test>> = BTreeMap::new();
        let mut alone = Vec::new();
        for test in tests {
            if took(test) < QUICK {
                together.entry(&test.program).or_default().push(test);
            } else {
                alone.push(test);
            }
        }
        alone.sort_by_key(|test| took(test));
        let mut spent = Duration::ZERO;
        let mut unasked = 0;
        for tests in together.into_values().chain(alone.into_iter().map(|test| vec![test])) {
            let usual: Duration = tests.iter().map(|test| took(test)).sum();
            if spent + usual > self.bound {
                unasked += tests.len();
                continue;
            }
            spent += usual;
            let Some(first) = tests.first() else { continue };
            match self.run(id, &tests, usual * HANGS.0 + HANGS.1) {
                Some(0) => {}
                Some(TIMED_OUT | KILLED) => return Verdict::Hangs((*first).clone()),
                _ => return Verdict::Caught((*first).clone()),
            }
        }
        Verdict::Missed { unasked }
    }

    /// The exit code; none where a signal ended it, or it could not be started.
    fn run(&self, id: u32, tests: &[&Test], bound: Duration) -> Option<i32> {
        let suite = self.suites.get(&tests.first()?.program)?;
        let mut command = Command::new("timeout");
        command.args(["--kill-after=5", &bound.as_secs().to_string()]).arg(&suite.binary_path);
        command.args(["--exact", "--test-threads=1"]).args(tests.iter().map(|test| &test.name));
        command.env("DEED_SWITCH", id.to_string()).env("INSTA_UPDATE", "no").env("INSTA_WORKSPACE_ROOT", &self.tree);
        command.current_dir(&suite.cwd).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().ok()?.code()
    }
}

/// How timeout(1) says that it ended something, and that it had to kill it.
const TIMED_OUT: i32 = 124;
const KILLED: i32 = 137;

impl Test {
    fn words(&self) -> String {
        format!("{} {}", self.program, self.name)
    }
}

/// `        PASS [   0.123s] (  1/328) deed-core time::tests::name`: the test and how long it took.
fn passed(line: &str) -> Option<(Test, Duration)> {
    let (seconds, rest) = line.trim().strip_prefix("PASS [")?.split_once("s] ")?;
    let rest = rest.strip_prefix('(').and_then(|rest| rest.split_once(") ")).map_or(rest, |(_, rest)| rest);
    Some((Test::of(rest)?, Duration::from_secs_f64(seconds.trim().parse().ok()?)))
}

/// One line of a table, at once.
///
/// # Errors
/// It can not be written.
pub fn append(path: &Path, line: &str) -> Result<(), Fault> {
    let file = fs::File::options().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(line.as_bytes()))
        .map_err(|fault| Fault::File { path: path.to_owned(), fault })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nextest_says_of_a_test_is_understood() {
        let line = "        PASS [   1.250s] ( 12/328) deed-sim::told each_outcome::is_told";
        let of = |line: &str| passed(line).map(|(test, took)| (test.words(), took.as_millis()));
        assert_eq!(of(line), Some(("deed-sim::told each_outcome::is_told".to_owned(), 1250)));
        assert_eq!(of(&line.replace(" ( 12/328)", "")), of(line));
        assert_eq!(of(&line.replace("PASS", "FAIL")), None);
    }
}
