//! How the episode reads pages: placeholders, surfaces, identity signals, challenges, receipts.

use std::collections::BTreeMap;
use std::time::Duration;

use deed_recipes::template::{Part, Template};
use deed_recipes::{ChallengeKind, Compare, Placeholder, Receipt, ReceiptSign, Recipe, TextSignal};

use crate::account::Account;
use crate::hold::{Hold, HoldReason};
use crate::judge::identity::{Reading, Readings, TextRead};
use crate::judge::quorum::{self, Quorum};
use crate::order::{Action, ScheduledWords};
use crate::ports::browser::{
    BrowserFault, ChallengeHit, Landing, Look, Need, NodeFacts, NodeId, Seen, Session, WriteSeen,
};
use crate::time::Timestamp;

/// How long a page with an error status is waited for: it seldom shows more than its notice.
pub(super) const ERROR_PAGE: Duration = Duration::from_secs(2);

/// What the placeholders stand for.
#[derive(Debug, Clone)]
pub struct Values {
    handle: String,
    display_name: String,
    avatar_hash: String,
    text: String,
    title: Option<String>,
    scheduled: Option<ScheduledWords>,
    target: Option<String>,
    /// What steps have read, by name.
    reads: BTreeMap<String, String>,
}

impl Values {
    /// From the account and the action.
    pub fn new(account: &Account, action: &Action) -> Self {
        Self {
            handle: account.fingerprint.handle.clone(),
            display_name: account.fingerprint.display_name.clone().unwrap_or_default(),
            avatar_hash: account.fingerprint.avatar.map(|a| a.to_string()).unwrap_or_default(),
            text: action.payload.content.text.clone(),
            title: action.payload.content.title.clone(),
            scheduled: action.payload.content.scheduled_at.map(ScheduledWords::of),
            target: action.payload.target.clone(),
            reads: BTreeMap::new(),
        }
    }

    /// As well as what steps have read.
    #[must_use]
    pub fn with_reads(self, reads: &BTreeMap<String, String>) -> Self {
        Self { reads: reads.clone(), ..self }
    }
}

impl deed_recipes::Values for Values {
    fn get(&self, placeholder: Placeholder) -> Option<&str> {
        match placeholder {
            Placeholder::AccountHandle => Some(&self.handle),
            Placeholder::AccountDisplayName => Some(&self.display_name),
            Placeholder::AccountAvatarHash => Some(&self.avatar_hash),
            Placeholder::ContentText => Some(&self.text),
            Placeholder::ContentTitle => self.title.as_deref(),
            of_time @ (Placeholder::ContentScheduledAt
            | Placeholder::ContentScheduledDate
            | Placeholder::ContentScheduledTime) => self.scheduled.as_ref().and_then(|at| at.get(of_time)),
            Placeholder::Target => self.target.as_deref(),
            Placeholder::ContentMedia | Placeholder::ObjectId => None,
        }
    }

    fn read(&self, name: &str) -> Option<&str> {
        self.reads.get(name).map(String::as_str)
    }
}

/// The account's own origin where the recipe allows it, else the recipe's first.
pub fn base_of(account: &Account, recipe: &Recipe) -> Option<String> {
    match &account.origin {
        Some(origin) => recipe.allows_origin(origin).then(|| origin.trim_end_matches('/').to_owned()),
        None => recipe.base_origin(),
    }
}

/// A URL without query and fragment.
pub fn page_of(url: &str) -> String {
    url.split(['?', '#']).next().unwrap_or(url).to_owned()
}

/// Goes to a surface and looks at it: landmarks, list, challenges. Waits for what the recipe says is there.
pub async fn visit<S: Session>(
    session: &mut S,
    recipe: &Recipe,
    surface: &str,
    base: &str,
    values: &Values,
    patience: Duration,
) -> Result<(Landing, Seen), BrowserFault> {
    let at = &recipe.surfaces[surface];
    let url = recipe
        .url_of(surface, base, values)
        .map_err(|e| BrowserFault::Navigation { url: surface.to_owned(), reason: e.to_string() })?;
    let landing = session.goto(&url).await?;
    let patience = if landing.status.is_some_and(|s| s >= 500) { patience.min(ERROR_PAGE) } else { patience };
    let mut until: Vec<_> = at.landmarks.iter().cloned().map(Need::Visible).collect();
    let mut elements = at.landmarks.clone();
    if let Some(ready) = &at.ready {
        until.push(Need::Present(ready.clone()));
        elements.push(ready.clone());
    }
    let look = Look {
        elements,
        items_of: at.items.is_some().then(|| surface.to_owned()),
        items_max: 100,
        until,
        within: patience,
        ..Look::default()
    };
    let mut seen = session.look(&look).await?;
    // A list that had not finished loading is not an empty list.
    if !seen.satisfied {
        seen.items = None;
    }
    Ok((landing, seen))
}

