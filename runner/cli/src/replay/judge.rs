//! What a scenario came to against what it must come to: every difference in words.

use crate::replay::expect::Expect;
use crate::replay::scenario::Found;

/// Every difference; none: as expected.
pub fn differences(expect: &Expect, found: &Found) -> Vec<String> {
    let mut differs: Vec<String> = Vec::new();
    let other = |what: &str, wanted: &str, seen: &str| {
        format!("{what} is {}, expected {wanted}", if seen.is_empty() { "none" } else { seen })
    };
    if expect.outcome != found.outcome {
        differs.push(other("outcome", &expect.outcome, &found.outcome));
    }
    for (what, wanted, seen) in [
        ("hold", &expect.hold, found.hold.as_deref().unwrap_or_default()),
        ("failure", &expect.failure, found.failure.as_deref().unwrap_or_default()),
        ("account", &expect.account, found.account.as_str()),
    ] {
        if let Some(wanted) = wanted.as_deref().filter(|w| *w != seen) {
            differs.push(other(what, wanted, seen));
        }
    }
    if let Some(level) = expect.level.filter(|l| *l != u64::from(found.level)) {
        differs.push(other("level", &level.to_string(), &found.level.to_string()));
    }
    if let Some(writes) = expect.writes.filter(|w| *w != found.played.writes as u64) {
        differs.push(other("writes", &writes.to_string(), &found.played.writes.to_string()));
    }
    for (signal, wanted) in &expect.identity {
        let seen = found.identity.get(signal).map_or("", String::as_str);
        if seen != wanted {
            differs.push(other(&format!("identity {signal}"), wanted, seen));
        }
    }
    for (surface, wanted) in &expect.drift {
        match found.drift.get(surface) {
            Some(score) if wanted.fits(*score) => {}
            Some(score) => {
                differs.push(other(&format!("drift of {surface}"), &wanted.to_string(), &format!("{score:.2}")));
            }
            None => differs.push(format!("surface {surface} was never compared")),
        }
    }
    for (element, css) in &expect.elements {
        match found.played.chosen.get(element) {
            None => differs.push(format!("`{element}` was never found")),
            Some(each) if each.contains(&false) => {
                differs.push(format!("`{element}` was another node than `{css}`"));
            }
            Some(_) => {}
        }
    }
    let reason = [found.hold.as_deref(), found.failure.as_deref(), Some(found.words.as_str())];
    let reason = reason.into_iter().flatten().collect::<Vec<_>>().join(" ");
    for word in expect.says.iter().filter(|w| !reason.contains(w.as_str())) {
        differs.push(format!("it does not say \"{word}\""));
    }
    differs.extend(found.played.unmatched.iter().map(|r| format!("no answer for {r}")));
    differs
        .extend(found.played.escaped.iter().map(|to| format!("something reached for {to} beside the gate; refused")));
    if !differs.is_empty() && !found.words.is_empty() {
        differs.push(format!("it says: {}", found.words));
    }
    differs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::expect::Score;

    fn expect() -> Expect {
        Expect {
            outcome: "queued".into(),
            hold: Some("drift".into()),
            failure: None,
            account: None,
            level: Some(0),
            writes: Some(0),
            identity: [("handle".to_owned(), "match".to_owned())].into(),
            elements: vec![("post_button".into(), "#post".into())],
            drift: [("composer".to_owned(), Score::Above(0.0))].into(),
            says: vec!["post_button".into()],
        }
    }

    fn found() -> Found {
        let mut found = Found {
            outcome: "queued".into(),
            hold: Some("drift".into()),
            words: "`post_button` gone".into(),
            identity: [("handle".to_owned(), "match".to_owned())].into(),
            drift: [("composer".to_owned(), 0.25)].into(),
            ..Found::default()
        };
        found.played.chosen.insert("post_button".into(), vec![true]);
        found
    }

    fn after(change: impl FnOnce(&mut Found)) -> usize {
        let mut found = found();
        change(&mut found);
        differences(&expect(), &found).len()
    }

    #[test]
    fn every_part_is_compared() {
        assert_eq!(differences(&expect(), &found()), Vec::<String>::new());
        // Each change is one difference, and the sentence at the end.
        assert_eq!(after(|f| f.outcome = "unknown".into()), 2);
        assert_eq!(after(|f| f.hold = None), 2);
        assert_eq!(after(|f| f.level = 1), 2);
        assert_eq!(after(|f| f.played.writes = 1), 2);
        assert_eq!(after(|f| f.identity.clear()), 2);
        assert_eq!(after(|f| f.drift.clear()), 2);
        assert_eq!(after(|f| f.played.chosen.clear()), 2);
        assert_eq!(after(|f| f.played.chosen.entry("post_button".into()).or_default().push(false)), 2);
        assert_eq!(after(|f| f.words = "gone".into()), 2);
        assert_eq!(after(|f| f.played.unmatched.push("GET https://a.test/ (Image)".into())), 2);
        assert_eq!(after(|f| f.played.escaped.push("a.test:443".into())), 2);
    }
}
