//! The press and the gate, in the order of the real ones (`runner/chromium/src/press.rs`, `gate.rs`), with the engine's own [`Permit`]
//! and [`Slot`](deed_core::permit::Slot).

use std::sync::Arc;

use deed_core::permit::{Permit, word_of_server};
use deed_core::ports::browser::{Access, Aim, BrowserFault, GateVerdict, LastCheck, Look, Press, WriteSeen};
use deed_core::ports::ledger::KillScope;
use deed_recipes::ChallengeKind;

use crate::browser::{Pressed, SimSession, Tab, target_of};
use crate::luck::{PressFault, WriteFault};
use crate::platform::{Request, Stamp};
use crate::stage::lock;

/// How long a permit is good.
const PERMIT_MS: i64 = 15_000;
/// How long a request or an answer is on its way, at most.
const WAY_MS: i64 = 800;

/// See [`deed_core::ports::browser::Session::press`].
pub(crate) async fn press<C, F>(session: &mut SimSession, aim: Aim, permit: Permit, check: &C, last_word: F) -> Press
where
    C: LastCheck,
    F: Future<Output = Result<(), String>> + Send,
{
    let tab = Arc::clone(&session.tab);
    let sim = &tab.stage.sim;
    sim.point(tab.process, "begins the press").await;
    if let Err(refusal) = permit.check(&aim.target, sim.moment()) {
        return Press::NotSent { why: refusal.to_string() };
    }
    change_late(&tab);
    sim.sleep_ms(tab.luck.slow_look_ms).await;
    let seen = tab.see(&Look { elements: check.elements(), confirm: check.confirm(), ..Look::default() });
    if let Err(why) = check.judge(&seen) {
        return Press::NotSent { why };
    }
    if tab.luck.killed_late {
        crate::people::throw(&tab.stage, KillScope::Global, 600_000);
    }
    if let Err(why) = last_word.await {
        return Press::NotSent { why };
    }
    if let Err(refusal) = permit.check(&aim.target, sim.moment()) {
        return Press::NotSent { why: refusal.to_string() };
    }
    if tab.is_shut() || lock(&tab.state).crashed {
        return Press::NotSent { why: "the browser is gone".to_owned() };
    }
    check_the_press(&tab, &aim);
    {
        let mut state = lock(&tab.state);
        state.slot.admit(permit, sim.moment());
        let marker = aim.target.marker.clone().filter(|_| check.confirm().is_some());
        state.pressed = Some(Pressed { at: sim.now(), marker });
    }
    sim.tell(&format!("p{}", tab.process), "PRESSES", || format!("{} of {}", aim.target.element, tab.opening.flow));
    let decoy = lock(&tab.state).doc.as_ref().is_some_and(|d| d.is_decoy(aim.node));
    let react = |after: i64| {
        if !decoy {
            request_later(&tab, after, "of the press");
            if tab.luck.twice {
                request_later(&tab, after + 2, "of the press, once more");
            }
        }
    };
    let no_ack = || BrowserFault::Timeout { what: "the press".to_owned(), ms: 15_000 };
    let fault = match tab.luck.press {
        PressFault::None => {
            react(5);
            None
        }
        PressFault::Slow(ms) => {
            react(ms);
            None
        }
        PressFault::Ignored => None,
        PressFault::NoAck(ms) => {
            react(ms);
            Some(no_ack())
        }
        PressFault::Lost => Some(no_ack()),
    };
    sim.point(tab.process, "presses").await;
    // By now the gate has let it go, and the answer is on its way: a point of its own.
    sim.sleep_ms(20).await;
    sim.point(tab.process, "pressed").await;
    match fault {
        None => Press::Sent { at: sim.now() },
        Some(fault) => {
            sim.sleep_ms(15_000).await;
            Press::Unknown { fault }
        }
    }
}

/// What the page does between the review and the last look.
fn change_late(tab: &Tab) {
    let mut state = lock(&tab.state);
    if tab.luck.restores_late
        && !std::mem::replace(&mut state.restored_late, true)
        && let Some(doc) = &mut state.doc
    {
        for text in doc.fields.values_mut() {
            text.push_str(" and last week's draft");
        }
    }
    state.swapped = tab.luck.swapped_late;
    if tab.luck.captcha_late
        && let Some(doc) = &mut state.doc
    {
        doc.challenge_over(ChallengeKind::Captcha);
    }
}

