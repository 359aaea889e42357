//! What a manifest may not quote: words that are between two people, and what in an address lets somebody in.

use deed_proofs::{Sha256, scrub};
use deed_recipes::Recipe;

use crate::order::Action;

/// A shorter text is taken out only where it stands alone: in the middle of others it would be found everywhere.
const WITHIN_MIN: usize = 4;

/// The words of an order whose flow is private; none for another one.
#[derive(Debug, Clone, Default)]
pub struct Private {
    texts: Vec<String>,
}

impl Private {
    /// Of an order.
    pub fn of(action: &Action, recipe: &Recipe) -> Self {
        let content = &action.payload.content;
        if !recipe.is_private(&action.payload.action_type) {
            return Self::default();
        }
        let texts = [Some(&content.text), content.title.as_ref()];
        let mut texts: Vec<String> = texts.into_iter().flatten().filter(|t| !t.is_empty()).cloned().collect();
        // As pages show them: white space folded.
        let folded: Vec<String> = texts.iter().map(|text| crate::judge::text::fold(text)).collect();
        texts.extend(folded);
        texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
        texts.dedup();
        Self { texts }
    }

    /// A text for the manifest: private words as their hash, addresses and tokens scrubbed.
    pub fn clean(&self, text: &str) -> String {
        if self.texts.iter().any(|private| private == text) {
            return hashed(text);
        }
        let private = self.texts.iter().filter(|private| private.chars().count() >= WITHIN_MIN);
        scrub::text(&private.fold(text.to_owned(), |text, private| text.replace(private, &hashed(private))))
    }

    /// What was read of an element that holds private words, whatever they are.
    pub fn read(&self, element: &str, recipe: &Recipe, text: &str) -> String {
        if recipe.redact.contains_key(element) { hashed(text) } else { text.to_owned() }
    }
}

fn hashed(text: &str) -> String {
    format!("(private: sha256 {})", Sha256::of(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_words_become_their_hash_wherever_they_stand() {
        let private = Private { texts: vec!["see you at six".into(), "ok".into()] };
        let hash = Sha256::of(b"see you at six").to_string();
        assert_eq!(private.clean("see you at six"), format!("(private: sha256 {hash})"));
        assert_eq!(private.clean("it says \"see you at six\""), format!("it says \"(private: sha256 {hash})\""));
        assert!(private.clean("ok").starts_with("(private"));
        assert_eq!(private.clean("a token"), "a token", "a short word is left where it is a part of another");
        assert_eq!(private.clean("https://a.test/p#t=1"), "https://a.test/p");
        assert_eq!(Private::default().clean("see you at six"), "see you at six");
    }
}
