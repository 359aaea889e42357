//! One episode, in the order in which it happens. Read it from top to bottom.
//!
//! Owns the sequence and what each finding becomes (the table of the design). Never retries an input, never goes back
//! behind `arm`, never decides from what it wished for: every judgement is a function in [`crate::judge`].
//!
//! Before `arm` every stop is a hold and nothing has happened. After `arm` there are three answers, `sent`,
//! `not_sent` and `unknown`, and only verification in a fresh read-only session ends the last.

mod composer;
mod ending;
mod help;
mod look_back;
pub(crate) mod object;
mod outcome;
mod private;
mod proposal;
pub(crate) mod reading;
mod refresh;
mod resume;
mod steps;
mod stop;
pub mod trail;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use deed_recipes::policy::Policy;
use deed_recipes::{Recipe, Step};
use futures_util::future::join;
use tracing::Instrument as _;

use crate::arm::{Armed, arm};
use crate::hold::{Hold, HoldReason};
use crate::judge::quorum::{self, Quorum};

use crate::approval::ApprovalNeed;
use crate::judge::evidence::Wanted;
use crate::judge::{identity, same};
use crate::pace::Limits;
use crate::permit::Target;
use crate::ports::browser::{
    Access, Aim, Browser, BrowserFault, Capture, GateVerdict, LastCheck, Look, Opening, Press, Session,
};
use crate::ports::ledger::{ArmRequest, Change, Claim, Ledger, LedgerFault, ObjectFacts};
use crate::ports::proofs::Proofs;
use crate::ports::{Clock, World};
use crate::state::Event;
use crate::verify::{self, Times, Verdict};
use crate::{dice, pace, policy};

use composer::AtPress;
use help::{last_word, receipt_words};
use reading::page_of;
use stop::Stop;
use trail::Trail;

pub use ending::{Ending, Looks, Options, Purpose, Record};
pub use reading::{challenge_of, read_identity};
pub use resume::resume;

/// How often a text that the page changed is typed again.
const RETYPE_MAX: u32 = 2;

/// What the way to the commit leads to.
struct Ready {
    aim: Aim,
    check: AtPress,
    /// The composer as it stood in the last look before `arm`.
    before: Capture,
}

struct Episode<'w, W: World> {
    world: &'w W,
    claim: Claim,
    recipe: Arc<Recipe>,
    options: &'w Options,
    purpose: Purpose,
    trail: Trail<<W::Proofs as Proofs>::Episode>,
    /// What the session said of itself when the account was proved.
    marker: Option<String>,
    /// What steps have read, by name.
    reads: BTreeMap<String, String>,
    /// What preflight let begin and does not let be committed.
    not_to_commit: Option<Hold>,
    /// How much of this action type the account may do, as it was decided at preflight.
    limits: Limits,
    /// Which approvals there must be, as it was decided at preflight.
    need: ApprovalNeed,
    /// What holds for the account, as it was decided at preflight.
    policy: Policy,
}

/// Runs one claimed action to its end. The claim is released at the end, whatever it is.
///
/// # Errors
/// Only the ledger's: everything else becomes a hold or an outcome. After an error the claim is left to lapse; recovery
/// resolves it.
pub async fn run<W: World>(
    world: &W,
    claim: Claim,
    recipe: Arc<Recipe>,
    options: &Options,
) -> Result<Ending, LedgerFault> {
    let span = tracing::info_span!(
        "side_effect.action",
        deed.episode_id = %claim.fence.episode,
        deed.action_id = %claim.action.id,
        deed.client_id = %claim.action.client,
        deed.platform_account_id = %claim.account.id,
    );
    go(world, claim, recipe, options, Purpose::Act).instrument(span).await
}

/// Everything but the commit, in a session in which no write request passes. Nothing is stored but proof.
///
/// # Errors
/// The ledger's, when it can not be read.
pub async fn rehearse<W: World>(
    world: &W,
    claim: Claim,
    recipe: Arc<Recipe>,
    options: &Options,
) -> Result<Ending, LedgerFault> {
    go(world, claim, recipe, options, Purpose::Rehearse).await
}

