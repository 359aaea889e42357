//! Small steps that the phases share: going to a surface, finding an element, writing to the ledger.

use std::collections::BTreeMap;
use std::sync::Arc;

use deed_proofs::Sha256;
use deed_recipes::policy::Policy;
use deed_recipes::template::Template;
use deed_recipes::{Marker, Recipe, Review, Step, Words};

use super::Episode;
use super::composer;
use super::ending::{Options, Purpose};
use super::reading::{self, Values, base_of, challenge_hold};
use super::stop::Stop;
use super::trail::Trail;
use crate::approval;
use crate::hold::{Hold, HoldReason};
use crate::judge::{drift, evidence, quorum};
use crate::pace::Limits;
use crate::policy::{self, Asks, PolicyReport};
use crate::ports::browser::{
    Access, Browser, BrowserFault, Look, Need, NodeFacts, NodeId, Opening, Pacing, Seen, Session, WriteSeen,
};
use crate::ports::ledger::{Change, Claim, Ledger, LedgerFault};
use crate::ports::proofs::Proofs;
use crate::ports::{Clock, World};
use crate::retry::Transient;
use crate::state::Event;
use crate::time::Timestamp;

impl<'w, W: World> Episode<'w, W> {
    pub(super) fn new(
        world: &'w W,
        claim: Claim,
        recipe: Arc<Recipe>,
        options: &'w Options,
        purpose: Purpose,
        proofs: <W::Proofs as Proofs>::Episode,
    ) -> Self {
        // Where an element is known by the order's time, this is the order.
        let recipe = if recipe.has_words_of_order() {
            Arc::new(recipe.for_order(&Values::new(&claim.account, &claim.action)))
        } else {
            recipe
        };
        let trail = Trail::new(proofs, &claim, &recipe, world.browser().version(), options.pacing);
        // Preflight puts what the policy says in their place.
        let need = approval::need(&claim.action, &claim.account, &recipe.hash, &Policy::default());
        let (reads, limits) = (BTreeMap::new(), Limits::default());
        let policy = Policy::default();
        Self {
            world,
            claim,
            recipe,
            options,
            purpose,
            trail,
            marker: None,
            reads,
            not_to_commit: None,
            limits,
            need,
            policy,
        }
    }
}

