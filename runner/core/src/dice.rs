//! Rolls without dice: this crate has no randomness of its own, so what must be spread is drawn from the episode's id.
//!
//! The id is fresh for each episode and stands in its proof, so every roll can be made again by whoever reads it.

use sha2::{Digest as _, Sha256};

use crate::ids::EpisodeId;

/// A roll of this episode for one purpose; another purpose is another roll.
pub fn roll(episode: &EpisodeId, purpose: &str) -> u64 {
    let digest = Sha256::new().chain_update(purpose).chain_update([0]).chain_update(episode.as_str()).finalize();
    digest.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_episode_rolls_the_same_and_nothing_else_does() {
        let (one, other) = (EpisodeId::new("e-1"), EpisodeId::new("e-2"));
        assert_eq!(roll(&one, "spacing"), roll(&one, "spacing"));
        assert_ne!(roll(&one, "spacing"), roll(&other, "spacing"));
        assert_ne!(roll(&one, "spacing"), roll(&one, "retry 1"));
        // What one purpose and one id are made of is not another pair's.
        assert_ne!(roll(&EpisodeId::new("b"), "a"), roll(&EpisodeId::new(""), "ab"));
    }
}