async fn go<W: World>(
    world: &W,
    claim: Claim,
    recipe: Arc<Recipe>,
    options: &Options,
    purpose: Purpose,
) -> Result<Ending, LedgerFault> {
    let proofs = match world.proofs().episode(&claim.fence).await {
        Ok(proofs) => proofs,
        Err(fault) => {
            let hold = Hold::new(HoldReason::Proof, format!("{} ({})", fault.message, fault.code));
            if purpose == Purpose::Act {
                world
                    .ledger()
                    .advance(&claim.fence, Event::Held, Change { hold: Some(hold.clone()), ..Change::default() })
                    .await?;
                world.ledger().release(&claim.fence).await?;
            }
            return Ok(Ending::held(hold));
        }
    };
    let mut episode = Episode::new(world, claim, recipe, options, purpose, proofs);
    world.boundary("claimed");

    let ending = match episode.preflight().await {
        Err(stop) => episode.stopped(stop).await?,
        Ok(()) => match episode.open().await {
            Err(stop) => episode.stopped(stop).await?,
            Ok(mut session) => {
                let ready = episode.until_commit(&mut session).await;
                match ready {
                    Err(stop) => {
                        session.close().await;
                        episode.stopped(stop).await?
                    }
                    Ok(ready) => episode.commit(session, ready).await?,
                }
            }
        },
    };
    if purpose == Purpose::Act {
        world.ledger().release(&episode.claim.fence).await?;
    }
    world.boundary("released");
    Ok(ending)
}

impl<'w, W: World> Episode<'w, W> {
    // ---- before the browser ------------------------------------------------------------------------------------------

    /// Kill switches, then policy; its snapshot's hash goes onto the action.
    async fn preflight(&mut self) -> Result<(), Stop> {
        self.trail.step("preflight", "May this run at all?", self.world.clock().now());
        self.no_kill_switch("before preflight").await?;
        let (report, snapshot) = self.policy_report().await?;
        for check in &report.checks {
            let note = if check.outcome == policy::Outcome::Warned { "warned" } else { "" };
            self.trail.check(check.name, check.passes(), "passes", &check.finding, note);
        }
        let hold = if self.purpose == Purpose::Act { report.hold() } else { report.hold_of_rehearsal() };
        if let Some(hold) = hold {
            if hold.reason == HoldReason::Budget {
                // The account's pace may stretch the wait.
                self.within_budget().await?;
            }
            return Err(Stop::Hold(hold));
        }
        self.within_budget().await?;
        self.not_to_commit = report.hold_before_commit();
        if self.purpose == Purpose::Act {
            let id = self.world.ledger().policy_snapshot(&snapshot).await?;
            self.trail.policy(&id);
            self.advance(Event::PreflightPassed, Change { policy: Some(id), ..Change::default() }).await?;
        }
        self.world.boundary("preflight_passed");
        Ok(())
    }

    /// The account's own context, its session injected. A rehearsal is read-only.
    async fn open(&mut self) -> Result<<W::Browser as Browser>::Session, Stop> {
        self.no_kill_switch("before the browser is touched").await?;
        let access = if self.purpose == Purpose::Act { Access::Write } else { Access::ReadOnly };
        let opening = Opening { pacing: self.options.pacing, ..self.opening(access).await? };
        let session = self.world.browser().open(&opening).await?;
        self.trail.browser(self.world.browser().version());
        self.world.boundary("opened");
        Ok(session)
    }

    // ---- up to the commit: reversible, every stop is a hold ------------------------------------------------------------

    async fn until_commit<S: Session>(&mut self, session: &mut S) -> Result<Ready, Stop> {
        self.identity(session).await?;
        self.dedupe(session).await?;
        if self.purpose == Purpose::Act && self.options.record.wanted(self.need.risk) {
            session.record(self.options.film);
        }
        self.compose(session).await?;
        let mut left = RETYPE_MAX;
        loop {
            match self.review(session).await {
                // A draft that the page restored late, most likely. Nothing was pressed: it is typed again and read back again.
                Err(Stop::Hold(hold)) if hold.reason == HoldReason::ReviewMismatch && left > 0 => {
                    left -= 1;
                    match self.retype(session).await {
                        // Where nothing can be typed any more, no draft was restored: what the review saw is why it stops.
                        Err(Stop::Hold(refused)) if refused.reason == HoldReason::Drift => {
                            return Err(Stop::Hold(hold));
                        }
                        typed => typed?,
                    }
                }
                other => return other,
            }
        }
    }

