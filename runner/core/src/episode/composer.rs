//! What must stand in the composer: read at review, again right before `arm`, and once more in the last look before the press.
//!
//! A page can change its composer at any moment (a draft that is restored late), so what was reviewed is not what is pressed unless it is
//! looked at again.

use std::sync::Arc;

use deed_recipes::{Flow, Recipe, Review, ReviewExpect};

use super::reading::{self, Values, page_of};
use crate::judge::quorum::{self, Quorum};
use crate::judge::text;
use crate::permit::{Target, word_of_server};
use crate::ports::browser::{LastCheck, Need, NodeId, Seen};

/// One thing that was read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which element.
    pub element: String,
    /// Whether it holds what was ordered.
    pub passed: bool,
    /// What was ordered.
    pub expected: String,
    /// What it holds.
    pub found: String,
}

/// Reads the composer back.
pub fn findings(reviews: &[Review], values: &Values, media: usize, seen: &Seen) -> Vec<Finding> {
    let read = |review: &Review| {
        let (passed, expected, found) = match &review.expect {
            ReviewExpect::Equals { text: template, compare } => {
                let expected = template.fill(values);
                let found = quorum::lone(seen, &review.element)
                    .and_then(|(node, _)| seen.nodes.get(&node))
                    .map_or_else(|| "(not there)".to_owned(), |n| n.text.clone());
                (text::same(*compare, &found, &expected), expected, found)
            }
            ReviewExpect::CountOfMedia => {
                let count = reading::count(seen, &review.element);
                (count == media, media.to_string(), count.to_string())
            }
        };
        Finding { element: review.element.clone(), passed, expected, found }
    };
    reviews.iter().map(read).collect()
}

/// The condition to wait for before an element is read back.
pub fn need(review: &Review, media: usize) -> Need {
    match review.expect {
        ReviewExpect::Equals { .. } => Need::Visible(review.element.clone()),
        ReviewExpect::CountOfMedia => Need::Count(review.element.clone(), media),
    }
}

/// Everything that must still hold at the press.
#[derive(Debug, Clone)]
pub struct AtPress {
    /// The recipe.
    pub recipe: Arc<Recipe>,
    /// Placeholders.
    pub values: Values,
    /// Number of media files of the order.
    pub media: usize,
    /// What is about to be pressed.
    pub target: Target,
    /// The node that was agreed on.
    pub node: NodeId,
}

impl AtPress {
    fn flow(&self) -> Option<&Flow> {
        self.recipe.flow(&self.target.flow)
    }
}

impl LastCheck for AtPress {
    fn elements(&self) -> Vec<String> {
        let reviews = self.flow().map(|f| f.review.as_slice()).unwrap_or_default();
        reviews.iter().map(|r| r.element.clone()).chain([self.target.element.clone()]).collect()
    }

    /// The identity surface, when it is on the origin of the page that is pressed on.
    fn confirm(&self) -> Option<String> {
        let base = url_origin(&self.target.page)?;
        self.recipe.url_of(&self.recipe.identity.on, base, &self.values).ok()
    }

    fn judge(&self, seen: &Seen) -> Result<(), String> {
        if page_of(&seen.url) != self.target.page {
            return Err("the page is another one now".to_owned());
        }
        if self.target.marker.is_some() && seen.marker != self.target.marker {
            return Err("the session is another one now".to_owned());
        }
        if let Some(expected) = &self.target.marker {
            word_of_server(expected, seen.marker_at_home.as_deref(), seen.home_silent)?;
        }
        if let Some(challenge) = seen.challenges.first() {
            return Err(format!("a challenge is on the page: {}", challenge.detector));
        }
        match quorum::quorum(seen, &self.target.element) {
            Quorum::Agreed(agreement) if agreement.node == self.node => {}
            Quorum::Agreed(_) => return Err("the locators name another element now".to_owned()),
            other => return Err(other.describe()),
        }
        let Some(flow) = self.flow() else { return Err("the recipe has no such flow".to_owned()) };
        match findings(&flow.review, &self.values, self.media, seen).into_iter().find(|f| !f.passed) {
            Some(wrong) => Err(format!("`{}` does not hold what was ordered any more", wrong.element)),
            None => Ok(()),
        }
    }
}

