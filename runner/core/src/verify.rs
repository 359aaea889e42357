//! Did it happen? A fresh read-only session looks at the destination until there is an answer, or a person is needed.
//!
//! Present once is proof: the object is there. Absent needs two agreeing reads after the recipe's settle window, because platforms
//! show late. A match older than the attempt is not this attempt's object. Nothing here can send anything: the session is
//! [`Access::ReadOnly`](crate::ports::browser::Access), so no declared write passes the gate.

use std::time::Duration;

use deed_recipes::{Recipe, Verify};

use crate::episode::Options;
use crate::episode::object::{self, Place};
use crate::episode::reading::{self, Values};
use crate::episode::trail::Trail;
use crate::judge::evidence::{Standing, Wanted};
use crate::judge::same;
use crate::ports::browser::{Browser, BrowserFault, Item, Look, Need, Opening, Session};
use crate::ports::ledger::{Claim, Found, Ledger, LedgerFault, ObjectFacts, VerificationRead};
use crate::ports::proofs::EpisodeProofs;
use crate::ports::{Clock, World};
use crate::time::Timestamp;

/// Agreeing absent reads that make an absence.
pub const ABSENT_READS: u32 = 2;

/// What is verified, and how.
pub struct Job<'a> {
    /// The action.
    pub claim: &'a Claim,
    /// The recipe.
    pub recipe: &'a Recipe,
    /// Its flow's verification.
    pub verify: &'a Verify,
    /// Placeholders.
    pub values: &'a Values,
    /// What the object is.
    pub wanted: Wanted,
    /// When the permit was made.
    pub attempted_at: Timestamp,
    /// Bounds.
    pub options: &'a Options,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is there.
    Present {
        /// What was found, in words ("there", "`like_button` is pressed").
        what: String,
        /// What is known of it.
        object: ObjectFacts,
        /// The permalink opened and the engagement surface was seen (level 3).
        engaged: bool,
    },
    /// It is not there.
    Absent {
        /// In words.
        words: String,
    },
    /// No answer; a person is needed.
    Open {
        /// Why.
        why: String,
    },
}

/// One read of the destination.
struct Read {
    found: Found,
    /// The entry, or the object's page as one; `None`: nothing was found, or what was ordered is that it is gone.
    item: Option<Item>,
    note: String,
}

/// Reads until there is a verdict, at most `reads_max` times after the settle window.
///
/// # Errors
/// The ledger's; reads that fail are reads.
pub async fn run<W: World, P: EpisodeProofs>(
    world: &W,
    job: &Job<'_>,
    opening: &Opening,
    trail: &mut Trail<P>,
) -> Result<Verdict, LedgerFault> {
    let clock = world.clock();
    let settled = job.attempted_at.plus(Duration::from_secs(job.verify.settle_s));
    let mut pause = job.options.verify_pause;
    let (mut number, mut after_settle, mut absent) = (0, 0, 0);
    let mut last_note = String::new();
    loop {
        number += 1;
        let started = clock.now();
        world.ledger().renew(&job.claim.fence, job.options.lease).await?;
        trail.step("verify", &format!("Is it there? Read {number}, fresh read-only session"), started);
        // Each read is a session of its own: nothing that an earlier page kept in memory can answer.
        let (read, session) = read_once::<W, P>(world, job, opening, trail).await;
        let stored = VerificationRead { read: number, at: started, found: read.found, note: read.note.clone() };
        world.ledger().verification(&job.claim.fence, &stored).await?;
        trail.verification(&stored);
        last_note.clone_from(&read.note);
        match (read.found, read.item) {
            (Found::Present | Found::Pending, Some(item)) => {
                let what = if matches!(job.wanted, Wanted::Same(_)) { "there".to_owned() } else { read.note };
                return Ok(there::<W, P>(world, job, item, what, session, trail).await);
            }
            (Found::Present | Found::Pending, None) => {
                if let Some(session) = session {
                    session.close().await;
                }
                return Ok(Verdict::Present { what: read.note, object: ObjectFacts::default(), engaged: false });
            }
            (Found::Absent | Found::Unreadable, _) => {}
        }
        if let Some(session) = session {
            session.close().await;
        }
        if started >= settled {
            after_settle += 1;
            // Only reads that agree in a row count.
            absent = if read.found == Found::Absent { absent + 1 } else { 0 };
            if absent >= ABSENT_READS {
                let words =
                    format!("absent in {absent} agreeing reads after the settle window of {} s", job.verify.settle_s);
                return Ok(Verdict::Absent { words });
            }
        }
        if after_settle >= job.verify.reads_max.max(ABSENT_READS) {
            break;
        }
        // The last pause before the settle window ends at its end, so that no read is wasted shortly before it.
        let now = clock.now();
        clock.sleep(if now < settled { pause.min(settled.since(now)) } else { pause }).await;
        pause = (pause * 2).min(Duration::from_secs(60));
    }
    Ok(Verdict::Open { why: format!("no agreeing answer after {number} reads; the last: {last_note}") })
}

async fn read_once<W: World, P: EpisodeProofs>(
    world: &W,
    job: &Job<'_>,
    opening: &Opening,
    trail: &mut Trail<P>,
) -> (Read, Option<<W::Browser as Browser>::Session>) {
    let mut session = match world.browser().open(opening).await {
        Ok(session) => session,
        Err(fault) => return (unreadable(&fault), None),
    };
    let read = match look(world, job, opening, &mut session, trail).await {
        Ok(read) => read,
        Err(fault) => unreadable(&fault),
    };
    (read, Some(session))
}

