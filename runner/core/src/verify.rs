//! Did it happen? A fresh read-only session looks at the destination until there is an answer, or a person is needed.
//!
//! Present once is proof: the object is there. Absent needs two agreeing reads after the recipe's settle window,
//! because platforms show late; the window begins when nothing of the attempt can leave any more, and each of the two
//! must be the account's own: what somebody else's session does not show may be there all the same. A match older than
//! the attempt is not this attempt's object. Nothing here can send anything: the session is
//! [`Access::ReadOnly`](crate::ports::browser::Access), so no declared write passes the gate.

use std::time::Duration;

use deed_recipes::{Recipe, Verify};

use crate::episode::object::{self, Place};
use crate::episode::reading::{self, Values};
use crate::episode::trail::Trail;
use crate::episode::{Looks, Options};
use crate::judge::evidence::{Standing, Wanted};
use crate::judge::{identity, same};
use crate::ports::browser::{Browser, BrowserFault, Item, Landing, Look, Need, Opening, Session};
use crate::ports::ledger::{Claim, Found, Ledger, LedgerFault, ObjectFacts, VerificationRead};
use crate::ports::proofs::EpisodeProofs;
use crate::ports::{Clock, World};
use crate::retry::Transient;
use crate::review;
use crate::state::State;
use crate::time::{CLOCKS_APART, Timestamp};

/// Agreeing absent reads that make an absence.
pub const ABSENT_READS: u32 = 2;
/// The longest pause between two reads.
pub(crate) const PAUSE_MAX: Duration = Duration::from_secs(60);

/// So many reads wait for a clock to be set right, one every [`PAUSE_MAX`]; then it is a person's.
const APART_READS_MAX: u32 = 120;

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
    /// When it was attempted.
    pub times: Times,
    /// What the session said of itself when the account was proved, where this is known still.
    pub marker: Option<String>,
    /// Bounds.
    pub options: &'a Options,
}

/// When an attempt was made, by clocks that may have been set in the middle of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Nothing of it is older: what is older is not this attempt's object.
    pub since: Timestamp,
    /// Since when nothing of the press can leave any more: the settle window begins here. From the permit on it may take as long as
    /// a permit is good until the write leaves, which is longer than many a settle window.
    pub over_at: Timestamp,
    /// Whether one came after the other. Where a clock was set in between, nobody knows when the settle window is over: what is there
    /// is seen, and an absence is a person's to believe.
    pub in_order: bool,
}

impl Times {
    /// Of an attempt: `identified_at` and `attempted_at` were written by the process that made it, when its page had shown that its
    /// clock was right; `ended_at` by whoever ended its session.
    pub fn of(
        identified_at: Option<Timestamp>,
        attempted_at: Timestamp,
        ended_at: Option<Timestamp>,
        over_at: Timestamp,
    ) -> Self {
        let identified_at = identified_at.unwrap_or(attempted_at);
        let in_order = identified_at <= attempted_at.plus(CLOCKS_APART)
            && ended_at.is_none_or(|ended| attempted_at <= ended.plus(CLOCKS_APART));
        // A clock that was ahead at one of the two was not at the other.
        Self { since: attempted_at.min(identified_at), over_at, in_order }
    }
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
        /// When any worker looks again, because it is not public yet, or was not a look ago.
        again: Option<Timestamp>,
    },
    /// It is not there.
    Absent {
        /// In words.
        words: String,
    },
    /// No answer yet, or nothing new of what waits for review; any worker looks again then.
    Later {
        /// When.
        at: Timestamp,
        /// What the last look found.
        why: String,
    },
    /// No answer, or nothing new at the last look; a person is needed.
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
    /// What the session said of itself on that page.
    marker: Option<String>,
    /// Nothing was seen, under a clock that is not the platform's.
    apart: bool,
}

/// What the reads so far come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Tally {
    /// Reads.
    pub reads: u32,
    /// Reads since the settle window ended.
    pub after_settle: u32,
    /// Of these, the last ones that agree that it is absent.
    pub absent: u32,
}

impl Tally {
    /// Takes a read into account. Only reads after the settle window that agree in a row count as an absence.
    pub fn add(&mut self, at: Timestamp, found: Found, settled: Timestamp) {
        self.reads += 1;
        if at >= settled {
            self.after_settle += 1;
            self.absent = if found == Found::Absent { self.absent + 1 } else { 0 };
        }
    }
}

