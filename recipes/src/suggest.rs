//! "Did you mean …": the nearest known name to a mistyped one. Never corrects anything by itself.

/// The candidate that is nearest to `wrong`, when it is near enough to have been meant.
pub(crate) fn nearest<'c>(wrong: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    if wrong.chars().count() > 80 {
        return None;
    }
    let lower = wrong.to_lowercase();
    // A third of the letters may be wrong, one always.
    let far_max = (wrong.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| *candidate != wrong)
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(far, _)| *far <= far_max)
        .min_by_key(|(far, _)| *far)
        .map(|(_, candidate)| candidate)
}

/// A help line for a mistyped name: the nearest one, else all of them (up to 30).
pub fn did_you_mean<'c>(wrong: &str, candidates: impl IntoIterator<Item = &'c str> + Clone) -> Option<String> {
    if let Some(near) = nearest(wrong, candidates.clone()) {
        return Some(format!("did you mean `{near}`?"));
    }
    let known: Vec<String> = candidates.into_iter().take(30).map(|name| format!("`{name}`")).collect();
    if known.is_empty() { None } else { Some(format!("known here: {}", known.join(", "))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_seen_and_a_different_word_is_not() {
        let names = ["steps", "settle_s", "receipt"];
        assert_eq!(nearest("step", names), Some("steps"));
        assert_eq!(nearest("stesp", names), Some("steps"));
        assert_eq!(nearest("Receipt", names), Some("receipt"));
        assert_eq!(nearest("banana", names), None);
        assert_eq!(did_you_mean("banana", []), None);
        assert_eq!(did_you_mean("banana", ["a", "b"]).as_deref(), Some("known here: `a`, `b`"));
    }
}
