//! Is this the right account?
//!
//! Three signals: handle · avatar or name · account switcher. Two must match, and neither handle nor switcher may name
//! somebody else: an explicit other handle is a wrong account whatever the rest says. What one locator alone reads proves
//! nothing, but when it is another handle the account is not proved either. On a page that does not show itself to be the
//! owner's own (`identity.own`), handle, name and avatar are a public profile and count as missing.

use deed_proofs::ImageHash;
use deed_recipes::{Compare, Placeholder, Template};

use crate::account::Fingerprint;
use crate::judge::text;

/// What was read for one signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading<T> {
    /// The recipe does not read it, or the page does not show it.
    Missing(String),
    /// The locators do not agree where it stands.
    Ambiguous(String),
    /// One locator alone reads this; and why that is not enough.
    Doubtful(T, String),
    /// This.
    Read(T),
}

/// A text of the page, with what the recipe says it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextRead {
    /// What stands there.
    pub seen: String,
    /// What it must be for this account: `@{account.handle}`, `u/{account.handle}`.
    pub equals: Template,
    /// How the two are compared.
    pub compare: Compare,
}

/// All that was read.
#[derive(Debug, Clone)]
pub struct Readings {
    /// Whether the page is the owner's own view; `None`: the recipe has no mark for it.
    pub own: Option<bool>,
    /// The handle.
    pub handle: Reading<TextRead>,
    /// The display name.
    pub name: Reading<TextRead>,
    /// The avatar's hash and the greatest distance.
    pub avatar: Reading<(ImageHash, u32)>,
    /// The selected entry of the switcher.
    pub switcher: Reading<TextRead>,
}

/// How one signal voted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vote {
    /// It is this account.
    Match,
    /// It is another.
    Mismatch,
    /// It says nothing.
    Missing,
}

/// One signal's vote with what was expected and seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignalVote {
    /// `handle`, `avatar_or_name`, `switcher`.
    pub signal: &'static str,
    /// The vote.
    pub vote: Vote,
    /// The fingerprint's side.
    pub expected: String,
    /// The page's side.
    pub seen: String,
}

/// The verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// 2 of 3, none naming another.
    Proven,
    /// Another handle is visible.
    WrongAccount,
    /// Fewer than 2 of 3, or another handle where one locator alone reads it.
    Unproven,
}

/// Votes needed.
pub const NEEDED: usize = 2;

/// The votes, and what follows.
pub fn judge(fingerprint: &Fingerprint, readings: &Readings) -> (Vec<SignalVote>, Verdict) {
    let public = readings.own == Some(false);
    // A name that the switcher says is the same fact as the name on the profile: it may not vote twice.
    let said_by_switcher = matches!(&readings.switcher, Reading::Read(read) if !names_handle(read));
    let votes = vec![
        hide(public, named("handle", fingerprint, &readings.handle)),
        hide(public, avatar_or_name(fingerprint, readings, said_by_switcher)),
        named("switcher", fingerprint, &readings.switcher),
    ];
    let names_another = votes.iter().any(|v| v.vote == Vote::Mismatch && matches!(v.signal, "handle" | "switcher"));
    let doubted = [&readings.handle, &readings.switcher].into_iter().any(|reading| reads_another(fingerprint, reading));
    let matches = votes.iter().filter(|v| v.vote == Vote::Match).count();
    let verdict = if names_another {
        Verdict::WrongAccount
    } else if matches >= NEEDED && !doubted {
        Verdict::Proven
    } else {
        Verdict::Unproven
    };
    (votes, verdict)
}

/// On a page that may be anybody's view, a match proves nothing; another handle still is another handle.
fn hide(public: bool, mut vote: SignalVote) -> SignalVote {
    if public && vote.vote == Vote::Match {
        vote.vote = Vote::Missing;
        vote.seen = format!("{} (but this is not the owner's own view)", vote.seen);
    }
    vote
}

/// What the recipe says that stands there for this account; `None`: the account has no such value, so nothing can be said.
fn expected_of(fingerprint: &Fingerprint, read: &TextRead) -> Option<String> {
    read.equals.try_fill(fingerprint).ok()
}