/// The pause before the next read: it doubles with each, and the last one before the settle window ends at its end, so that no read is
/// wasted shortly before it.
fn pause(first: Duration, reads: u32, now: Timestamp, settled: Timestamp) -> Duration {
    let doubled = first.saturating_mul(2_u32.saturating_pow(reads.saturating_sub(1).min(16))).min(PAUSE_MAX);
    if now < settled { doubled.min(settled.since(now)) } else { doubled }
}

/// Reads until there is a verdict, at most `reads_max` times after the settle window; or once, where looking is taken in turns, or where it
/// waits for the platform's review: then the reads of all turns count together.
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
    let settled = job.times.over_at.plus(Duration::from_secs(job.verify.settle_s));
    let mut tally = Tally::default();
    let confirmed = job.claim.action.state == State::ConfirmedSuccess;
    let mut looks = None;
    if job.options.looks == Looks::InTurns || confirmed {
        let reads = world.ledger().verification_reads(&job.claim.action.id).await?;
        looks = review::looks(&reads).filter(|_| confirmed);
        for read in reads {
            tally.add(read.at, read.found, settled);
        }
    }
    loop {
        let number = tally.reads + 1;
        let started = clock.now();
        world.ledger().renew(&job.claim.fence, job.options.lease).await?;
        trail.step("verify", &format!("Is it there? Read {number}, fresh read-only session"), started);
        // Each read is a session of its own: nothing that an earlier page kept in memory can answer.
        let (mut read, mut session) = read_once::<W, P>(world, job, opening, trail).await;
        if read.found == Found::Absent && !job.times.in_order {
            read.found = Found::Unreadable;
            read.note = format!("{}; but the clock was set during the attempt", read.note);
        }
        if let (Found::Absent, Some(session)) = (read.found, &mut session)
            && started >= settled
        {
            read = of_the_account(world, job, opening, session, read, trail).await;
        }
        let stored = VerificationRead { read: number, at: started, found: read.found, note: read.note.clone() };
        world.ledger().verification(&job.claim.fence, &stored).await?;
        trail.verification(&stored);
        let last_note = read.note.clone();
        match (read.found, read.item) {
            (Found::Present | Found::Pending, Some(item)) => {
                let what = if matches!(job.wanted, Wanted::Same(_)) { "there".to_owned() } else { read.note };
                let looks = looks.map(|looks| looks.saturating_add(1)).or((read.found == Found::Pending).then_some(0));
                let again = looks.and_then(|looks| review::next_look(job.verify, looks, clock.now()));
                return Ok(there::<W, P>(world, job, item, what, session, again, trail).await);
            }
            (Found::Present | Found::Pending, None) => {
                if let Some(session) = session {
                    session.close().await;
                }
                let object = ObjectFacts::default();
                return Ok(Verdict::Present { what: read.note, object, engaged: false, again: None });
            }
            (Found::Absent | Found::Unreadable, _) => {}
        }
        if let Some(session) = session {
            session.close().await;
        }
        tally.add(started, read.found, settled);
        if tally.absent >= ABSENT_READS {
            let words = format!(
                "absent in {} agreeing reads after the settle window of {} s",
                tally.absent, job.verify.settle_s
            );
            return Ok(Verdict::Absent { words });
        }
        if let Some(looks) = looks {
            return Ok(match review::next_look(job.verify, looks.saturating_add(1), clock.now()) {
                Some(at) => Verdict::Later { at, why: last_note },
                None => Verdict::Open { why: last_note },
            });
        }
        if read.apart && tally.reads < APART_READS_MAX {
            return Ok(Verdict::Later { at: clock.now().plus(PAUSE_MAX), why: last_note });
        }
        if tally.after_settle >= job.verify.reads_max.max(ABSENT_READS) {
            let why = format!("no agreeing answer after {} reads; the last: {last_note}", tally.reads);
            return Ok(Verdict::Open { why });
        }
        let now = clock.now();
        let pause = pause(job.options.verify_pause, tally.reads, now, settled);
        match job.options.looks {
            Looks::UntilAnswered => clock.sleep(pause).await,
            Looks::InTurns => return Ok(Verdict::Later { at: now.plus(pause), why: last_note }),
        }
    }
}

