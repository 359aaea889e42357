//! The story of a world: what happened, to whom, in words; and how it is read.
//!
//! Owns the lines, their short names and the folding of what repeats itself. Never: decides what happens, or asks the dice.

use std::collections::BTreeMap;
use std::fmt;

/// Who does something and on what, as a task has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Label {
    /// Which slot of its process; `None`: the process itself, or the world.
    pub slot: Option<u32>,
    /// The action, by its id.
    pub action: Option<String>,
}

/// One event.
#[derive(Clone, PartialEq, Eq)]
pub struct Line {
    /// Milliseconds since the beginning.
    pub since_ms: i64,
    /// Who: `p0.1` is the second slot of the first process; `platform`, `gate`, `person`, `filer` and `checker` are the world.
    pub who: String,
    /// Of which order and account it is: `o3` and `maker1`.
    pub about: Option<(String, String)>,
    /// What.
    pub what: &'static str,
    /// More words, or none.
    pub words: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let about = self.about.as_ref().map_or_else(String::new, |(order, account)| format!("{order} {account}"));
        let gap = if self.words.is_empty() { "" } else { ": " };
        write!(f, "{}  {:<8} {about:<11} {}{gap}{}", clock(self.since_ms), self.who, self.what, self.words)
    }
}

/// As it is read: a test that fails prints a whole story.
impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

fn clock(ms: i64) -> String {
    let (h, m, s, ms) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000);
    format!("{h:02}:{m:02}:{s:02}.{ms:03}")
}

/// Short names for ids: nobody tells `000122-31db1696` from `000112-31bd1669`.
#[derive(Debug, Clone, Default)]
pub struct Names {
    short: BTreeMap<String, String>,
    accounts: BTreeMap<String, String>,
    episodes: BTreeMap<String, u32>,
}

/// How long an id is: six digits, a dash, eight of sixteen.
const ID: usize = 15;

impl Names {
    /// An account is called by its handle.
    pub fn account(&mut self, id: &str, handle: &str) {
        self.short.insert(id.to_owned(), handle.to_owned());
    }

    /// An action is called by its order, and is of this account.
    pub fn action(&mut self, id: &str, order: &str, account: &str) {
        self.short.insert(id.to_owned(), order.to_owned());
        self.accounts.insert(id.to_owned(), account.to_owned());
    }

    /// An episode is called by its order and which try of it it is.
    pub fn episode(&mut self, id: &str, action: &str) {
        if self.short.contains_key(id) {
            return;
        }
        let order = self.short.get(action).cloned().unwrap_or_else(|| action.to_owned());
        let number = self.episodes.entry(action.to_owned()).or_default();
        *number += 1;
        self.short.insert(id.to_owned(), format!("{order}#{number}"));
    }

    /// An action's order and account.
    pub fn about(&self, action: &str) -> Option<(String, String)> {
        Some((self.short.get(action)?.clone(), self.accounts.get(action)?.clone()))
    }

    /// These words with the names in the place of the ids.
    pub fn named(&self, words: &str) -> String {
        let is_id = |text: &str| {
            let (number, rest) = text.split_at_checked(6).unwrap_or_default();
            number.bytes().all(|b| b.is_ascii_digit())
                && rest.strip_prefix('-').is_some_and(|r| r.bytes().all(|b| b.is_ascii_hexdigit()))
        };
        let (mut named, mut at) = (String::with_capacity(words.len()), 0);
        while let Some(rest) = words.get(at..) {
            let Some(next) = rest.chars().next() else { break };
            match rest.get(..ID).filter(|text| next.is_ascii_digit() && is_id(text)) {
                Some(id) => {
                    named.push_str(self.short.get(id).map_or(id, String::as_str));
                    at += ID;
                }
                None => {
                    named.push(next);
                    at += next.len_utf8();
                }
            }
        }
        named
    }
}

/// What a worker does over and over when there is nothing to do, and what it is called when it is told once.
fn idle(line: &Line) -> Option<&'static str> {
    if line.about.is_some() || !line.words.is_empty() {
        return None;
    }
    match line.what {
        "claims a look" | "claims" => Some("looks for work"),
        "lists the stale claims" | "lists the unsettled" => Some("looks for what others left"),
        "beats" => Some("renews its leases"),
        _ => None,
    }
}