/// Whether the episode was armed, and so short a time ago that its permit is still good.
fn within_permit(tab: &Tab) -> bool {
    let armed = lock(&tab.stage.log).armed.get(tab.opening.episode.as_str()).copied();
    armed.is_some_and(|armed| tab.stage.sim.now_ms() < armed.at + PERMIT_MS)
}

/// Whether a permit is of an older claim than the one that the action is under now: who lost the claim may send nothing any more.
fn superseded(tab: &Tab, stamp: &Stamp) -> Option<String> {
    let (latest, _) = lock(&tab.stage.log).leases.get(&stamp.action).copied()?;
    (latest != stamp.epoch)
        .then(|| format!("under epoch {} of {}, whose claim's is {latest}", stamp.epoch, stamp.action))
}

/// What may not be when the input leaves, whatever the ledger says.
fn check_the_press(tab: &Tab, aim: &Aim) {
    if tab.challenged() {
        tab.stage.broke(format!("pressed in episode {} while a challenge stood on the page", tab.opening.episode));
    }
    let decoy = {
        let state = lock(&tab.state);
        state.swapped || state.doc.as_ref().is_some_and(|d| d.is_decoy(aim.node))
    };
    if decoy {
        tab.stage.broke(format!("pressed another button in episode {}", tab.opening.episode));
    }
    if tab.luck.killed_late {
        tab.stage.broke(format!(
            "pressed in episode {} although the switch was on before the last word",
            tab.opening.episode
        ));
    }
    if !within_permit(tab) {
        tab.stage.broke(format!("pressed in episode {} without a permit, or after its end", tab.opening.episode));
    }
    if tab.opening.access != Access::Write {
        tab.stage.broke(format!("pressed in a session that only reads, in episode {}", tab.opening.episode));
    }
    if !lock(&tab.stage.proofs).has_attempt(&tab.opening.episode) {
        tab.stage.broke(format!("pressed before any proof of episode {} was durable", tab.opening.episode));
    }
}

/// What the page would ask the platform for now.
fn request_of(tab: &Tab) -> Option<Request> {
    let state = lock(&tab.state);
    let doc = state.doc.as_ref()?;
    let target = target_of(&doc.view);
    let field = |name: &str| doc.fields.get(name).cloned().unwrap_or_default();
    let (path, text) = match tab.opening.flow.as_str() {
        "publish.post" => ("/api/posts".to_owned(), field("editor")),
        "schedule" => ("/api/schedule".to_owned(), field("editor")),
        "edit" => (format!("/api/posts/{target}/edit"), field("edit_editor")),
        "delete" => (format!("/api/posts/{target}/delete"), String::new()),
        "like" => (format!("/api/posts/{target}/like"), String::new()),
        "comment_reply" => (format!("/api/posts/{target}/comments"), field("comment_editor")),
        "follow" => (format!("/api/follow/{target}"), String::new()),
        "dm_send" => (format!("/api/messages/{target}"), field("message_editor")),
        _ => return None,
    };
    Some(Request { flow: tab.opening.flow.clone(), method: "POST", path, text, media: doc.uploads, target })
}

/// The page makes its write request after so long.
pub(crate) fn request_later(tab: &Tab, after: i64, why: &'static str) {
    let Some(request) = request_of(tab) else { return };
    let Some(tab) = tab.shared() else { return };
    let sim = tab.stage.sim.clone();
    sim.clone().spawn(Some(tab.process), async move {
        sim.sleep_ms(after).await;
        at_the_gate(&tab, request, why).await;
    });
}

/// The gate stands in the process: one that stands still decides later.
async fn while_it_stands_still(tab: &Tab) {
    let sim = &tab.stage.sim;
    while sim.now_ms() < sim.paused_until(tab.process) {
        sim.sleep_until(sim.paused_until(tab.process)).await;
    }
}

/// A write that comes late is asked about once more: whose session is it now?
async fn asked_again(tab: &Tab) {
    let sim = &tab.stage.sim;
    let expected = {
        let state = lock(&tab.state);
        if !state.slot.asks_again(sim.moment()) {
            return;
        }
        state.pressed.as_ref().and_then(|pressed| pressed.marker.clone())
    };
    let Some(expected) = expected else { return };
    sim.sleep_ms(sim.dice(|d| d.between(5, WAY_MS))).await;
    while_it_stands_still(tab).await;
    let now = lock(&tab.stage.platform).signed_in(&tab.cookie).map(crate::platform::Member::marker);
    sim.tell("gate", "asks once more", || format!("the session is {}'s", now.as_deref().unwrap_or("nobody")));
    if word_of_server(&expected, now.as_deref(), tab.luck.home_silent).is_err() {
        lock(&tab.state).slot.shut();
    }
}

