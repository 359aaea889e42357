//! Is this the right account?
//!
//! Three signals: handle · avatar or name · account switcher. Two must match, and neither handle nor switcher may name
//! somebody else: an explicit other handle is a wrong account whatever the rest says. On a page that does not show itself to be the
//! owner's own (`identity.own`), handle, name and avatar are a public profile and count as missing.

use deed_proofs::ImageHash;

use crate::account::Fingerprint;
use crate::judge::text;
use deed_recipes::Compare;

/// What was read for one signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading<T> {
    /// The recipe does not read it, or the page does not show it.
    Missing(String),
    /// The locators do not agree where it stands.
    Ambiguous(String),
    /// This.
    Read(T),
}

/// All that was read.
#[derive(Debug, Clone)]
pub struct Readings {
    /// Whether the page is the owner's own view; `None`: the recipe has no mark for it.
    pub own: Option<bool>,
    /// The handle, with the recipe's way to compare.
    pub handle: Reading<(String, Compare)>,
    /// The display name.
    pub name: Reading<(String, Compare)>,
    /// The avatar's hash and the greatest distance.
    pub avatar: Reading<(ImageHash, u32)>,
    /// The selected entry of the switcher, and what the recipe says it must be: a handle, or where a platform shows none, a name.
    pub switcher: Reading<(String, String)>,
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
    /// Fewer than 2 of 3.
    Unproven,
}

/// Votes needed.
pub const NEEDED: usize = 2;

/// The votes, and what follows.
pub fn judge(fingerprint: &Fingerprint, readings: &Readings) -> (Vec<SignalVote>, Verdict) {
    let public = readings.own == Some(false);
    let votes = vec![
        hide(public, handle(fingerprint, &readings.handle)),
        hide(public, avatar_or_name(fingerprint, readings)),
        switcher(fingerprint, &readings.switcher),
    ];
    let names_another = votes.iter().any(|v| v.vote == Vote::Mismatch && matches!(v.signal, "handle" | "switcher"));
    let matches = votes.iter().filter(|v| v.vote == Vote::Match).count();
    let verdict = if names_another {
        Verdict::WrongAccount
    } else if matches >= NEEDED {
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

fn handle(fingerprint: &Fingerprint, reading: &Reading<(String, Compare)>) -> SignalVote {
    let expected = format!("@{}", fingerprint.handle);
    let (vote, seen) = match reading {
        Reading::Missing(why) | Reading::Ambiguous(why) => (Vote::Missing, why.clone()),
        Reading::Read((seen, compare)) if text::same(*compare, seen, &expected) => (Vote::Match, seen.clone()),
        Reading::Read((seen, _)) => (Vote::Mismatch, seen.clone()),
    };
    SignalVote { signal: "handle", vote, expected, seen }
}

fn switcher(fingerprint: &Fingerprint, reading: &Reading<(String, String)>) -> SignalVote {
    let (vote, expected, seen) = match reading {
        Reading::Missing(why) | Reading::Ambiguous(why) => {
            (Vote::Missing, format!("@{}", fingerprint.handle), why.clone())
        }
        // An account without a stored name can not be told by its name.
        Reading::Read((seen, expected)) if expected.is_empty() => (Vote::Missing, expected.clone(), seen.clone()),
        Reading::Read((seen, expected)) if text::same(Compare::Handle, seen, expected) => {
            (Vote::Match, expected.clone(), seen.clone())
        }
        Reading::Read((seen, expected)) => (Vote::Mismatch, expected.clone(), seen.clone()),
    };
    SignalVote { signal: "switcher", vote, expected, seen }
}

fn avatar_or_name(fingerprint: &Fingerprint, readings: &Readings) -> SignalVote {
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
        (Some(_), Reading::Missing(why) | Reading::Ambiguous(why)) => seen.push(format!("avatar: {why}")),
        (None, _) => {}
    }
    match (&fingerprint.display_name, &readings.name) {
        (Some(stored), Reading::Read((name, compare))) => {
            expected.push(format!("name {stored}"));
            seen.push(format!("name {name}"));
            votes.push(if text::same(*compare, name, stored) { Vote::Match } else { Vote::Mismatch });
        }
        (Some(_), Reading::Missing(why) | Reading::Ambiguous(why)) => seen.push(format!("name: {why}")),
        (None, _) => {}
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
mod tests {
    use super::*;

    /// match, mismatch, missing, ambiguous, late (late is missing by the time it is read).
    const KINDS: [&str; 5] = ["match", "mismatch", "missing", "ambiguous", "late"];

    fn reading<T>(kind: &str, right: T, wrong: T) -> Reading<T> {
        match kind {
            "match" => Reading::Read(right),
            "mismatch" => Reading::Read(wrong),
            "ambiguous" => Reading::Ambiguous("two".into()),
            _ => Reading::Missing("not there".into()),
        }
    }

    fn fingerprint() -> Fingerprint {
        Fingerprint { handle: "north_star".into(), display_name: Some("North Star".into()), avatar: None }
    }

    #[test]
    fn no_wrong_account_in_any_of_125_combinations() {
        for handle in KINDS {
            for name in KINDS {
                for switcher in KINDS {
                    let readings = Readings {
                        own: Some(true),
                        handle: reading(
                            handle,
                            ("@north_star".to_owned(), Compare::Handle),
                            ("@other".to_owned(), Compare::Handle),
                        ),
                        name: reading(
                            name,
                            ("North Star".to_owned(), Compare::Exact),
                            ("Other".to_owned(), Compare::Exact),
                        ),
                        avatar: Reading::Missing("-".into()),
                        switcher: reading(
                            switcher,
                            ("@north_star".to_owned(), "north_star".to_owned()),
                            ("@other".to_owned(), "north_star".to_owned()),
                        ),
                    };
                    let (_, verdict) = judge(&fingerprint(), &readings);
                    let matches = [handle, name, switcher].iter().filter(|k| **k == "match").count();
                    let other_handle = handle == "mismatch" || switcher == "mismatch";
                    let expected = if other_handle {
                        Verdict::WrongAccount
                    } else if matches >= 2 {
                        Verdict::Proven
                    } else {
                        Verdict::Unproven
                    };
                    assert_eq!(verdict, expected, "{handle} {name} {switcher}");
                }
            }
        }
    }

    #[test]
    fn a_public_profile_proves_nothing() {
        let readings = Readings {
            own: Some(false),
            handle: Reading::Read(("@north_star".into(), Compare::Handle)),
            name: Reading::Read(("North Star".into(), Compare::Exact)),
            avatar: Reading::Missing("-".into()),
            switcher: Reading::Missing("-".into()),
        };
        assert_eq!(judge(&fingerprint(), &readings).1, Verdict::Unproven);
    }

    #[test]
    fn a_switcher_that_shows_names_is_compared_with_the_name() {
        let fingerprint =
            Fingerprint { handle: "northstarbakery".into(), display_name: Some("North Star".into()), avatar: None };
        let verdict = |switcher: &str, expected: &str| {
            let readings = Readings {
                own: Some(true),
                handle: Reading::Missing("no handle is shown".into()),
                name: Reading::Read(("North Star".into(), Compare::Exact)),
                avatar: Reading::Missing("-".into()),
                switcher: Reading::Read((switcher.into(), expected.into())),
            };
            judge(&fingerprint, &readings).1
        };
        assert_eq!(verdict("North Star", "North Star"), Verdict::Proven);
        assert_eq!(verdict("Mara Lind", "North Star"), Verdict::WrongAccount);
        assert_eq!(verdict("Mara Lind", ""), Verdict::Unproven, "no name is stored");
    }
}
