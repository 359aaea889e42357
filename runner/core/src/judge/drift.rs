//! Has the layout moved?
//!
//! Per surface, every landmark must be there, and stand where its baseline says: the same role, the same landmark
//! regions around it, below the same landmarks, and, in the same language, with the same name. Texts, counters, ads and class names are
//! not looked at, so they are never drift.

use deed_recipes::{Baseline, LandmarkPlace};

use crate::judge::quorum;
use crate::ports::browser::{NodeFacts, Seen};

/// What was found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Drift {
    /// 0 (nothing moved) to 1 (nothing is where it was): changed facts over all facts compared.
    pub score: f64,
    /// What moved, in words.
    pub reasons: Vec<String>,
}

impl Drift {
    /// Whether the surface can be trusted.
    pub fn is_none(&self) -> bool {
        self.reasons.is_empty()
    }
}

fn found<'a>(seen: &'a Seen, landmark: &str) -> Option<&'a NodeFacts> {
    let (node, _) = quorum::lone(seen, landmark)?;
    seen.nodes.get(&node)
}

fn region(regions: &[String]) -> String {
    regions.last().map_or_else(|| "the page".to_owned(), Clone::clone)
}

/// Compares the landmarks of a surface with its baseline; without one, only their presence is asked for.
pub fn judge(landmarks: &[String], baseline: Option<&Baseline>, seen: &Seen) -> Drift {
    let mut reasons = Vec::new();
    let mut compared = 0_u32;
    for landmark in landmarks {
        compared += 1;
        let Some(now) = found(seen, landmark) else {
            reasons.push(format!("`{landmark}` gone"));
            continue;
        };
        let Some(baseline) = baseline else { continue };
        let Some(then) = baseline.landmarks.get(landmark) else { continue };
        compared += 3;
        if now.role != then.role {
            reasons.push(format!("`{landmark}` was a {}, is a {}", then.role, now.role));
        }
        if now.regions != then.regions {
            reasons.push(format!("`{landmark}` moved from {} to {}", region(&then.regions), region(&now.regions)));
        }
        if let Some(name) = &then.name
            && baseline.lang == seen.lang
            && now.name != *name
        {
            reasons.push(format!("`{landmark}` was named \"{name}\", is named \"{}\"", now.name));
        }
        for above in &then.below {
            compared += 1;
            if let Some(other) = found(seen, above)
                && other.rect.y + other.rect.height > now.rect.y + 1.0
            {
                reasons.push(format!("`{landmark}` stood below `{above}`, now it does not"));
            }
        }
    }
    let score = if compared == 0 {
        0.0
    } else {
        f64::from(u32::try_from(reasons.len()).unwrap_or(u32::MAX)) / f64::from(compared)
    };
    Drift { score: score.min(1.0), reasons }
}

/// The baseline of a surface as it is now. A landmark that is not there is left out.
pub fn baseline(surface: &str, landmarks: &[String], seen: &Seen) -> Baseline {
    let there: Vec<_> = landmarks.iter().filter_map(|l| Some((l, found(seen, l)?))).collect();
    let places = there.iter().map(|(landmark, facts)| {
        let above = |other: &NodeFacts| other.rect.y + other.rect.height <= facts.rect.y + 1.0;
        let below = there.iter().filter(|(l, f)| l != landmark && above(f)).map(|(l, _)| (*l).clone()).collect();
        let place = LandmarkPlace {
            role: facts.role.clone(),
            name: (!facts.name.is_empty()).then(|| facts.name.clone()),
            regions: facts.regions.clone(),
            below,
        };
        ((*landmark).clone(), place)
    });
    Baseline { surface: surface.to_owned(), lang: seen.lang.clone(), landmarks: places.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::browser::{NodeId, Rect, Vote};

    fn page(button_y: f64, button_region: &str, name: &str, lang: &str) -> Seen {
        let vote = |id| vec![Vote { locator: "css".into(), nodes: vec![NodeId(id)] }];
        let facts = |role: &str, name: &str, y: f64, region: &str| NodeFacts {
            role: role.into(),
            name: name.into(),
            visible: true,
            rect: Rect { x: 0.0, y, width: 10.0, height: 10.0 },
            regions: vec!["main".into(), region.into()],
            ..NodeFacts::default()
        };
        Seen {
            lang: Some(lang.into()),
            votes: [("editor".to_owned(), vote(1)), ("button".to_owned(), vote(2))].into(),
            nodes: [
                (NodeId(1), facts("textbox", "Post text", 100.0, "form")),
                (NodeId(2), facts("button", name, button_y, button_region)),
            ]
            .into(),
            ..Seen::default()
        }
    }

    fn against(now: &Seen) -> Vec<String> {
        let landmarks = ["editor".to_owned(), "button".to_owned()];
        let then = baseline("composer", &landmarks, &page(200.0, "form", "Post", "en"));
        judge(&landmarks, Some(&then), now).reasons
    }

    #[test]
    fn the_same_page_has_not_moved_wherever_it_is_scrolled() {
        assert!(against(&page(200.0, "form", "Post", "en")).is_empty());
        assert!(against(&page(900.0, "form", "Post", "en")).is_empty());
    }

    #[test]
    fn moved_renamed_reordered_and_gone_are_drift_in_words() {
        assert_eq!(against(&page(200.0, "banner", "Post", "en")), ["`button` moved from form to banner"]);
        assert_eq!(against(&page(200.0, "form", "Delete", "en")), ["`button` was named \"Post\", is named \"Delete\""]);
        assert_eq!(against(&page(20.0, "form", "Post", "en")), ["`button` stood below `editor`, now it does not"]);
        let mut gone = page(200.0, "form", "Post", "en");
        gone.votes.remove("button");
        assert_eq!(against(&gone), ["`button` gone"]);
    }

    #[test]
    fn another_language_is_not_a_renamed_button() {
        assert!(against(&page(200.0, "form", "Veröffentlichen", "de")).is_empty());
    }
}