    /// 2 of 3, on the profile surface.
    async fn identity<S: Session>(&mut self, session: &mut S) -> Result<(), Stop> {
        let recipe = Arc::clone(&self.recipe);
        self.trail.step("identity", "Is this the right account?", self.world.clock().now());
        self.visit(session, &recipe.identity.on).await?;
        let (readings, seen) = read_identity(session, &recipe, self.options.identity_wait).await?;
        // An open switcher stays open: the page is left next.
        self.trail.picture(session.capture(), self.world.clock().now());
        self.no_challenge(&seen)?;
        self.server_well(&seen)?;
        let (votes, verdict) = identity::judge(&self.claim.account.fingerprint, &readings);
        self.trail.identity(&self.claim.account.fingerprint, &votes, verdict == identity::Verdict::Proven);
        let words =
            votes.iter().map(|v| format!("{}: {:?}, saw {}", v.signal, v.vote, v.seen)).collect::<Vec<_>>().join("; ");
        match verdict {
            identity::Verdict::Proven => {}
            identity::Verdict::WrongAccount => return Err(Stop::Hold(Hold::new(HoldReason::WrongAccount, words))),
            identity::Verdict::Unproven => {
                let elements: Vec<String> = seen.votes.keys().cloned().collect();
                let proposed = self.propose(session, &elements, &seen).await;
                return Err(Stop::Hold(Hold::new(HoldReason::IdentityUnproven, format!("{words}{proposed}"))));
            }
        }
        if recipe.identity.marker.is_some() {
            if seen.marker.is_none() {
                let hold = Hold::new(HoldReason::IdentityUnproven, "the session's own marker is not there");
                return Err(Stop::Hold(hold));
            }
            self.marker = seen.marker.clone();
        }
        self.landmarks(&recipe.identity.on, &seen, session).await?;
        self.advance(Event::IdentityVerified, Change { identity_ok: Some(true), ..Change::default() }).await?;
        self.world.boundary("identity_verified");
        Ok(())
    }

    /// Is this content already on the destination?
    async fn dedupe<S: Session>(&mut self, session: &mut S) -> Result<(), Stop> {
        let recipe = Arc::clone(&self.recipe);
        let flow = self.flow(&recipe);
        let dedupe = &flow.dedupe;
        self.trail.step("dedupe", "Is it there already?", self.world.clock().now());
        // Where verification will look for the account's own entry, somebody else's with the same words is not it.
        let author =
            flow.verify.author.as_ref().filter(|_| flow.verify.on == dedupe.on).map(|t| t.fill(&self.values()));
        let Wanted::Same(wanted) = self.evidence(&dedupe.evidence, author) else {
            return self.already_so(session).await;
        };
        let seen = self.visit(session, &dedupe.on).await?;
        self.landmarks(&dedupe.on, &seen, session).await?;
        self.trail.picture(session.capture(), self.world.clock().now());
        let Some(items) = &seen.items else {
            let detail = format!("surface {} did not show its list within {:?}", dedupe.on, self.options.patience);
            return Err(Stop::Hold(Hold::new(HoldReason::DestinationUnreadable, detail)));
        };
        let items = self.look_back(session, dedupe, items.clone(), &wanted).await?;
        let hit = same::already_there(&items, &wanted, dedupe.look_back);
        let looked = items.len().min(dedupe.look_back);
        let finding = hit.map_or_else(
            || format!("not among {looked} entries"),
            |i| format!("there already: {}", i.permalink.as_deref().unwrap_or("an entry without a permalink")),
        );
        self.trail.check("content_not_there_yet", hit.is_none(), "no entry with this text and media", &finding, "");
        let at = self.world.clock().now();
        self.trail.dedupe(looked, hit.is_some(), hit.and_then(|i| i.permalink.as_deref()), &finding, at);
        self.world.boundary("deduped");
        match hit {
            Some(item) => Err(Stop::Duplicate {
                permalink: item.permalink.clone(),
                id: item.id.clone(),
                words: "the content is on the destination already; nothing was clicked".to_owned(),
            }),
            None => Ok(()),
        }
    }

