//! A hold over locators that are silent or disagree carries what a person could write instead, and a picture of the candidates.

use deed_proofs::picture::Region;
use deed_proofs::{ArtifactKind, Mark, marked};

use super::Episode;
use crate::judge::proposal::{self, Proposal};
use crate::ports::browser::{Rect, Seen, Session};
use crate::ports::{Clock, World};

impl<W: World> Episode<'_, W> {
    /// Keeps the proposal for these elements, if there is one, and says so. It is evidence only: nothing applies it.
    pub(super) async fn propose<S: Session>(
        &mut self,
        session: &mut S,
        elements: &[String],
        seen: &Seen,
    ) -> &'static str {
        let proposals: Vec<Proposal> =
            elements.iter().filter_map(|element| proposal::propose(&self.recipe, element, seen)).collect();
        if proposals.is_empty() {
            return "";
        }
        let text = proposal::describe(&self.recipe, &proposals);
        let now = self.world.clock().now();
        // Without a picture the words still stand.
        if let Ok(capture) = session.capture().await
            && let Ok(png) = marked(&capture.png, &marks(&proposals))
        {
            self.trail.keep_piece(ArtifactKind::Screenshot, "image/png", png, now);
        }
        self.trail.keep_piece(ArtifactKind::Proposal, "text/x-diff", text.into_bytes(), now);
        "; a change of the recipe is proposed in the proof"
    }
}

/// The candidates in the order in which the text numbers them.
fn marks(proposals: &[Proposal]) -> Vec<Mark> {
    let rects = proposals.iter().flat_map(|p| &p.candidates).map(|c| region(c.rect));
    (1..).zip(rects).map(|(number, region)| Mark { region, number }).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast of floats saturates, which is what is wanted"
)]
fn region(rect: Rect) -> Region {
    Region { x: rect.x as u32, y: rect.y as u32, width: rect.width.ceil() as u32, height: rect.height.ceil() as u32 }
}