async fn read_once<W: World, P: EpisodeProofs>(
    world: &W,
    job: &Job<'_>,
    opening: &Opening,
    trail: &mut Trail<P>,
) -> (Read, Option<<W::Browser as Browser>::Session>) {
    let mut session = match world.browser().open(opening).await {
        Ok(session) => session,
        Err(fault) => return (not_opened(&fault), None),
    };
    let read = match look(world, job, opening, &mut session, trail).await {
        Ok(read) => read,
        Err(fault) => not_opened(&fault),
    };
    (read, Some(session))
}

fn unreadable(note: String, marker: Option<String>) -> Read {
    Read { found: Found::Unreadable, item: None, note, marker, apart: false }
}

fn not_opened(fault: &BrowserFault) -> Read {
    unreadable(format!("{fault} ({})", fault.code()), None)
}

/// An absence counts only when it was the account's own session that saw none: it is the one that was proved before the commit, or is
/// proved now.
async fn of_the_account<W: World, S: Session, P: EpisodeProofs>(
    world: &W,
    job: &Job<'_>,
    opening: &Opening,
    session: &mut S,
    read: Read,
    trail: &mut Trail<P>,
) -> Read {
    let ours = match (&job.marker, &read.marker) {
        (Some(then), now) => Ok(now.as_ref() == Some(then)),
        (None, _) => proved(world, job, opening, session).await,
    };
    match ours {
        Ok(true) => read,
        Ok(false) => {
            let note = format!("{}, but the session that looked is not proved to be the account's", read.note);
            trail.check("looked_as_the_account", false, "the account's own session", &note, "");
            unreadable(note, read.marker)
        }
        Err(fault) => not_opened(&fault),
    }
}

/// What is there is seen under any clock. That something is not there yet, or is older than the attempt, only one tells that is right.
fn by_our_time(found: Found, note: String, landing: &Landing) -> (Found, String, bool) {
    match landing.of_our_time() {
        Err(apart) if found == Found::Absent => {
            (Found::Unreadable, format!("{note}; but {apart} ({})", apart.code()), true)
        }
        _ => (found, note, false),
    }
}

/// Whether the session is the account's, by the rules of identity.
async fn proved<W: World, S: Session>(
    world: &W,
    job: &Job<'_>,
    opening: &Opening,
    session: &mut S,
) -> Result<bool, BrowserFault> {
    let (landing, seen) =
        reading::visit(session, job.recipe, &job.recipe.identity.on, &opening.base, job.values, job.options.patience)
            .await?;
    if reading::challenge_hold(&seen, &landing, world.clock().now()).is_some() {
        return Ok(false);
    }
    let (readings, seen) = reading::read_identity(session, job.recipe, job.options.identity_wait).await?;
    if reading::challenge_of(&seen, world.clock().now()).is_some() || Transient::of_status(seen.status).is_some() {
        return Ok(false);
    }
    let (_, verdict) = identity::judge(&job.claim.account.fingerprint, &readings);
    Ok(verdict == identity::Verdict::Proven)
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
        return Ok(unreadable(hold.detail, seen.marker));
    }
    let Some(items) = &seen.items else {
        let note = format!("surface {} did not show its list", job.verify.on);
        return Ok(unreadable(note, seen.marker.clone()));
    };
    let hit = same::made_by_attempt(items, wanted, job.times.since);
    let elsewhere = object::led_elsewhere(&job.recipe.surfaces[&job.verify.on], &landing, &seen);
    let (found, note) = match hit {
        Some(item) if item.pending => (Found::Pending, "there, but waiting for the platform's review".to_owned()),
        Some(_) => (Found::Present, "there, by this author, with this content".to_owned()),
        // What another page does not list tells nothing of the target's.
        None if elsewhere => (Found::Unreadable, format!("the page led to {}", reading::page_of(&seen.url))),
        None if items.iter().any(|i| wanted.is(i)) => {
            (Found::Absent, "the only match is older than the attempt: not this action's object".to_owned())
        }
        None => (Found::Absent, format!("not among {} entries", items.len())),
    };
    let (found, note, apart) = by_our_time(found, note, &landing);
    trail.check(
        "object_there",
        hit.is_some(),
        "an entry with this text, by this author, not older than the attempt",
        &note,
        "",
    );
    Ok(Read { found, item: hit.cloned(), note, marker: seen.marker.clone(), apart })
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
        return Ok(unreadable(hold.detail, seen.marker));
    }
    let found = match judged.standing {
        Standing::Done => Found::Present,
        Standing::NotDone => Found::Absent,
        Standing::Unreadable => Found::Unreadable,
    };
    let (found, note, apart) = by_our_time(found, judged.words, &landing);
    trail.check("object_so", found == Found::Present, &job.wanted.in_words(), &note, "");
    let there = found == Found::Present && matches!(job.wanted, Wanted::State { .. });
    let item = there.then(|| Item { permalink: Some(landing.url.clone()), ..Item::default() });
    Ok(Read { found, item, note, marker: seen.marker, apart })
}

