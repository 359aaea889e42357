//! Is this the right account?
//!
//! Three signals: handle · avatar or name · account switcher. Two must match, and neither handle nor switcher may name
//! somebody else: an explicit other handle is a wrong account whatever the rest says. On a page that does not show itself to be the
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
    /// Fewer than 2 of 3.
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

/// What the recipe says that stands there for this account; `None`: the account has no such value, so nothing can be said.
fn expected_of(fingerprint: &Fingerprint, read: &TextRead) -> Option<String> {
    read.equals.try_fill(fingerprint).ok()
}

/// A signal that names the account.
fn named(signal: &'static str, fingerprint: &Fingerprint, reading: &Reading<TextRead>) -> SignalVote {
    let read = match reading {
        Reading::Read(read) => read,
        Reading::Missing(why) | Reading::Ambiguous(why) => {
            let expected = format!("@{}", fingerprint.handle);
            return SignalVote { signal, vote: Vote::Missing, expected, seen: why.clone() };
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
        (Some(_), Reading::Missing(why) | Reading::Ambiguous(why)) => seen.push(format!("avatar: {why}")),
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
        Reading::Missing(why) | Reading::Ambiguous(why) if fingerprint.display_name.is_some() => {
            seen.push(format!("name: {why}"));
        }
        Reading::Missing(_) | Reading::Ambiguous(_) => {}
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

    fn read(seen: &str, equals: &str, compare: Compare) -> TextRead {
        #[expect(clippy::unwrap_used, reason = "a template of this test")]
        let equals = Template::parse(equals).unwrap();
        TextRead { seen: seen.to_owned(), equals, compare }
    }

    fn handle(seen: &str) -> TextRead {
        read(seen, "@{account.handle}", Compare::Handle)
    }

    fn name(seen: &str) -> TextRead {
        read(seen, "{account.display_name}", Compare::Exact)
    }

    fn hash(hex: &str) -> ImageHash {
        #[expect(clippy::unwrap_used, reason = "a hash of this test")]
        hex.parse().unwrap()
    }

    fn fingerprint() -> Fingerprint {
        Fingerprint { handle: "north_star".into(), display_name: Some("North Star".into()), avatar: None }
    }

    #[test]
    fn a_name_in_the_switcher_and_on_the_profile_is_one_fact() {
        let picture = hash("0123456789abcdef");
        let fingerprint = Fingerprint { avatar: Some(picture), ..fingerprint() };
        let by_name = |avatar: Reading<(ImageHash, u32)>| Readings {
            own: Some(true),
            handle: Reading::Missing("no handle is shown".into()),
            name: Reading::Read(name("North Star")),
            avatar,
            switcher: Reading::Read(name("North Star")),
        };
        let namesake = judge(&fingerprint, &by_name(Reading::Missing("did not load".into()))).1;
        assert_eq!(namesake, Verdict::Unproven, "somebody of the same name");
        assert_eq!(judge(&fingerprint, &by_name(Reading::Read((picture, 8)))).1, Verdict::Proven);
        let other = hash("fedcba9876543210");
        assert_eq!(judge(&fingerprint, &by_name(Reading::Read((other, 8)))).1, Verdict::Unproven);
    }

    #[test]
    fn no_wrong_account_in_any_of_125_combinations() {
        for h in KINDS {
            for n in KINDS {
                for s in KINDS {
                    let readings = Readings {
                        own: Some(true),
                        handle: reading(h, handle("@north_star"), handle("@other")),
                        name: reading(n, name("North Star"), name("Other")),
                        avatar: Reading::Missing("-".into()),
                        switcher: reading(s, handle("@north_star"), handle("@other")),
                    };
                    let (_, verdict) = judge(&fingerprint(), &readings);
                    let matches = [h, n, s].iter().filter(|k| **k == "match").count();
                    let other_handle = h == "mismatch" || s == "mismatch";
                    let expected = if other_handle {
                        Verdict::WrongAccount
                    } else if matches >= 2 {
                        Verdict::Proven
                    } else {
                        Verdict::Unproven
                    };
                    assert_eq!(verdict, expected, "{h} {n} {s}");
                }
            }
        }
    }

    #[test]
    fn a_public_profile_proves_nothing() {
        let readings = Readings {
            own: Some(false),
            handle: Reading::Read(handle("@north_star")),
            name: Reading::Read(name("North Star")),
            avatar: Reading::Missing("-".into()),
            switcher: Reading::Missing("-".into()),
        };
        assert_eq!(judge(&fingerprint(), &readings).1, Verdict::Unproven);
    }

    /// Platforms write a handle in their own way; the recipe says which.
    #[test]
    fn what_must_stand_there_is_what_the_recipe_says() {
        let judged = |handle: TextRead, switcher: TextRead| {
            let readings = Readings {
                own: Some(true),
                handle: Reading::Read(handle),
                name: Reading::Missing("-".into()),
                avatar: Reading::Missing("-".into()),
                switcher: Reading::Read(switcher),
            };
            judge(&fingerprint(), &readings).1
        };
        let address = |seen| read(seen, "www.example.com/in/{account.handle}", Compare::IgnoreCase);
        let prefixed = |seen| read(seen, "u/{account.handle}", Compare::Handle);
        assert_eq!(judged(address("www.example.com/in/North_Star"), prefixed("u/north_star")), Verdict::Proven);
        assert_eq!(judged(address("www.example.com/in/north_star2"), prefixed("u/north_star")), Verdict::WrongAccount);
        assert_eq!(judged(address("www.example.com/in/north_star"), prefixed("u/other")), Verdict::WrongAccount);
    }

    #[test]
    fn a_value_that_the_account_does_not_have_proves_nothing() {
        let nameless = Fingerprint { handle: "north_star".into(), display_name: None, avatar: None };
        let readings = Readings {
            own: Some(true),
            handle: Reading::Read(read("", "{account.display_name}", Compare::Exact)),
            name: Reading::Read(name("")),
            avatar: Reading::Missing("-".into()),
            switcher: Reading::Read(handle("@north_star")),
        };
        let (votes, verdict) = judge(&nameless, &readings);
        assert_eq!(votes.iter().map(|v| v.vote).collect::<Vec<_>>(), [Vote::Missing, Vote::Missing, Vote::Match]);
        assert_eq!(verdict, Verdict::Unproven);
    }
}
