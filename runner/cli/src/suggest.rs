//! "Did you mean": the nearest of the words that are known here.

/// How different a word may be and still be taken for a slip of the finger.
const DIFFERENCES_MAX: usize = 3;

/// The nearest known word, when it is near enough to be meant.
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let allowed = DIFFERENCES_MAX.min(word.chars().count() / 2);
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(differences, _)| *differences <= allowed)
        .min_by_key(|(differences, _)| *differences)
        .map(|(_, candidate)| candidate)
}

/// ``did you mean `browser`?``, or all that is known.
pub fn did_you_mean(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known here: {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let known = ["browser", "proofs", "data_dir"];
        assert_eq!(nearest("brwoser", known), Some("browser"));
        assert_eq!(nearest("proof", known), Some("proofs"));
        assert_eq!(nearest("database", known), None);
        assert_eq!(nearest("x", known), None);
    }
}