/// `https://host:port` of a URL.
fn url_origin(url: &str) -> Option<&str> {
    let host = url.find("://")? + 3;
    Some(url[host..].find('/').map_or(url, |end| &url[..host + end]))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;
    use crate::order::{Action, Content};
    use crate::ports::browser::{ChallengeHit, NodeFacts, Vote};
    use crate::sample::{self, account};
    use deed_recipes::ChallengeKind;

    fn action() -> Action {
        sample::action(Content { text: "Fresh bread".into(), ..Content::default() })
    }

    fn at_press() -> AtPress {
        let recipe = deed_recipes::load_builtin("practice").unwrap();
        let target = Target {
            recipe: recipe.hash.clone(),
            flow: "publish.post".into(),
            element: "post_button".into(),
            page: "http://127.0.0.1:1/compose".into(),
            payload: action().payload.hash(),
            marker: Some("acc_1".into()),
        };
        let values = Values::new(&account(), &action());
        AtPress { recipe: Arc::new(recipe), values, media: 0, target, node: NodeId(2) }
    }

    /// The composer as it was reviewed.
    fn composer() -> Seen {
        let vote = |locator: &str, id| Vote { locator: locator.into(), nodes: vec![NodeId(id)] };
        let editor = NodeFacts { text: "Fresh bread".into(), visible: true, ..NodeFacts::default() };
        Seen {
            url: "http://127.0.0.1:1/compose?draft=1".into(),
            marker: Some("acc_1".into()),
            votes: [
                ("editor".to_owned(), vec![vote("css", 1)]),
                ("post_button".to_owned(), vec![vote("role", 2), vote("css", 2)]),
                ("media_preview".to_owned(), vec![]),
            ]
            .into(),
            nodes: [(NodeId(1), editor), (NodeId(2), NodeFacts::default())].into(),
            ..Seen::default()
        }
    }

    fn refusal(change: impl FnOnce(&mut Seen)) -> Option<String> {
        let mut seen = composer();
        change(&mut seen);
        at_press().judge(&seen).err()
    }

    #[test]
    fn what_was_reviewed_may_be_pressed() {
        assert_eq!(refusal(|_| {}), None);
    }

    #[test]
    fn anything_that_changed_since_may_not() {
        let text = |seen: &mut Seen, text: &str| seen.nodes.get_mut(&NodeId(1)).unwrap().text = text.to_owned();
        assert!(refusal(|s| text(s, "Fresh bread something from last week")).is_some(), "a draft was restored");
        assert!(refusal(|s| text(s, "")).is_some(), "the editor was emptied");
        assert!(
            refusal(|s| s
                .votes
                .get_mut("media_preview")
                .unwrap()
                .push(Vote { locator: "css".into(), nodes: vec![NodeId(9)] }))
            .is_some()
        );
        assert!(refusal(|s| s.url = "http://127.0.0.1:1/delete".into()).is_some());
        assert!(refusal(|s| s.marker = Some("acc_2".into())).is_some(), "another account");
        assert!(refusal(|s| s.marker = None).is_some(), "signed out");
        assert!(refusal(|s| s.marker_at_home = Some("acc_2".into())).is_some(), "switched in another window");
        assert!(refusal(|s| s.marker_at_home = Some("acc_1".into())).is_none());
        assert!(refusal(|s| s.home_silent = true).is_some(), "asked, and no answer in time");
        assert!(
            refusal(|s| s.votes.get_mut("post_button").unwrap()[1].nodes = vec![NodeId(3)]).is_some(),
            "locators disagree"
        );
        let hit = ChallengeHit { kind: ChallengeKind::Captcha, detector: "css".into(), wait: None };
        assert!(refusal(|s| s.challenges.push(hit)).is_some());
    }

    #[test]
    fn locators_that_agree_on_another_button_are_refused() {
        let other =
            |s: &mut Seen| s.votes.get_mut("post_button").unwrap().iter_mut().for_each(|v| v.nodes = vec![NodeId(3)]);
        assert!(refusal(other).is_some());
    }

    #[test]
    fn a_server_that_says_the_same_session_and_a_platform_without_a_marker_stop_nothing() {
        let mut unmarked = at_press();
        unmarked.target.marker = None;
        let mut seen = composer();
        seen.marker_at_home = Some("acc_2".into());
        seen.home_silent = true;
        assert_eq!(unmarked.judge(&seen), Ok(()), "there is nothing to compare it with");
    }

    #[test]
    fn looks_at_all_that_was_reviewed_and_at_what_is_pressed() {
        assert_eq!(at_press().elements(), ["editor", "media_preview", "post_button"]);
    }

    #[test]
    fn asks_whose_session_it_is_where_identity_was_proved() {
        assert_eq!(at_press().confirm().as_deref(), Some("http://127.0.0.1:1/north_star"));
        let mut nowhere = at_press();
        nowhere.target.page = "about:blank".into();
        assert_eq!(nowhere.confirm(), None);
    }

    #[test]
    fn the_origin_ends_where_the_path_begins() {
        assert_eq!(url_origin("https://a.example:8443/x/y"), Some("https://a.example:8443"));
        assert_eq!(url_origin("https://a.example"), Some("https://a.example"));
        assert_eq!(url_origin("https://a/x"), Some("https://a"));
        assert_eq!(url_origin("a.example/x"), None);
    }

    #[test]
    fn says_what_was_ordered_and_what_stands_there() {
        let recipe = deed_recipes::load_builtin("practice").unwrap();
        let reviews = &recipe.flow("publish.post").unwrap().review;
        let values = Values::new(&account(), &action());
        let mut seen = composer();
        seen.votes.remove("editor");
        let said: Vec<_> = findings(reviews, &values, 2, &seen)
            .into_iter()
            .map(|f| format!("{} {} {:?} {:?}", f.element, f.passed, f.expected, f.found))
            .collect();
        assert_eq!(
            said,
            [r#"editor false "Fresh bread" "(not there)""#, r#"media_preview false "2" "0""#],
            "{reviews:?}"
        );
        assert!(findings(reviews, &values, 0, &composer()).iter().all(|f| f.passed));
        let needs: Vec<_> = reviews.iter().map(|review| need(review, 2)).collect();
        assert_eq!(needs, [Need::Visible("editor".into()), Need::Count("media_preview".into(), 2)]);
    }
}
