//! The one press.
//!
//! Found by quorum (the engine did that), still for 150 ms, in view, nothing in front, the permit good for exactly this
//! target, the kill switch read once more: then one press and one release. Every way out before the first byte is handed to the
//! pipe is `NotSent`; every fault after it is `Unknown`. There is no third way, and no second press.

use std::time::Duration;

use deed_core::permit::{Permit, Target};
use deed_core::ports::browser::{Aim, BrowserFault, LastCheck, Look, NodeId, Press, Rect};
use serde::Deserialize;

use crate::clock::moment;
use crate::frames::{Reached, is_framed};
use crate::gate::Word;
use crate::input::press_and_release;
use crate::query::{Query, RawRect, RawSeen};
use crate::session::{Answer, ChromiumSession};
use crate::wire::CALL;

/// How long the commit element must have stood still.
pub const STILL: Duration = Duration::from_millis(150);
/// How long it may take to come to rest.
const COMES_TO_REST: Duration = Duration::from_secs(5);
/// How long the browser may take to accept press and release.
const ACCEPT: Duration = Duration::from_secs(15);
/// Bound of the server's word in the last check: `CONFIRM_MS` of the looking code.
pub(crate) const CONFIRM: Duration = Duration::from_secs(10);

#[derive(Debug, Deserialize)]
struct Aimed {
    point: (f64, f64),
    rect: RawRect,
}

#[derive(Debug, Deserialize)]
struct Rechecked {
    point: (f64, f64),
    seen: RawSeen,
}

/// Brings the element into view, waits for it to rest, hit-tests it, and moves the pointer there.
pub(crate) async fn aim(session: &mut ChromiumSession, node: NodeId, target: Target) -> Result<Aim, BrowserFault> {
    let call = |n| format!("aim({n}, {}, {})", STILL.as_millis(), COMES_TO_REST.as_millis());
    if is_framed(node.0) {
        let Reached { point, rect } = session.page.reach(node.0, None, call).await?;
        session.pace.approach(&session.page, point).await?;
        return Ok(Aim { node, target, rect, point });
    }
    let answer: Answer<Aimed> = session.page.touch(&call(node.0), COMES_TO_REST + CALL).await?;
    let aimed = answer.ok("aiming")?;
    session.pace.approach(&session.page, aimed.point).await?;
    Ok(Aim { node, target, rect: aimed.rect.into(), point: aimed.point })
}

/// See [`deed_core::ports::browser::Session::press`].
pub(crate) async fn press<C, F>(
    session: &mut ChromiumSession,
    aim: Aim,
    permit: Permit,
    check: &C,
    last_word: F,
) -> Press
where
    C: LastCheck,
    F: Future<Output = Result<(), String>> + Send,
{
    let not_sent = |why: String| Press::NotSent { why };
    if let Err(refusal) = permit.check(&aim.target, moment(session.now())) {
        return not_sent(refusal.to_string());
    }
    let point = match recheck(session, &aim, check).await {
        Ok(point) => point,
        Err(fault) => return not_sent(fault.to_string()),
    };
    if let Err(why) = last_word.await {
        return not_sent(why);
    }
    // Reading the switch took time: the permit may have ended meanwhile.
    if let Err(refusal) = permit.check(&aim.target, moment(session.now())) {
        return not_sent(refusal.to_string());
    }
    let marker = session.opening.recipe.identity.marker.as_ref();
    let word = Word::new(&session.page, &session.context, marker, check.confirm(), aim.target.marker.as_ref());
    session.running.gate.admit(session.key, permit, word, session.now());
    let wire = session.page.wire().clone();
    let on = session.page.session().to_owned();
    let [press, release] = press_and_release(point);
    tracing::debug!(commit = %aim.target.element, "the press is handed to the browser");
    let pressed = match wire.send(Some(&on), &press, ACCEPT) {
        Ok(pressed) => pressed,
        Err(fault) => {
            // `send` fails only when nothing was handed to the pipe.
            session.running.gate.shut(session.key);
            return not_sent(fault.to_string());
        }
    };
    let released = wire.send(Some(&on), &release, ACCEPT);
    let outcome = async {
        pressed.answer().await?;
        released?.answer().await
    };
    match outcome.await {
        Ok(_) => Press::Sent { at: session.now() },
        Err(fault) => Press::Unknown { fault },
    }
}

/// One pass over everything that must still hold; returns where to press.
async fn recheck<C: LastCheck>(session: &ChromiumSession, aim: &Aim, check: &C) -> Result<(f64, f64), BrowserFault> {
    let look = Look { elements: check.elements(), confirm: check.confirm(), ..Look::default() };
    let query = Query::new(&session.opening.recipe, &look);
    if is_framed(aim.node.0) {
        let seen = session.finish(session.page.look(&query, Duration::ZERO).await?).await?;
        check.judge(&seen).map_err(BrowserFault::InputRefused)?;
        let now = session.page.reach_now(aim.node.0, STILL).await?;
        let same = same_place(&now.rect, &aim.rect);
        return if same { Ok(now.point) } else { Err(BrowserFault::InputRefused("it moved".to_owned())) };
    }
    let rect =
        serde_json::json!({ "x": aim.rect.x, "y": aim.rect.y, "width": aim.rect.width, "height": aim.rect.height });
    let call = format!("recheck({}, {rect}, {}, {})", aim.node.0, STILL.as_millis(), query.json());
    let answer: Answer<Rechecked> = session.page.touch(&call, CONFIRM + CALL).await?;
    let rechecked = answer.ok("the last check")?;
    let seen = session.finish(rechecked.seen).await?;
    check.judge(&seen).map_err(BrowserFault::InputRefused)?;
    Ok(rechecked.point)
}

/// Whether two boxes are the same, but for rounding.
fn same_place(a: &Rect, b: &Rect) -> bool {
    [(a.x, b.x), (a.y, b.y), (a.width, b.width), (a.height, b.height)].iter().all(|(a, b)| (a - b).abs() < 0.5)
}