    /// The flow's reversible steps.
    async fn compose<S: Session>(&mut self, session: &mut S) -> Result<(), Stop> {
        let recipe = Arc::clone(&self.recipe);
        let flow = self.flow(&recipe);
        for step in &flow.steps {
            self.take(session, step).await?;
        }
        self.world.boundary("composed");
        Ok(())
    }

    /// The typing steps once more, on the page as it is.
    async fn retype<S: Session>(&mut self, session: &mut S) -> Result<(), Stop> {
        let recipe = Arc::clone(&self.recipe);
        self.trail.step("compose", "Type it again: the page had changed it", self.world.clock().now());
        for step in &self.flow(&recipe).steps {
            if let Step::Type { into, text } = step {
                self.type_into(session, into, text).await?;
            }
        }
        Ok(())
    }

    /// What stands in the composer equals the order, the commit element is found by quorum and aimed at.
    async fn review<S: Session>(&mut self, session: &mut S) -> Result<Ready, Stop> {
        let recipe = Arc::clone(&self.recipe);
        let flow = self.flow(&recipe);
        let commit = flow.commit.click.clone();
        self.trail.step("review", "Does the composer hold the order, and nothing else?", self.world.clock().now());
        let mut elements: Vec<_> = flow.review.iter().map(|r| r.element.clone()).collect();
        elements.push(commit.clone());
        let media = self.claim.action.payload.content.media.len();
        let until = flow.review.iter().map(|r| composer::need(r, media)).collect();
        let seen = session.look(&Look { elements, until, within: self.options.patience, ..Look::default() }).await?;
        self.trail.keep_capture(session.capture().await?, self.world.clock().now());
        self.no_challenge(&seen)?;
        self.same_session(&seen)?;
        self.composer_equals_order(&flow.review, &seen, media)?;

        let agreement = match quorum::quorum(&seen, &commit) {
            Quorum::Agreed(agreement) => agreement,
            other => {
                let words = format!("`{commit}`: {}", other.describe());
                self.trail.check("commit_quorum", false, "two locators name one node, none another", &words, "");
                let proposed = self.propose(session, std::slice::from_ref(&commit), &seen).await;
                return Err(Stop::Hold(Hold::new(HoldReason::Drift, format!("{words}{proposed}"))));
            }
        };
        self.commit_place(&commit, &seen, session).await?;
        let words = Quorum::Agreed(agreement.clone()).describe();
        self.trail.check("commit_quorum", true, "two locators name one node, none another", &words, "");
        let target = Target {
            recipe: recipe.hash.clone(),
            flow: self.claim.action.payload.action_type.clone(),
            element: commit.clone(),
            page: page_of(&seen.url),
            payload: self.claim.action.payload.hash(),
            marker: self.marker.clone(),
        };
        let aim = match session.aim(agreement.node, target.clone()).await {
            Ok(aim) => aim,
            Err(BrowserFault::InputRefused(why)) => {
                self.trail.check("commit_aim", false, "still, in view, nothing in front", &why, "");
                return Err(Stop::Hold(Hold::new(HoldReason::Drift, format!("`{commit}` can not be pressed: {why}"))));
            }
            Err(fault) => return Err(fault.into()),
        };
        self.trail.check("commit_aim", true, "still, in view, nothing in front", "so it is", "");
        self.trail.commit_target(&commit, &agreement, &aim);
        // Aiming waits for stillness; what the page did meanwhile is seen now, while it still is only a hold.
        let node = agreement.node;
        let check = AtPress { recipe: Arc::clone(&recipe), values: self.values(), media, target, node };
        let look = Look { elements: check.elements(), ..Look::default() };
        let (seen, before) = join(session.look(&look), session.capture()).await;
        let seen = seen?;
        self.no_challenge(&seen)?;
        self.same_session(&seen)?;
        self.composer_equals_order(&flow.review, &seen, media)?;
        self.world.boundary("reviewed");
        Ok(Ready { aim, check, before: before? })
    }

