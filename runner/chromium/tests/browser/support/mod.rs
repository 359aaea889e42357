//! What every test in real Chromium needs: the clock, and a session's opening.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use deed_core::ids::{AccountId, EpisodeId};
use deed_core::ports::browser::{Access, Opening, Pacing, SessionState};
use deed_core::time::Timestamp;
use deed_recipes::Recipe;

/// What time it is.
pub fn now() -> Timestamp {
    let ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    Timestamp(i64::try_from(ms).unwrap())
}

/// Read-only and unpaced, for a post.
pub fn opening(base: &str, recipe: Recipe, session: &str) -> Opening {
    Opening {
        account: AccountId::new("acc"),
        episode: EpisodeId::new("ep"),
        recipe: Arc::new(recipe),
        flow: "publish.post".into(),
        base: base.to_owned(),
        session: SessionState::new(session),
        access: Access::ReadOnly,
        pacing: Pacing::Unpaced,
    }
}