/// The story with what repeats itself told once: how often, and until when.
pub fn folded(lines: &[Line]) -> Vec<String> {
    struct Fold {
        place: usize,
        from_ms: i64,
        until_ms: i64,
        times: u32,
        what: &'static str,
    }
    let mut told: Vec<String> = Vec::new();
    let mut open: BTreeMap<(String, &'static str), Fold> = BTreeMap::new();
    let close = |told: &mut Vec<String>, who: &str, fold: &Fold| {
        let more = if fold.times > 1 {
            format!(", {} times until {}", fold.times, clock(fold.until_ms))
        } else {
            String::new()
        };
        let line = format!("{}  {who:<8} {:<11} {}{more}", clock(fold.from_ms), "", fold.what);
        if let Some(place) = told.get_mut(fold.place) {
            *place = line;
        }
    };
    for line in lines {
        if let Some(what) = idle(line) {
            let fold = open.entry((line.who.clone(), what)).or_insert_with(|| {
                told.push(String::new());
                Fold { place: told.len() - 1, from_ms: line.since_ms, until_ms: line.since_ms, times: 0, what }
            });
            // Both ways of looking for work are one look.
            fold.times += u32::from(line.what != "claims");
            fold.until_ms = line.since_ms;
            continue;
        }
        let ended: Vec<_> = open.extract_if(.., |(who, _), _| *who == line.who).collect();
        for ((who, _), fold) in &ended {
            close(&mut told, who, fold);
        }
        told.push(line.to_string());
    }
    for ((who, _), fold) in &open {
        close(&mut told, who, fold);
    }
    told
}

/// What of an order's account is told with the order, although it is another order's: it is in this one's way.
const OF_OTHERS: [&str; 4] = ["takes", "ends", "PRESSES", "GETS"];

/// The lines of one order, with what happened to its account. Empty: there is no such order.
pub fn of_order(lines: &[Line], order: &str) -> Vec<Line> {
    let about = |line: &&Line| line.about.as_ref().filter(|(of, _)| of == order).map(|(_, account)| account.clone());
    let Some(account) = lines.iter().find_map(|line| about(&line)) else { return Vec::new() };
    let says = |line: &Line, name: &str| {
        let part = |c: char| !c.is_ascii_alphanumeric();
        line.words.split(part).any(|word| word == name)
    };
    let kept = |line: &&Line| match &line.about {
        Some((of, _)) if of == order => true,
        Some((_, of)) => *of == account && OF_OTHERS.contains(&line.what),
        None => says(line, order) || says(line, &account) || line.words == "Global",
    };
    lines.iter().filter(kept).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(since_ms: i64, who: &str, about: Option<(&str, &str)>, what: &'static str, words: &str) -> Line {
        let about = about.map(|(order, account)| (order.to_owned(), account.to_owned()));
        Line { since_ms, who: who.to_owned(), about, what, words: words.to_owned() }
    }

    #[test]
    fn idle_looks_are_one_line_with_their_number() {
        let lines = [
            line(0, "p0.0", None, "claims a look", ""),
            line(1, "p0.0", None, "claims", ""),
            line(2, "p1.0", Some(("o1", "maker0")), "arms", ""),
            line(5_000, "p0.0", None, "claims a look", ""),
            line(5_001, "p0.0", None, "claims", ""),
            line(5_002, "p0.0", Some(("o2", "maker1")), "takes", ""),
        ];
        let told = folded(&lines);
        assert_eq!(told.len(), 3, "{told:#?}");
        assert_eq!(told[0], "00:00:00.000  p0.0                 looks for work, 2 times until 00:00:05.001");
        assert!(told[1].contains("p1.0     o1 maker0   arms"), "{told:#?}");
    }

    #[test]
    fn a_look_that_failed_is_told_by_itself() {
        let lines = [line(0, "p0.0", None, "claims", ""), line(1, "p0.0", None, "claims", "the database is away")];
        assert_eq!(folded(&lines).len(), 2);
    }

    #[test]
    fn an_order_is_told_with_its_account_and_without_the_others() {
        let lines = [
            line(0, "filer", Some(("o1", "maker0")), "files", ""),
            line(1, "filer", Some(("o10", "maker1")), "files", ""),
            line(2, "p0.0", Some(("o2", "maker0")), "arms", ""),
            line(3, "p0.0", Some(("o2", "maker0")), "takes", ""),
            line(4, "person", None, "clears", "maker0"),
            line(5, "person", None, "clears", "maker1"),
            line(6, "person", None, "throws a switch", "Global"),
        ];
        let told: Vec<_> = of_order(&lines, "o1").iter().map(|l| l.since_ms).collect();
        assert_eq!(told, [0, 3, 4, 6]);
        assert!(of_order(&lines, "o7").is_empty());
    }

    #[test]
    fn ids_become_names_wherever_they_stand() {
        let mut names = Names::default();
        names.account("000016-8771aff2", "maker1");
        names.action("000122-31db1696", "o3", "maker1");
        names.episode("000130-00000000", "000122-31db1696");
        let words = names.named(
            "granted for 000122-31db1696, s-000016-8771aff2 in 000130-00000000 at 2026-11-20, ü 999999-31db1696",
        );
        assert_eq!(words, "granted for o3, s-maker1 in o3#1 at 2026-11-20, ü 999999-31db1696");
    }
}