/// Reads all identity signals; what does not come within `wait` is missing. The switcher is left open, for the picture. A challenge or an
/// error page that came while they were read stands in what was seen.
pub async fn read_identity<S: Session>(
    session: &mut S,
    recipe: &Recipe,
    wait: Duration,
) -> Result<(Readings, Seen), BrowserFault> {
    let identity = &recipe.identity;
    let elements: Vec<String> = [
        identity.own.as_ref(),
        identity.handle.as_ref().map(|s| &s.element),
        identity.name.as_ref().map(|s| &s.element),
        identity.avatar.as_ref().map(|s| &s.element),
        identity.switcher.as_ref().map(|s| &s.element),
        // What a switcher shows without being opened is there from the start.
        identity.switcher.as_ref().filter(|s| !s.open).and_then(|s| s.item.as_ref()),
    ]
    .into_iter()
    .flatten()
    .cloned()
    .chain(recipe.surfaces[&identity.on].landmarks.iter().cloned())
    .collect();
    let until = elements.iter().cloned().map(Need::Visible).collect();
    let mut seen = session.look(&Look { elements, until, within: wait, ..Look::default() }).await?;

    let text = |s: &TextSignal| read_text(&seen, &s.element, &s.equals, s.compare);
    let handle = identity.handle.as_ref().map_or_else(not_asked, text);
    let name = identity.name.as_ref().map_or_else(not_asked, text);
    let avatar = match &identity.avatar {
        None => not_asked(),
        Some(signal) => match strict(&seen, &signal.element) {
            Reading::Read((node, _)) => match session.image_hash(node).await? {
                Some(hash) => Reading::Read((hash, signal.distance_max)),
                None => Reading::Missing("the picture did not load".to_owned()),
            },
            Reading::Missing(why) | Reading::Doubtful(_, why) => Reading::Missing(why),
            Reading::Ambiguous(why) => Reading::Ambiguous(why),
        },
    };
    let switcher = match &identity.switcher {
        None => not_asked(),
        Some(signal) => {
            let item = signal.item.as_ref().unwrap_or(&signal.element);
            match (signal.open, strict(&seen, &signal.element)) {
                (true, Reading::Read((node, _))) => {
                    session.click(node).await?;
                    let until = vec![Need::Visible(item.clone())];
                    let look = Look { elements: vec![item.clone()], until, within: wait, ..Look::default() };
                    let opened = session.look(&look).await?;
                    let read = read_text(&opened, item, &signal.selected, Compare::Handle);
                    // What came over the page meanwhile may be why the switcher is silent.
                    seen.challenges.extend(opened.challenges);
                    seen.status = opened.status.or(seen.status);
                    read
                }
                (false, Reading::Read(_)) => read_text(&seen, item, &signal.selected, Compare::Handle),
                (_, Reading::Missing(why) | Reading::Doubtful(_, why)) => Reading::Missing(why),
                (_, Reading::Ambiguous(why)) => Reading::Ambiguous(why),
            }
        }
    };
    let own = identity.own.as_ref().map(|element| quorum::lone(&seen, element).is_some());
    Ok((Readings { own, handle, name, avatar, switcher }, seen))
}

fn not_asked<T>() -> Reading<T> {
    Reading::Missing("the recipe does not read it".to_owned())
}

fn strict<'s>(seen: &'s Seen, element: &str) -> Reading<(NodeId, &'s NodeFacts)> {
    match quorum::quorum(seen, element) {
        Quorum::Agreed(agreement) => match seen.nodes.get(&agreement.node) {
            Some(facts) => Reading::Read((agreement.node, facts)),
            None => Reading::Missing("gone".to_owned()),
        },
        few @ Quorum::TooFew { .. } => {
            let alone = quorum::lone(seen, element).and_then(|(node, _)| Some((node, seen.nodes.get(&node)?)));
            match alone {
                Some(alone) => Reading::Doubtful(alone, few.describe()),
                None => Reading::Missing(few.describe()),
            }
        }
        conflict @ Quorum::Conflict { .. } => Reading::Ambiguous(conflict.describe()),
    }
}