    // ---- the commit ----------------------------------------------------------------------------------------------------

    /// Arm, press, receipt, verify, postcheck, settle.
    async fn commit<S: Session>(&mut self, mut session: S, ready: Ready) -> Result<Ending, LedgerFault> {
        let stop = if self.purpose == Purpose::Rehearse {
            Some(Hold::new(HoldReason::DraftMode, "rehearsed: everything but the commit was done"))
        } else {
            self.not_to_commit.take()
        };
        if let Some(hold) = stop {
            session.close().await;
            return self.stopped(Stop::Hold(hold)).await;
        }
        let armed = match self.arm(&ready.check.target, ready.before).await {
            Ok(armed) => armed,
            Err(stop) => {
                session.close().await;
                return self.stopped(stop).await;
            }
        };
        self.world.boundary("armed");

        self.trail.step("commit", "The one press", self.world.clock().now());
        let last_word = last_word(self.world, &self.claim);
        let press = session.press(ready.aim, armed.permit, &ready.check, last_word).await;
        self.world.boundary("pressed");
        let pressed_at = if let Press::Sent { at } = &press { Some(*at) } else { None };
        let clear = match press {
            Press::NotSent { why } => {
                self.end_of_recording(&mut session, None);
                session.close().await;
                self.trail.check("pressed", false, "one press", &why, "proved: no input left the runner");
                return self.not_sent(&why).await;
            }
            Press::Unknown { fault } => {
                self.trail.check("pressed", false, "one press", &fault.to_string(), "it may have counted");
                false
            }
            Press::Sent { at } => {
                self.trail.pressed(at);
                self.trail.check("pressed", true, "one press", "pressed and released", "");
                self.receipt(&mut session).await?
            }
        };
        self.world.boundary("receipt");
        self.end_of_recording(&mut session, pressed_at);
        if clear {
            self.keep_session(&session, &ready.check).await;
        }
        session.close().await;
        let over_at = self.world.clock().now();
        if !clear {
            self.advance_hard(Event::OutcomeUnclear, Change::default()).await?;
            self.world.boundary("unknown");
        }
        self.trail.mark_click(self.world.clock().now());
        let times = resume::times(self.world, &self.claim.action.id, armed.at, Some(over_at), self.options).await?;
        self.settle(times).await
    }

    /// Proof durable, then the arm transaction.
    async fn arm(&mut self, target: &Target, before: Capture) -> Result<Armed, Stop> {
        self.trail.step("arm", "The right to press, once", self.world.clock().now());
        self.trail.before_press(&before.png);
        self.trail.keep_capture(before, self.world.clock().now());
        let counted = self.world.ledger().counted_approvals(&self.claim.action.id, &self.need).await?;
        self.trail.approvals(counted);
        self.world.ledger().renew(&self.claim.fence, self.options.lease).await?;
        let manifest = self.trail.checkpoint().await?;
        self.world.boundary("proof_durable");
        self.loud()?;
        let request = ArmRequest {
            target: target.hash(),
            commit_within: self.options.commit_within,
            artifacts: self.trail.new_artifacts(),
            manifest: Some(manifest),
            limits: self.limits,
            jitter_milli: pace::jitter_milli(dice::roll(&self.claim.fence.episode, "spacing")),
            approval: self.need,
        };
        let asked = self.world.clock().steady();
        match arm(self.world.ledger(), &self.claim.fence, &request, target, asked).await? {
            Ok(armed) => {
                // They went into the transaction; had it refused, the hold would bring them.
                self.trail.take_new_artifacts();
                self.trail.event(Event::Armed);
                let bound = format!("good for {:?}", self.options.commit_within);
                self.trail.check("permit", true, "every condition holds in one transaction", &bound, "");
                Ok(armed)
            }
            Err(refusal) => {
                self.trail.check("permit", false, "every condition holds in one transaction", &refusal.to_string(), "");
                Err(Stop::of_refusal(refusal, &self.claim.action.id))
            }
        }
    }