impl<W: World> Episode<'_, W> {
    pub(super) fn composer_equals_order(&mut self, reviews: &[Review], seen: &Seen, media: usize) -> Result<(), Stop> {
        let mut wrong = Vec::new();
        for finding in composer::findings(reviews, &self.values(), media, seen) {
            let name = format!("review {}", finding.element);
            let recipe = &self.recipe;
            let [expected, found] =
                [&finding.expected, &finding.found].map(|t| self.trail.read(&finding.element, recipe, t));
            self.trail.check(&name, finding.passed, &expected, &found, "");
            if !finding.passed {
                wrong.push(finding.element);
            }
        }
        if wrong.is_empty() {
            return Ok(());
        }
        let detail = format!("{} does not hold what was ordered", wrong.join(", "));
        Err(Stop::Hold(Hold::new(HoldReason::ReviewMismatch, detail)))
    }

    /// Puts a text into a field.
    pub(super) async fn type_into<S: Session>(
        &mut self,
        session: &mut S,
        into: &str,
        text: &Template,
    ) -> Result<(), Stop> {
        let node = self.find(session, into, Need::Visible(into.to_owned())).await?;
        let text = self.filled(text)?;
        session.type_text(node, &text).await?;
        self.trail.note(&format!("typed {} characters into {into}", text.chars().count()));
        Ok(())
    }

    /// A text for the page; nothing half-filled gets there.
    pub(super) fn filled(&self, text: &Template) -> Result<String, Stop> {
        text.try_fill(&self.values()).map_err(|e| Stop::Hold(Hold::new(HoldReason::Policy, e.to_string())))
    }

    pub(super) fn flow<'r>(&self, recipe: &'r Recipe) -> &'r deed_recipes::Flow {
        // Preflight held every action whose flow the recipe does not have.
        &recipe.flows[&self.claim.action.payload.action_type]
    }

    pub(super) fn values(&self) -> Values {
        Values::new(&self.claim.account, &self.claim.action).with_reads(&self.reads)
    }

    /// What the evidence of a flow is for this order.
    pub(super) fn evidence(&self, evidence: &deed_recipes::Evidence, author: Option<String>) -> evidence::Wanted {
        evidence::Wanted::new(evidence, &self.values(), self.claim.action.payload.content.media.len(), author)
    }

    /// All checks of the policy that holds for the account now, and the snapshot of what decided.
    pub(super) async fn policy_report(&mut self) -> Result<(PolicyReport, String), LedgerFault> {
        let (action, account, recipe) = (&self.claim.action, &self.claim.account, &self.recipe);
        let policy = self.options.policy.resolve(&policy::who(account), &recipe.budgets);
        let now = self.world.clock().now();
        let asks = Asks::of(&policy, recipe, action, account, now);
        let facts = self.world.ledger().policy_facts(action, account, &asks).await?;
        let report = policy::evaluate(action, account, recipe, &policy, &facts, now);
        let snapshot = policy::snapshot(recipe, &policy, &facts, &report, now);
        // What is decided now holds until the press, whatever becomes of the file.
        self.limits = Limits::of(&policy, &action.payload.action_type);
        self.need = asks.approval;
        self.policy = policy;
        Ok((report, snapshot))
    }

    /// What opening the account's own context asks for.
    pub(super) async fn opening(&self, access: Access) -> Result<Opening, Stop> {
        let account = &self.claim.account;
        let Some(session) = self.world.ledger().session(&account.id).await? else {
            return Err(Stop::Hold(Hold::new(HoldReason::Connection, "no session is stored")));
        };
        let Some(base) = base_of(account, &self.recipe) else {
            let detail = format!("the account's origin {:?} is not one of the recipe's origins", account.origin);
            return Err(Stop::Hold(Hold::new(HoldReason::Connection, detail)));
        };
        Ok(Opening {
            account: account.id.clone(),
            episode: self.claim.fence.episode.clone(),
            recipe: Arc::clone(&self.recipe),
            flow: self.claim.action.payload.action_type.clone(),
            base,
            session,
            access,
            pacing: Pacing::Unpaced,
        })
    }

    pub(super) async fn no_kill_switch(&mut self, when: &str) -> Result<(), Stop> {
        match self.world.ledger().kill_switch(&self.claim.account).await? {
            None => Ok(()),
            Some(switch) => Err(Stop::Hold(Hold::new(HoldReason::KillSwitch, format!("{switch} (read {when})")))),
        }
    }

    /// Whether the budget leaves room, before a browser is opened for it. A rehearsal attempts nothing: it only keeps still while the
    /// platform asked the account to wait.
    pub(super) async fn within_budget(&mut self) -> Result<(), Stop> {
        let limits = if self.purpose == Purpose::Act { self.limits } else { Limits::default() };
        let (account, kind) = (&self.claim.account.id, &self.claim.action.payload.action_type);
        let wait = self.world.ledger().budget(account, kind, &limits).await?;
        let found = wait.as_ref().map_or("so it is", |wait| wait.words.as_str());
        self.trail.check("budget", wait.is_none(), "room for one more attempt", found, "");
        wait.map_or(Ok(()), |wait| Err(Stop::Hold(wait.into())))
    }

    /// Goes to a surface, looks at it, and stops at a challenge or another session.
    pub(super) async fn visit<S: Session>(&mut self, session: &mut S, surface: &str) -> Result<Seen, Stop> {
        self.renew().await?;
        let recipe = Arc::clone(&self.recipe);
        let base = session_base(&self.claim, &recipe);
        let (landing, seen) =
            reading::visit(session, &recipe, surface, &base, &self.values(), self.options.patience).await?;
        self.trail.url(&landing.url);
        self.trail.pictures().await?;
        self.stopped_requests(session);
        let now = self.world.clock().now();
        if let Some(hold) = challenge_hold(&seen, &landing, now) {
            if let Ok(capture) = session.capture().await {
                self.trail.keep_capture(capture, now);
            }
            self.trail.check(
                "no_challenge",
                false,
                "no captcha, checkpoint, log-in wall or rate limit",
                &hold.detail,
                "",
            );
            return Err(Stop::Hold(hold));
        }
        if let Some(fault) = Transient::of_status(landing.status) {
            if let Ok(capture) = session.capture().await {
                self.trail.keep_capture(capture, now);
            }
            let status = landing.status.unwrap_or_default();
            let words = format!("surface {surface}: the server answered {status}");
            self.trail.check("server_well", false, "no status of 500 or more", &words, "");
            let destination = self.flow(&recipe).dedupe.on == surface;
            let reason = if destination { HoldReason::DestinationUnreadable } else { HoldReason::Transient };
            return Err(Stop::Fault { hold: Hold::new(reason, words), fault });
        }
        self.same_session(&seen)?;
        // Only after what shuts the account: a challenge is one under any clock.
        landing.of_our_time()?;
        Ok(seen)
    }

    /// Landmarks of a surface against its baseline.
    pub(super) async fn landmarks<S: Session>(
        &mut self,
        surface: &str,
        seen: &Seen,
        session: &mut S,
    ) -> Result<(), Stop> {
        let recipe = Arc::clone(&self.recipe);
        self.places(surface, &recipe.surfaces[surface].landmarks, seen, session).await
    }

    /// What is reviewed, and what is pressed, against the flow's own baseline. Where there is none: the commit element, when it is a
    /// landmark, stands where it stood when the surface opened.
    pub(super) async fn commit_place<S: Session>(
        &mut self,
        commit: &String,
        seen: &Seen,
        session: &mut S,
    ) -> Result<(), Stop> {
        let recipe = Arc::clone(&self.recipe);
        let flow = self.claim.action.payload.action_type.clone();
        if let Some(baseline) = recipe.baselines.get(&flow) {
            let reviewed: Vec<String> = baseline.landmarks.keys().cloned().collect();
            return self.places(&flow, &reviewed, seen, session).await;
        }
        let opened = self.flow(&recipe).steps.iter().rev().find_map(|step| match step {
            Step::Open(surface) => Some(surface),
            _ => None,
        });
        match opened {
            Some(surface) if recipe.surfaces[surface].landmarks.contains(commit) => {
                self.places(surface, std::slice::from_ref(commit), seen, session).await
            }
            _ => Ok(()),
        }
    }

    async fn places<S: Session>(
        &mut self,
        surface: &str,
        landmarks: &[String],
        seen: &Seen,
        session: &mut S,
    ) -> Result<(), Stop> {
        let recipe = Arc::clone(&self.recipe);
        let drift = drift::judge(landmarks, recipe.baselines.get(surface), seen);
        let found = if drift.is_none() { "all there".to_owned() } else { drift.reasons.join("; ") };
        self.trail.check(
            &format!("landmarks {surface}"),
            drift.is_none(),
            "where they stood",
            &found,
            &format!("score {:.2}", drift.score),
        );
        if drift.is_none() {
            return Ok(());
        }
        if let Ok(capture) = session.capture().await {
            self.trail.keep_capture(capture, self.world.clock().now());
        }
        let proposed = self.propose(session, landmarks, seen).await;
        let detail = format!("surface {surface}, score {:.2}: {}{proposed}", drift.score, drift.reasons.join("; "));
        Err(Stop::Hold(Hold::new(HoldReason::Drift, detail)))
    }

    /// What the page wanted outside the recipe's origins and did not get, for the proof.
    pub(super) fn stopped_requests<S: Session>(&mut self, session: &mut S) {
        for stopped in session.take_stopped() {
            let what = format!("{} {} ({})", stopped.method, stopped.url, stopped.kind);
            self.trail.check("kept_at_home", true, "no request outside the recipe's origins", &what, "it was stopped");
        }
    }

    /// Hands the recording to the trail, which waits for it before it seals: nothing else does.
    pub(super) fn end_of_recording<S: Session>(&mut self, session: &mut S, pressed_at: Option<Timestamp>) {
        let now = self.world.clock().now();
        if let Some(recorded) = session.recorded(pressed_at) {
            self.trail.filming(recorded, now);
        }
    }

    pub(super) fn no_challenge(&self, seen: &Seen) -> Result<(), Stop> {
        match reading::challenge_of(seen, self.world.clock().now()) {
            Some(hold) => Err(Stop::Hold(hold)),
            None => Ok(()),
        }
    }

    /// No error page took the place of the one that is read.
    pub(super) fn server_well(&self, seen: &Seen) -> Result<(), Stop> {
        match Transient::of_status(seen.status) {
            Some(fault) => {
                let words = format!("the server answered {} meanwhile", seen.status.unwrap_or_default());
                Err(Stop::Fault { hold: Hold::new(HoldReason::Transient, words), fault })
            }
            None => Ok(()),
        }
    }

    /// The session's own marker is what it was when the account was proved.
    pub(super) fn same_session(&self, seen: &Seen) -> Result<(), Stop> {
        match &self.marker {
            Some(then) if seen.marker.as_ref() != Some(then) => {
                let (then, now) = (self.marker_words(Some(then)), self.marker_words(seen.marker.as_deref()));
                let detail = format!("the session said {then} when the account was proved, now it says {now}");
                Err(Stop::Hold(Hold::new(HoldReason::SessionChanged, detail)))
            }
            Some(then) if seen.marker_at_home.as_ref().is_some_and(|now| now != then) => {
                let (then, now) = (self.marker_words(Some(then)), self.marker_words(seen.marker_at_home.as_deref()));
                let detail = format!("the session was {then} when the account was proved, now the server says {now}");
                Err(Stop::Hold(Hold::new(HoldReason::SessionChanged, detail)))
            }
            _ => Ok(()),
        }
    }

    /// What a session says of itself, for people. A cookie's value may let somebody in: of that only whether it is there is told.
    fn marker_words(&self, marker: Option<&str>) -> String {
        match (marker, &self.recipe.identity.marker) {
            (None, _) => "nothing".to_owned(),
            (Some(value), Some(Marker::Cookie(_))) => {
                format!("a cookie with the hash {:.12}", Sha256::of(value.as_bytes()).to_string())
            }
            (Some(value), _) => value.to_owned(),
        }
    }

    /// A reversible step's element: one vote is enough, a dissenter is noted.
    pub(super) async fn find<S: Session>(
        &mut self,
        session: &mut S,
        element: &str,
        need: Need,
    ) -> Result<NodeId, Stop> {
        self.find_facts(session, element, need).await.map(|(node, _)| node)
    }

    /// As [`Episode::find`], with what is known of the node.
    pub(super) async fn find_facts<S: Session>(
        &mut self,
        session: &mut S,
        element: &str,
        need: Need,
    ) -> Result<(NodeId, NodeFacts), Stop> {
        let look = Look {
            elements: vec![element.to_owned()],
            until: vec![need],
            within: self.options.patience,
            ..Look::default()
        };
        let seen = session.look(&look).await?;
        self.no_challenge(&seen)?;
        self.same_session(&seen)?;
        if self.is_one_of_many(element) {
            let node = quorum::only(&seen, element).map_err(|why| {
                Stop::Hold(Hold::new(HoldReason::Drift, format!("`{element}` is not found alone: {why}")))
            })?;
            return Ok((node, seen.nodes.get(&node).cloned().unwrap_or_default()));
        }
        match quorum::lone(&seen, element) {
            Some((node, dissent)) => {
                if !dissent.is_empty() {
                    self.trail.note(&format!("{element}: {} named another node", dissent.join(", ")));
                }
                Ok((node, seen.nodes.get(&node).cloned().unwrap_or_default()))
            }
            None => Err(Stop::Hold(Hold::new(HoldReason::Drift, format!("`{element}` gone: no locator finds it")))),
        }
    }

    /// Whether an element is known by words of the order: then none but the one that they name is it.
    pub(super) fn is_one_of_many(&self, element: &str) -> bool {
        self.recipe.element(element).is_some_and(|element| element.words != Words::Fixed)
    }

    pub(super) async fn renew(&self) -> Result<(), LedgerFault> {
        if self.purpose == Purpose::Act {
            self.world.ledger().renew(&self.claim.fence, self.options.lease).await?;
        }
        Ok(())
    }

    /// A change of state before the commit; a rehearsal changes nothing.
    pub(super) async fn advance(&mut self, event: Event, change: Change) -> Result<(), LedgerFault> {
        if self.purpose == Purpose::Act {
            self.advance_hard(event, change).await?;
        }
        Ok(())
    }

    pub(super) async fn advance_hard(&mut self, event: Event, mut change: Change) -> Result<(), LedgerFault> {
        change.artifacts.extend(self.trail.take_new_artifacts());
        self.world.ledger().advance(&self.claim.fence, event, change).await?;
        self.trail.event(event);
        Ok(())
    }

    pub(super) async fn note(&mut self, mut change: Change) -> Result<(), LedgerFault> {
        change.artifacts.extend(self.trail.take_new_artifacts());
        self.world.ledger().note(&self.claim.fence, change).await
    }
}