/// Whether one locator alone reads somebody else's. A locator that goes by places reads whatever stands there now: what is not
/// written as a handle is, one word in the recipe's form, names nobody.
fn reads_another(fingerprint: &Fingerprint, reading: &Reading<TextRead>) -> bool {
    let Reading::Doubtful(read, _) = reading else { return false };
    let Some(expected) = expected_of(fingerprint, read) else { return false };
    let seen = text::fold(&read.seen);
    let as_handle = match expected.split_once(&fingerprint.handle).filter(|_| names_handle(read)) {
        Some((before, after)) => seen
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after))
            .is_some_and(|handle| !handle.is_empty() && !handle.contains(char::is_whitespace)),
        None => !seen.is_empty(),
    };
    as_handle && !text::same(read.compare, &seen, &expected)
}

/// A signal that names the account.
fn named(signal: &'static str, fingerprint: &Fingerprint, reading: &Reading<TextRead>) -> SignalVote {
    let read = match reading {
        Reading::Read(read) => read,
        Reading::Missing(why) | Reading::Ambiguous(why) => {
            let expected = format!("@{}", fingerprint.handle);
            return SignalVote { signal, vote: Vote::Missing, expected, seen: why.clone() };
        }
        Reading::Doubtful(read, why) => {
            let expected = expected_of(fingerprint, read).unwrap_or_else(|| format!("@{}", fingerprint.handle));
            return SignalVote { signal, vote: Vote::Missing, expected, seen: format!("{} ({why})", read.seen) };
        }
    };
    let seen = read.seen.clone();
    match expected_of(fingerprint, read) {
        None => {
            SignalVote { signal, vote: Vote::Missing, expected: "a value that the account does not have".into(), seen }
        }
        Some(expected) => {
            let vote = if text::same(read.compare, &seen, &expected) { Vote::Match } else { Vote::Mismatch };
            SignalVote { signal, vote, expected, seen }
        }
    }
}

fn names_handle(read: &TextRead) -> bool {
    read.equals.placeholders().any(|name| name == Placeholder::AccountHandle)
}

fn avatar_or_name(fingerprint: &Fingerprint, readings: &Readings, name_is_taken: bool) -> SignalVote {
    let mut expected = Vec::new();
    let mut seen = Vec::new();
    let mut votes = Vec::new();
    match (&fingerprint.avatar, &readings.avatar) {
        // A flat picture has the hash of every flat picture: it proves nothing.
        (Some(stored), _) if stored.is_flat() => seen.push("the stored avatar is a flat picture".to_owned()),
        (Some(stored), Reading::Read((hash, distance_max))) => {
            let distance = stored.distance(*hash);
            expected.push(format!("avatar within {distance_max} of {stored}"));
            seen.push(format!("avatar {hash}, distance {distance}"));
            votes.push(if distance <= *distance_max && !hash.is_flat() { Vote::Match } else { Vote::Mismatch });
        }
        (Some(_), Reading::Missing(why) | Reading::Ambiguous(why) | Reading::Doubtful(_, why)) => {
            seen.push(format!("avatar: {why}"));
        }
        (None, _) => {}
    }
    match &readings.name {
        Reading::Read(_) if name_is_taken => {
            seen.push("name: counted with the switcher, which says the name too".to_owned())
        }
        Reading::Read(read) => {
            if let Some(wanted) = expected_of(fingerprint, read) {
                expected.push(format!("name {wanted}"));
                seen.push(format!("name {}", read.seen));
                votes.push(if text::same(read.compare, &read.seen, &wanted) { Vote::Match } else { Vote::Mismatch });
            }
        }
        Reading::Missing(why) | Reading::Ambiguous(why) | Reading::Doubtful(_, why) => {
            if fingerprint.display_name.is_some() {
                seen.push(format!("name: {why}"));
            }
        }
    }
    let vote = if votes.contains(&Vote::Match) {
        Vote::Match
    } else if votes.is_empty() {
        Vote::Missing
    } else {
        Vote::Mismatch
    };
    SignalVote { signal: "avatar_or_name", vote, expected: expected.join(" or "), seen: seen.join(", ") }
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