    /// Composing takes time: the quiet hours may have begun since the preflight, or may begin before the permit ends.
    fn loud(&mut self) -> Result<(), Stop> {
        let now = self.world.clock().now();
        let quiet = policy::quiet(&self.policy, now)
            .or_else(|| policy::quiet(&self.policy, now.plus(self.options.commit_within)));
        let Some(hold) = quiet else { return Ok(()) };
        self.trail.check("time_window", false, "outside the quiet hours until the permit ends", &hold.detail, "");
        Err(Stop::Hold(hold))
    }

    /// What the page and the network say right after. True: a clear "it was taken".
    async fn receipt<S: Session>(&mut self, session: &mut S) -> Result<bool, LedgerFault> {
        let recipe = Arc::clone(&self.recipe);
        let receipt = &self.flow(&recipe).receipt;
        let within = Duration::from_millis(receipt.within_ms);
        let look = Look { until_any: reading::receipt_needs(receipt), within, ..Look::default() };
        // What stands on the page right after the press is pictured while the platform's word is waited for.
        let (seen, after) = join(session.look(&look), session.capture()).await;
        if let Ok(capture) = after {
            self.trail.keep_capture(capture, self.world.clock().now());
        }
        self.trail.step("receipt", "What does the platform say?", self.world.clock().now());
        self.trail.picture(session.capture(), self.world.clock().now());
        let writes = session.writes(within).await;
        self.stopped_requests(session);
        let taken = writes.iter().find(|w| w.verdict == GateVerdict::LetThrough);
        let object_id = taken.and_then(|w| reading::object_id(receipt, w));
        let http_status = taken.and_then(|w| w.status);
        let signed = seen.as_ref().is_ok_and(|s| s.satisfied);
        // A sign on the page is believed only together with a write that the platform took.
        let clear = signed && http_status.is_some_and(|s| (200..400).contains(&s));
        let words = receipt_words(&seen, taken);
        self.trail.check("receipt", clear, "a sign of success and a write that was taken", &words, "");
        let blocked = writes.iter().filter(|w| w.verdict == GateVerdict::Blocked).count();
        if blocked > 0 {
            self.trail.check(
                "one_write",
                true,
                "one write request",
                &format!("{blocked} more were stopped by the gate"),
                "",
            );
        }
        let object = ObjectFacts { platform_object_id: object_id, http_status, ..ObjectFacts::default() };
        self.trail.receipt(&words, &object, &writes);
        self.trail.object(&object);
        let asked = taken.filter(|w| w.status == Some(429)).and_then(|w| w.retry_after);
        let not_before = asked.map(|wait| self.world.clock().now().plus(reading::bounded(wait)));
        // A permit lets one write through. Where that one was not answered yet, it may be on its way until the permit ends.
        let press_over = http_status.is_some();
        self.note(Change { object, not_before, press_over, ..Change::default() }).await?;
        Ok(clear)
    }

    /// Verification in a fresh read-only session, then the outcome.
    async fn settle(&mut self, times: Times) -> Result<Ending, LedgerFault> {
        let opening = match self.opening(Access::ReadOnly).await {
            Ok(opening) => Some(opening),
            Err(Stop::Ledger(fault)) => return Err(fault),
            Err(_) => None,
        };
        let flow = self.flow(&Arc::clone(&self.recipe)).clone();
        let author = flow.verify.author.as_ref().map(|t| t.fill(&self.values()));
        let wanted = self.evidence(&flow.verify.evidence, author);
        let job = verify::Job {
            claim: &self.claim,
            recipe: &self.recipe,
            verify: &flow.verify,
            values: &self.values(),
            wanted,
            times,
            marker: self.marker.clone(),
            options: self.options,
        };
        let verdict = match opening {
            Some(opening) => verify::run(self.world, &job, &opening, &mut self.trail).await?,
            None => Verdict::Open { why: "the account has no session to look with".to_owned() },
        };
        self.world.boundary("verified");
        self.conclude(verdict).await
    }
}
