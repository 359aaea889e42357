//! The session as the platform left it: platforms give a browser new cookies now and then, and the old ones end.
//!
//! It is kept only after a write that was clearly taken, in a session that the server still calls the account's, and without a challenge on
//! the page; and only under the live claim. Never changes what becomes of the action: a session that is not kept is imported
//! again by a person.

use deed_recipes::Marker;

use super::Episode;
use super::composer::AtPress;
use crate::ports::World;
use crate::ports::browser::{LastCheck as _, Look, Session, SessionState};
use crate::ports::ledger::Ledger as _;
use crate::session;

impl<W: World> Episode<'_, W> {
    /// Seals the session again when the platform refreshed it.
    pub(super) async fn keep_session<S: Session>(&mut self, session: &S, check: &AtPress) {
        let ledger = self.world.ledger();
        let Ok(Some(stored)) = ledger.session(&self.claim.account.id).await else { return };
        if self.left_by(session, &stored).await.is_none() || !self.still_proven(session, check).await {
            return;
        }
        // Once more: what was asked meanwhile may have been answered with new ones.
        let Some(fresh) = self.left_by(session, &stored).await else { return };
        let ends = session::expiry(&fresh, &self.recipe);
        let kept = ledger.refresh_session(&self.claim.fence, &fresh, ends).await;
        let words = match &kept {
            Ok(()) => "it has new cookies or new storage, and was sealed again".to_owned(),
            Err(fault) => format!("it has new cookies or new storage, and they were not kept: {fault}"),
        };
        self.trail.check("session_kept", kept.is_ok(), "the session as the platform left it", &words, "");
    }

    /// The session as it is now, when that is another than the stored one.
    async fn left_by<S: Session>(&self, session: &S, stored: &SessionState) -> Option<SessionState> {
        let now = session.state().await.ok()?;
        session::refreshed(stored, &now, &self.recipe)
    }

    /// Whether the session is the one that was proved, as far as page and server say.
    async fn still_proven<S: Session>(&self, session: &S, check: &AtPress) -> bool {
        // Without a marker nothing would tell a session that became somebody else's.
        let (Some(marker), Some(kind)) = (&self.marker, &self.recipe.identity.marker) else { return false };
        let look = Look { confirm: check.confirm(), ..Look::default() };
        let Ok(seen) = session.look(&look).await else { return false };
        let server = match kind {
            Marker::Attribute { .. } => seen.marker_at_home.as_ref() == Some(marker),
            // A cookie is the browser's word; the server has just taken a write with it.
            Marker::Cookie(_) => true,
        };
        server && self.no_challenge(&seen).is_ok() && self.same_session(&seen).is_ok()
    }
}
