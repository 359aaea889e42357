//! The verdict on the account.

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
fn another_handle_that_one_locator_alone_reads_is_doubt_and_the_right_one_no_proof() {
    let alone = |text: &str| Reading::Doubtful(handle(text), "only css found it".to_owned());
    let readings = |handle, switcher| Readings {
        own: Some(true),
        handle,
        name: Reading::Read(name("North Star")),
        avatar: Reading::Missing("-".into()),
        switcher,
    };
    let judged = |handle, switcher| judge(&fingerprint(), &readings(handle, switcher)).1;
    let right = || Reading::Read(handle("@north_star"));
    assert_eq!(judged(right(), alone("@somebody_else")), Verdict::Unproven);
    assert_eq!(judged(alone("@somebody_else"), right()), Verdict::Unproven);
    assert_eq!(judged(right(), alone("@north_star")), Verdict::Proven, "handle and name");
    for nobody in ["Bread since 1987", "somebody_else", "@ bakery", "@", ""] {
        assert_eq!(judged(right(), alone(nobody)), Verdict::Proven, "{nobody:?} is no handle");
    }
    assert_eq!(judged(alone("@north_star"), Reading::Missing("-".into())), Verdict::Unproven, "the name alone");
    // A switcher that tells names has no form to be told by: any other words are somebody else's.
    let alone = |text: &str| Reading::Doubtful(name(text), "only css found it".to_owned());
    assert_eq!(judged(right(), alone("Harbour Books")), Verdict::Unproven);
    for nobody in ["North Star", ""] {
        assert_eq!(judged(right(), alone(nobody)), Verdict::Proven, "{nobody:?} is nobody else");
    }
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

/// The second signal alone: what was stored, what the page shows, and how near it must be.
fn by_picture(stored: &str, shown: Reading<(ImageHash, u32)>) -> SignalVote {
    let fingerprint = Fingerprint { avatar: Some(hash(stored)), display_name: None, ..fingerprint() };
    let readings = Readings {
        own: Some(true),
        handle: Reading::Missing("-".into()),
        name: Reading::Missing("no name is shown".into()),
        avatar: shown,
        switcher: Reading::Missing("-".into()),
    };
    judge(&fingerprint, &readings).0.swap_remove(1)
}

#[test]
fn a_picture_is_the_accounts_up_to_the_distance_and_no_further() {
    let shown = |hex| Reading::Read((hash(hex), 8));
    let at = by_picture("ffffffffffffffff", shown("ffffffffffffff00"));
    assert_eq!((at.vote, at.signal), (Vote::Match, "avatar_or_name"));
    assert_eq!(at.expected, "avatar within 8 of ffffffffffffffff");
    assert_eq!(at.seen, "avatar ffffffffffffff00, distance 8");
    assert_eq!(by_picture("ffffffffffffffff", shown("fffffffffffffe00")).vote, Vote::Mismatch);
}

#[test]
fn a_flat_picture_proves_nothing_on_either_side() {
    let flat = hash("0000000000000000");
    let stored = by_picture("0000000000000000", Reading::Read((flat, 8)));
    assert_eq!(stored.vote, Vote::Missing);
    assert_eq!(stored.seen, "the stored avatar is a flat picture");
    // Near enough by its bits alone.
    assert_eq!(by_picture("0000000000000001", Reading::Read((flat, 8))).vote, Vote::Mismatch);
}

#[test]
fn a_picture_that_was_not_read_says_nothing_and_why() {
    for why in [Reading::Missing("did not load".into()), Reading::Ambiguous("did not load".into())] {
        let vote = by_picture("0123456789abcdef", why);
        assert_eq!((vote.vote, vote.seen.as_str()), (Vote::Missing, "avatar: did not load"));
    }
}

#[test]
fn a_name_that_is_not_shown_is_told_of_an_account_that_has_one() {
    for reading in [Reading::Missing("not there".into()), Reading::Ambiguous("not there".into())] {
        let readings = Readings {
            own: Some(true),
            handle: Reading::Missing("nowhere".into()),
            name: reading,
            avatar: Reading::Missing("-".into()),
            switcher: Reading::Missing("-".into()),
        };
        let votes = judge(&fingerprint(), &readings).0;
        assert_eq!((votes[1].vote, votes[1].seen.as_str()), (Vote::Missing, "name: not there"));
        assert_eq!((votes[0].seen.as_str(), votes[0].expected.as_str()), ("nowhere", "@north_star"));
        let nameless = Fingerprint { display_name: None, ..fingerprint() };
        assert_eq!(judge(&nameless, &readings).0[1].seen, "");
    }
}

#[test]
fn a_page_that_is_not_the_owners_takes_matches_away_and_leaves_contradictions() {
    let public = |seen| Readings {
        own: Some(false),
        handle: Reading::Read(handle(seen)),
        name: Reading::Read(name("North Star")),
        avatar: Reading::Missing("-".into()),
        switcher: Reading::Read(handle("@north_star")),
    };
    let (votes, verdict) = judge(&fingerprint(), &public("@north_star"));
    assert_eq!(verdict, Verdict::Unproven, "the switcher alone is one of three");
    assert_eq!(votes.iter().map(|v| v.vote).collect::<Vec<_>>(), [Vote::Missing, Vote::Missing, Vote::Match]);
    assert_eq!(votes[0].seen, "@north_star (but this is not the owner's own view)");
    let (votes, verdict) = judge(&fingerprint(), &public("@other"));
    assert_eq!((verdict, votes[0].vote), (Verdict::WrongAccount, Vote::Mismatch));
    assert_eq!(votes[0].seen, "@other");
}

#[test]
fn another_name_or_picture_contradicts_nobody() {
    let readings = Readings {
        own: None,
        handle: Reading::Read(handle("@north_star")),
        name: Reading::Read(name("Another Star")),
        avatar: Reading::Missing("-".into()),
        switcher: Reading::Read(handle("@north_star")),
    };
    let (votes, verdict) = judge(&fingerprint(), &readings);
    assert_eq!((verdict, votes[1].vote), (Verdict::Proven, Vote::Mismatch));
    assert_eq!((votes[1].expected.as_str(), votes[1].seen.as_str()), ("name North Star", "name Another Star"));
}

#[test]
fn a_name_counts_beside_a_switcher_that_says_the_handle() {
    let by_switcher = |switcher| Readings {
        own: Some(true),
        handle: Reading::Missing("-".into()),
        name: Reading::Read(name("North Star")),
        avatar: Reading::Missing("-".into()),
        switcher: Reading::Read(switcher),
    };
    assert_eq!(judge(&fingerprint(), &by_switcher(handle("@north_star"))).1, Verdict::Proven);
    let (votes, verdict) = judge(&fingerprint(), &by_switcher(name("North Star")));
    assert_eq!(verdict, Verdict::Unproven);
    assert_eq!(votes[1].seen, "name: counted with the switcher, which says the name too");
}