/// The kill switch, read once more right before the press. A ledger that does not answer is a switch that is on.
pub(super) async fn last_word<W: World>(world: &W, claim: &Claim) -> Result<(), String> {
    match world.ledger().kill_switch(&claim.account).await {
        Ok(None) => Ok(()),
        Ok(Some(switch)) => Err(switch.to_string()),
        Err(fault) => Err(format!("the kill switch could not be read: {fault}")),
    }
}

/// What the network and the page said, in words.
pub(super) fn receipt_words(seen: &Result<Seen, BrowserFault>, taken: Option<&WriteSeen>) -> String {
    let Some(write) = taken else { return "no write request was seen".to_owned() };
    let request = format!("{} {}", write.method, write.path);
    if write.cut {
        return format!("{request} was cut off without an answer");
    }
    let status = write.status.map_or_else(|| "has not answered".to_owned(), |s| format!("answered {s}"));
    match seen {
        Ok(seen) if seen.toasts.is_empty() => format!("{request} {status}"),
        Ok(seen) => format!("{request} {status}; the page says \"{}\"", seen.toasts.join(" / ")),
        Err(fault) => format!("{request} {status}; then {fault}"),
    }
}

fn session_base(claim: &Claim, recipe: &Recipe) -> String {
    base_of(&claim.account, recipe).unwrap_or_default()
}