/// The object is there: its own page, and what can be done with it there.
async fn there<W: World, P: EpisodeProofs>(
    world: &W,
    job: &Job<'_>,
    item: Item,
    what: String,
    session: Option<<W::Browser as Browser>::Session>,
    again: Option<Timestamp>,
    trail: &mut Trail<P>,
) -> Verdict {
    let visibility = if item.pending { review::PENDING } else { review::PUBLIC };
    let object = ObjectFacts {
        platform_object_id: item.id.clone(),
        permalink: item.permalink.clone(),
        http_status: None,
        // Only a list tells what waits for review.
        visibility: matches!(job.wanted, Wanted::Same(_)).then(|| visibility.to_owned()),
    };
    // What is public, and has nothing more to show, is looked at no more.
    let again = again.filter(|_| item.pending || job.verify.engagement.is_some());
    let Some(mut session) = session else { return Verdict::Present { what, object, engaged: false, again } };
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
    Verdict::Present { what, object, engaged, again }
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

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLED: Timestamp = Timestamp(20_000);

    #[test]
    fn times_that_a_clock_put_out_of_order_are_known() {
        let times = |identified: i64, attempted, ended: Option<i64>| {
            Times::of(
                Some(Timestamp(identified)),
                Timestamp(attempted),
                ended.map(Timestamp),
                Timestamp(ended.unwrap_or(0)),
            )
        };
        let usual = times(10_000, 17_000, Some(19_000));
        assert_eq!(usual, Times { since: Timestamp(10_000), over_at: Timestamp(19_000), in_order: true });
        assert!(times(10_000, 17_000, None).in_order, "nobody ended it yet");
        assert!(times(10_000, 6_000, Some(2_000)).in_order, "as far as clocks may be apart");
        assert!(!times(10_000, 5_999, Some(9_000)).in_order, "set back before the attempt");
        assert!(!times(10_000, 17_000, Some(12_999)).in_order, "set back after it");
        // Ahead for the attempt alone: what was made is as old as the identity.
        assert_eq!(times(10_000, 160_000, Some(19_000)).since, Timestamp(10_000));
        let without = Times::of(None, Timestamp(17_000), None, Timestamp(21_000));
        assert_eq!(without, Times { since: Timestamp(17_000), over_at: Timestamp(21_000), in_order: true });
    }

    fn tally(reads: &[(i64, Found)]) -> Tally {
        let mut tally = Tally::default();
        for (at, found) in reads {
            tally.add(Timestamp(*at), *found, SETTLED);
        }
        tally
    }

    #[test]
    fn only_reads_after_the_settle_window_that_agree_in_a_row_make_an_absence() {
        use Found::{Absent, Unreadable};
        assert_eq!(tally(&[(0, Absent), (19_999, Absent)]).absent, 0);
        assert_eq!(tally(&[(20_000, Absent), (21_000, Unreadable), (22_000, Absent)]).absent, 1);
        let three = tally(&[(0, Absent), (20_000, Absent), (21_000, Absent)]);
        assert_eq!((three.reads, three.after_settle, three.absent), (3, 2, 2));
    }

    #[test]
    fn the_pause_doubles_is_bounded_and_does_not_pass_the_settle_window() {
        let first = Duration::from_secs(2);
        let seconds = |reads, now| pause(first, reads, Timestamp(now), SETTLED).as_millis();
        assert_eq!([1, 2, 3, 40].map(|reads| seconds(reads, 30_000)), [2000, 4000, 8000, 60_000]);
        assert_eq!(seconds(3, 19_000), 1000);
        assert_eq!(seconds(1, 20_000), 2000, "at the end of the window it is over");
    }
}