async fn at_the_gate(tab: &Arc<Tab>, request: Request, why: &'static str) {
    let sim = tab.stage.sim.clone();
    while_it_stands_still(tab).await;
    let declared =
        |flow: &deed_recipes::Flow| flow.writes.iter().any(|write| write.fits(request.method, &request.path, "", None));
    let flows = &tab.opening.recipe.flows;
    // A write of another flow finds no permit, and what is declared nowhere is no write: it leaves as any request does.
    let (gated, of_flow) = (flows.values().any(declared), flows.get(&tab.opening.flow).is_some_and(declared));
    if of_flow {
        asked_again(tab).await;
    }
    let permit = if of_flow && !tab.is_shut() { lock(&tab.state).slot.let_through(sim.moment()) } else { None };
    let leaves = permit.is_some() || (!gated && !tab.is_shut());
    let verdict = if leaves { GateVerdict::LetThrough } else { GateVerdict::Blocked };
    sim.tell("gate", if leaves { "lets through" } else { "stops" }, || format!("{} ({why})", request.path));
    let place = {
        let mut state = lock(&tab.state);
        state.writes.push(WriteSeen {
            method: request.method.to_owned(),
            path: request.path.clone(),
            verdict,
            status: None,
            body: None,
            cut: false,
            retry_after: None,
        });
        state.writes.len() - 1
    };
    if !leaves {
        return;
    }
    if !within_permit(tab) {
        tab.stage.broke(format!("{} left without a permit, or after its end", request.path));
    }
    let stamp = permit.map(|permit| Stamp { action: permit.action().to_string(), epoch: permit.epoch() });
    if let Some(words) = stamp.as_ref().and_then(|stamp| superseded(tab, stamp)) {
        tab.stage.broke(format!("{} left {words}", request.path));
    }
    let tab = Arc::clone(tab);
    // From here on it is the network's: it goes on whatever becomes of the process.
    sim.clone().spawn(None, async move {
        sim.sleep_ms(sim.dice(|d| d.between(5, WAY_MS))).await;
        if tab.luck.write == WriteFault::RequestLost {
            answered(&tab, place, None, None, &request);
            return;
        }
        let settle_ms = tab
            .opening
            .recipe
            .flows
            .get(&tab.opening.flow)
            .map_or(0, |f| i64::try_from(f.verify.settle_s).unwrap_or(0) * 1000);
        let shown_ms = settle_ms * tab.luck.shown_milli / 1000;
        let now = sim.now_ms();
        let may_write = tab.opening.access == Access::Write;
        let answer = {
            let mut platform = lock(&tab.stage.platform);
            let episode = tab.opening.episode.as_str();
            let answer =
                platform.arrive(now, &tab.cookie, &request, episode, stamp, may_write, tab.luck.write, shown_ms);
            if tab.luck.echoed {
                platform.echo(&tab.cookie, &request, now);
            }
            answer
        };
        sim.tell("platform", "GETS", || {
            let what = tab.luck.write.words().unwrap_or_else(|| "makes it".to_owned());
            let status = answer.status.map_or_else(|| "nothing".to_owned(), |status| status.to_string());
            format!("{} \"{}\": {what}, answers {status}", request.path, request.text)
        });
        sim.sleep_ms(answer.after_ms + sim.dice(|d| d.between(5, WAY_MS))).await;
        answered(&tab, place, answer.status, answer.id, &request);
    });
}

fn answered(tab: &Tab, place: usize, status: Option<u16>, id: Option<String>, request: &Request) {
    let mut state = lock(&tab.state);
    if let Some(write) = state.writes.get_mut(place) {
        write.status = status;
        write.cut = status.is_none();
        write.body = id.map(|id| serde_json::json!({ "id": id }));
        write.retry_after = (status == Some(429)).then_some(std::time::Duration::from_secs(90));
    }
    if status.is_some_and(|s| s < 400) {
        state.made = Some(request.clone());
    }
    if status.is_some_and(|s| s < 400)
        && let Some(doc) = &mut state.doc
    {
        doc.told(&tab.opening.flow);
    }
}