fn read_text(seen: &Seen, element: &str, equals: &Template, compare: Compare) -> Reading<TextRead> {
    let read = |facts: &NodeFacts| TextRead { seen: facts.text.clone(), equals: equals.clone(), compare };
    match strict(seen, element) {
        Reading::Read((_, facts)) => Reading::Read(read(facts)),
        Reading::Doubtful((_, facts), why) => Reading::Doubtful(read(facts), why),
        Reading::Missing(why) => Reading::Missing(why),
        Reading::Ambiguous(why) => Reading::Ambiguous(why),
    }
}

/// How many nodes the most generous locator of an element names.
pub fn count(seen: &Seen, element: &str) -> usize {
    seen.votes.get(element).into_iter().flatten().map(|v| v.nodes.len()).max().unwrap_or(0)
}

/// The hold of the worst challenge on the page.
pub fn challenge_of(seen: &Seen, now: Timestamp) -> Option<Hold> {
    seen.challenges.first().map(|hit| hold_of(hit, None, now))
}

/// As [`challenge_of`], with what the navigation itself said.
pub fn challenge_hold(seen: &Seen, landing: &Landing, now: Timestamp) -> Option<Hold> {
    seen.challenges.first().map(|hit| hold_of(hit, landing.retry_after, now))
}

fn hold_of(hit: &ChallengeHit, retry_after: Option<Duration>, now: Timestamp) -> Hold {
    let what = match hit.kind {
        ChallengeKind::Captcha => "a captcha is on the page",
        ChallengeKind::Checkpoint => "the platform wants the account confirmed",
        ChallengeKind::LoggedOut => "the session is signed out",
        ChallengeKind::Suspicious => "the platform reports suspicious activity",
        ChallengeKind::RateLimit => "the platform asks to wait",
    };
    let detail = format!("{what} (seen by {})", hit.detector);
    if hit.kind == ChallengeKind::RateLimit {
        let until = retry_after.or(hit.wait).map(|d| now.plus(bounded(d)));
        return Hold { reason: HoldReason::RateLimit, detail, until };
    }
    Hold::new(HoldReason::Challenge, detail)
}

/// A wait that a platform asked for: no longer than a week, so that a slip of theirs does not stop the account for good.
pub fn bounded(wait: Duration) -> Duration {
    wait.min(Duration::from_secs(7 * 24 * 60 * 60))
}

/// The receipt's signs as conditions of a look.
pub fn receipt_needs(receipt: &Receipt) -> Vec<Need> {
    receipt
        .any
        .iter()
        .map(|sign| match sign {
            ReceiptSign::Toast(text) => Need::Toast(text.clone()),
            ReceiptSign::Url(template) => Need::Path(glob_of(template)),
            ReceiptSign::Element(element) => Need::Visible(element.clone()),
        })
        .chain([Need::WriteRefused])
        .collect()
}

/// A template as a glob: every placeholder stands for any run of characters.
fn glob_of(template: &Template) -> String {
    template.parts.iter().map(|part| if let Part::Text(text) = part { text.as_str() } else { "*" }).collect()
}

/// The object's id, out of the write's response.
pub fn object_id(receipt: &Receipt, write: &WriteSeen) -> Option<String> {
    receipt.object_id.as_ref()?.read(write.body.as_ref()?)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;
    use crate::account::{AccountState, Fingerprint, Mode};
    use crate::ids::{AccountId, ClientId};

    /// Where a session is carried, for an account that says this origin. Recipes change after accounts were connected.
    fn base(origin: Option<&str>) -> Option<String> {
        let account = Account {
            id: AccountId::new("acc"),
            client: ClientId::new("c"),
            platform: "practice".into(),
            fingerprint: Fingerprint { handle: "north_star".into(), display_name: None, avatar: None },
            origin: origin.map(str::to_owned),
            state: AccountState::Active,
            state_reason: None,
            mode: Mode::Live,
            has_session: true,
            approvals: crate::approval::AccountApprovals::None,
        };
        base_of(&account, &deed_recipes::load_builtin("practice").unwrap())
    }

    #[test]
    fn an_account_never_leads_outside_the_recipes_origins() {
        assert_eq!(base(Some("http://127.0.0.1:4000/")).as_deref(), Some("http://127.0.0.1:4000"));
        for outside in ["https://127.0.0.1:4000", "http://127.0.0.1.evil.test", "https://evil.test", ""] {
            assert_eq!(base(Some(outside)), None, "{outside}");
        }
    }
}