fn unreadable(fault: &BrowserFault) -> Read {
    Read { found: Found::Unreadable, item: None, note: format!("{fault} ({})", fault.code()) }
}

async fn look<W: World, S: Session, P: EpisodeProofs>(
    world: &W,
    job: &Job<'_>,
    opening: &Opening,
    session: &mut S,
    trail: &mut Trail<P>,
) -> Result<Read, BrowserFault> {
    let patience = job.options.patience;
    let Wanted::Same(wanted) = &job.wanted else {
        return look_at_object(world, job, opening, session, trail).await;
    };
    let (landing, seen) =
        reading::visit(session, job.recipe, &job.verify.on, &opening.base, job.values, patience).await?;
    let now = world.clock().now();
    trail.url(&landing.url);
    // The receipt's, taken while this session was opened.
    trail.pictures_noted().await;
    trail.picture(session.capture(), now);
    if let Some(hold) = reading::challenge_hold(&seen, &landing, now) {
        return Ok(Read { found: Found::Unreadable, item: None, note: hold.detail });
    }
    let Some(items) = &seen.items else {
        let note = format!("surface {} did not show its list", job.verify.on);
        return Ok(Read { found: Found::Unreadable, item: None, note });
    };
    let hit = same::made_by_attempt(items, wanted, job.attempted_at);
    let (found, note) = match hit {
        Some(item) if item.pending => (Found::Pending, "there, but waiting for the platform's review".to_owned()),
        Some(_) => (Found::Present, "there, by this author, with this content".to_owned()),
        None if items.iter().any(|i| wanted.is(i)) => {
            (Found::Absent, "the only match is older than the attempt: not this action's object".to_owned())
        }
        None => (Found::Absent, format!("not among {} entries", items.len())),
    };
    trail.check(
        "object_there",
        hit.is_some(),
        "an entry with this text, by this author, not older than the attempt",
        &note,
        "",
    );
    Ok(Read { found, item: hit.cloned(), note })
}

/// As [`look`], where the order is about the state of an object, or its absence.
async fn look_at_object<W: World, S: Session, P: EpisodeProofs>(
    world: &W,
    job: &Job<'_>,
    opening: &Opening,
    session: &mut S,
    trail: &mut Trail<P>,
) -> Result<Read, BrowserFault> {
    let place = Place {
        recipe: job.recipe,
        surface: &job.verify.on,
        evidence: &job.verify.evidence,
        wanted: &job.wanted,
        base: &opening.base,
        values: job.values,
        patience: job.options.patience,
    };
    let object::ObjectRead { landing, seen, judged } = object::read(world, session, &place).await?;
    let now = world.clock().now();
    trail.url(&seen.url);
    trail.pictures_noted().await;
    trail.picture(session.capture(), now);
    if let Some(hold) = reading::challenge_hold(&seen, &landing, now) {
        return Ok(Read { found: Found::Unreadable, item: None, note: hold.detail });
    }
    let found = match judged.standing {
        Standing::Done => Found::Present,
        Standing::NotDone => Found::Absent,
        Standing::Unreadable => Found::Unreadable,
    };
    trail.check("object_so", found == Found::Present, &job.wanted.in_words(), &judged.words, "");
    let there = found == Found::Present && matches!(job.wanted, Wanted::State { .. });
    let item = there.then(|| Item { permalink: Some(landing.url.clone()), ..Item::default() });
    Ok(Read { found, item, note: judged.words })
}

/// The object is there: its own page, and what can be done with it there.
async fn there<W: World, P: EpisodeProofs>(
    world: &W,
    job: &Job<'_>,
    item: Item,
    what: String,
    session: Option<<W::Browser as Browser>::Session>,
    trail: &mut Trail<P>,
) -> Verdict {
    let visibility = if item.pending { "pending_review" } else { "public" };
    let object = ObjectFacts {
        platform_object_id: item.id.clone(),
        permalink: item.permalink.clone(),
        http_status: None,
        // Only a list tells what waits for review.
        visibility: matches!(job.wanted, Wanted::Same(_)).then(|| visibility.to_owned()),
    };
    let Some(mut session) = session else { return Verdict::Present { what, object, engaged: false } };
    let mut engaged = false;
    if let (false, Some(permalink), Some(element)) = (item.pending, &item.permalink, &job.verify.engagement) {
        trail.step("postcheck", "Does its own page open, and can people engage?", world.clock().now());
        let finding = postcheck(world, job, &mut session, permalink, element, trail).await;
        engaged = finding.as_ref().is_ok_and(|seen| *seen);
        let words = match finding {
            Ok(true) => "seen".to_owned(),
            Ok(false) => "not seen".to_owned(),
            Err(fault) => fault.to_string(),
        };
        trail.check("engagement_surface", engaged, &format!("`{element}` on the object's own page"), &words, "");
    }
    session.close().await;
    Verdict::Present { what, object, engaged }
}

async fn postcheck<W: World, S: Session, P: EpisodeProofs>(
    world: &W,
    job: &Job<'_>,
    session: &mut S,
    permalink: &str,
    element: &str,
    trail: &mut Trail<P>,
) -> Result<bool, BrowserFault> {
    let landing = session.goto(permalink).await?;
    trail.url(&landing.url);
    trail.pictures_noted().await;
    let look = Look {
        elements: vec![element.to_owned()],
        until: vec![Need::Visible(element.to_owned())],
        within: job.options.patience,
        ..Look::default()
    };
    let seen = session.look(&look).await?;
    trail.picture(session.capture(), world.clock().now());
    Ok(seen.satisfied && landing.status.is_none_or(|s| s < 400))
}
