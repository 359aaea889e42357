//! The permit: the right to commit, once.
//!
//! Never `Clone`, never built outside this file, consumed by value by the press. It comes from exactly one
//! place: [`crate::arm::arm`], after the ledger's arm transaction is durable. A press that finds its permit late, or meant for
//! another target, does not happen.
//!
//! What is deliberately absent: a way to give a permit back. After `arm` there is no retry in the type.

use std::time::Duration;

use deed_proofs::Sha256;

use crate::ids::ActionId;
use crate::time::{Moment, Steady, Timestamp};

/// What a permit is good for: this account, this content, this recipe, this element of this page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Recipe hash.
    pub recipe: String,
    /// Action type.
    pub flow: String,
    /// The commit element's name.
    pub element: String,
    /// The page's URL without query and fragment.
    pub page: String,
    /// Payload hash.
    pub payload: Sha256,
    /// What the session said of itself when the account was proved.
    pub marker: Option<String>,
}

impl Target {
    /// sha256 over all of it.
    pub fn hash(&self) -> Sha256 {
        let parts = [
            self.recipe.as_str(),
            &self.flow,
            &self.element,
            &self.page,
            &self.payload.to_string(),
            self.marker.as_deref().unwrap_or(""),
        ];
        // Length-prefixed, so that no two targets have the same bytes.
        let bytes: String = parts.iter().map(|p| format!("{}:{p}", p.len())).collect();
        Sha256::of(bytes.as_bytes())
    }
}

/// What the ledger's arm transaction says when it was committed. Plain data: it presses nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArmGrant {
    /// Which action is now `attempted`.
    pub action: ActionId,
    /// Under which epoch.
    pub epoch: i64,
    /// Until when the press may happen.
    pub deadline: Timestamp,
    /// When it was armed.
    pub armed_at: Timestamp,
}

/// The single-use right to commit.
#[derive(Debug)]
pub struct Permit {
    action: ActionId,
    epoch: i64,
    deadline: Timestamp,
    for_: Duration,
    /// When that is over by the clock that nobody sets: a machine's clock that is set back makes no permit longer.
    ends: Steady,
    target: Sha256,
}

/// Why a permit is not good for a press.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PermitRefusal {
    /// Its time is over.
    #[error("the permit ended at {deadline}, it is {now}")]
    Late {
        /// When it ended.
        deadline: Timestamp,
        /// Now.
        now: Timestamp,
    },
    /// Its time is over by the clock that nobody sets: the machine's was set back, or arming took long.
    #[error("the permit was good for {for_:?}, and they are over")]
    Over {
        /// For how long it was good.
        for_: Duration,
    },
    /// It was made for another target.
    #[error("the permit was made for another target")]
    OtherTarget,
}

impl Permit {
    /// Only the arm step makes one.
    ///
    /// `asked`: when the ledger was asked for the grant.
    pub(crate) fn from_grant(grant: ArmGrant, target: &Target, asked: Steady) -> Self {
        let for_ = grant.deadline.since(grant.armed_at);
        let ends = asked.plus(for_);
        Self { action: grant.action, epoch: grant.epoch, deadline: grant.deadline, for_, ends, target: target.hash() }
    }

    /// Whether it is good for this target now.
    pub fn check(&self, target: &Target, now: Moment) -> Result<(), PermitRefusal> {
        self.in_time(now)?;
        if self.target != target.hash() {
            return Err(PermitRefusal::OtherTarget);
        }
        Ok(())
    }

    fn in_time(&self, now: Moment) -> Result<(), PermitRefusal> {
        if now.at >= self.deadline {
            return Err(PermitRefusal::Late { deadline: self.deadline, now: now.at });
        }
        if now.steady >= self.ends {
            return Err(PermitRefusal::Over { for_: self.for_ });
        }
        Ok(())
    }

    /// The action it was made for.
    pub fn action(&self) -> &ActionId {
        &self.action
    }

    /// The fencing epoch under which it was made.
    pub fn epoch(&self) -> i64 {
        self.epoch
    }

    /// Until when it is good.
    pub fn deadline(&self) -> Timestamp {
        self.deadline
    }
}

/// How long what the server said right before the press holds for a write that comes of it. A page may make its request seconds later, and
/// somebody may have switched the account in another window by then.
pub const WORD_HOLDS: Duration = Duration::from_millis(500);

/// What the server said of whose session this is, against what it was when the account was proved: the refusal in
/// words, which name neither. One that does not say is no refusal; one that is silent for too long is.
///
/// # Errors
/// Why nothing may leave.
pub fn word_of_server(expected: &str, said: Option<&str>, silent: bool) -> Result<(), &'static str> {
    if said.is_some_and(|said| said != expected) {
        return Err("the server says that the session is another one now");
    }
    if silent {
        return Err("the server did not say in time whose session this is");
    }
    Ok(())
}

/// Where the network gate keeps a permit until its write comes. The simulation's gate is this one too.
#[derive(Debug, Default)]
pub struct Slot(Option<(Permit, Moment)>);

impl Slot {
    /// One write may leave, once, until the permit's deadline. It was pressed now.
    pub fn admit(&mut self, permit: Permit, now: Moment) {
        self.0 = Some((permit, now));
    }

    /// Takes an unused permit away.
    pub fn shut(&mut self) {
        self.0 = None;
    }

    /// Whether a write that would get the permit comes so late that the server is to be asked once more whose session this is.
    pub fn asks_again(&self, now: Moment) -> bool {
        let late =
            |pressed: &Moment| now.at >= pressed.at.plus(WORD_HOLDS) || now.steady >= pressed.steady.plus(WORD_HOLDS);
        self.0.as_ref().is_some_and(|(permit, pressed)| permit.in_time(now).is_ok() && late(pressed))
    }

    /// The permit of a write that may leave now. Taking it out is what makes it single-use; one that is late is gone as well.
    pub fn let_through(&mut self, now: Moment) -> Option<Permit> {
        self.0.take().map(|(permit, _)| permit).filter(|permit| permit.in_time(now).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(page: &str) -> Target {
        Target {
            recipe: "r".into(),
            flow: "publish.post".into(),
            element: "post_button".into(),
            page: page.into(),
            payload: Sha256::of(b"x"),
            marker: Some("acc_1".into()),
        }
    }

    /// By two clocks that nobody set.
    fn at(ms: u32) -> Moment {
        Moment { at: Timestamp(ms.into()), steady: Steady(Duration::from_millis(ms.into())) }
    }

    /// By a machine's clock that was set back to its beginning.
    fn set_back(ms: u32) -> Moment {
        Moment { at: Timestamp(0), ..at(ms) }
    }

    fn permit() -> Permit {
        let grant = ArmGrant { action: ActionId::new("a"), epoch: 1, deadline: Timestamp(100), armed_at: Timestamp(0) };
        Permit::from_grant(grant, &target("https://a/compose"), at(0).steady)
    }

    #[test]
    fn is_good_for_its_target_until_its_deadline() {
        assert_eq!(permit().check(&target("https://a/compose"), at(99)), Ok(()));
    }

    #[test]
    fn is_refused_at_its_deadline() {
        assert!(matches!(permit().check(&target("https://a/compose"), at(100)), Err(PermitRefusal::Late { .. })));
    }

    #[test]
    fn a_clock_that_is_set_back_makes_it_no_longer() {
        let good = |now| permit().check(&target("https://a/compose"), now);
        assert_eq!(good(set_back(99)), Ok(()));
        assert_eq!(good(set_back(100)), Err(PermitRefusal::Over { for_: Duration::from_millis(100) }));
        for (ms, left) in [(99, true), (100, false)] {
            let mut slot = Slot::default();
            slot.admit(permit(), at(0));
            assert_eq!(slot.let_through(set_back(ms)).is_some(), left);
        }
    }

    #[test]
    fn is_refused_on_another_page() {
        assert_eq!(permit().check(&target("https://a/delete"), at(1)), Err(PermitRefusal::OtherTarget));
    }

    #[test]
    fn is_refused_for_another_session() {
        let mut other = target("https://a/compose");
        other.marker = None;
        assert_eq!(permit().check(&other, at(1)), Err(PermitRefusal::OtherTarget));
    }

    #[test]
    fn every_part_of_a_target_counts_and_none_can_pass_for_another() {
        let other = |change: fn(&mut Target)| {
            let mut target = target("https://a/compose");
            change(&mut target);
            permit().check(&target, at(1))
        };
        let changes: [fn(&mut Target); 5] = [
            |t| t.recipe = "s".into(),
            |t| t.flow = "delete".into(),
            |t| t.element = "delete_button".into(),
            |t| t.payload = Sha256::of(b"y"),
            // The same letters in a row, cut elsewhere.
            |t| (t.recipe, t.flow) = ("rp".into(), "ublish.post".into()),
        ];
        for change in changes {
            assert_eq!(other(change), Err(PermitRefusal::OtherTarget));
        }
    }

    #[test]
    fn tells_for_what_it_was_made() {
        let grant = ArmGrant { action: ActionId::new("a"), epoch: 7, deadline: Timestamp(100), armed_at: Timestamp(3) };
        let permit = Permit::from_grant(grant, &target("https://a/compose"), at(0).steady);
        assert_eq!((permit.action().as_str(), permit.epoch(), permit.deadline()), ("a", 7, Timestamp(100)));
    }

    #[test]
    fn a_slot_lets_one_write_through_once() {
        let mut slot = Slot::default();
        assert!(slot.let_through(at(1)).is_none(), "nothing leaves without a permit");
        slot.admit(permit(), at(0));
        assert_eq!(slot.let_through(at(99)).map(|p| p.action().clone()), Some(ActionId::new("a")));
        assert!(slot.let_through(at(99)).is_none(), "it is used up");
    }

    #[test]
    fn a_slot_that_was_shut_lets_nothing_through() {
        let mut slot = Slot::default();
        slot.admit(permit(), at(0));
        slot.shut();
        assert!(slot.let_through(at(1)).is_none());
    }

    #[test]
    fn a_write_at_the_end_of_the_permit_or_after_it_stays_and_uses_it_up() {
        for now in [100, 101] {
            let mut slot = Slot::default();
            slot.admit(permit(), at(0));
            assert!(slot.let_through(at(now)).is_none());
            assert!(slot.let_through(at(1)).is_none(), "not even to a clock that was set back");
        }
    }

    #[test]
    fn a_write_that_comes_late_after_its_press_is_asked_about_again() {
        let grant =
            ArmGrant { action: ActionId::new("a"), epoch: 1, deadline: Timestamp(9_000), armed_at: Timestamp(0) };
        let mut slot = Slot::default();
        let (pressed, late) = (at(7), at(507));
        assert!(!slot.asks_again(late), "nothing would leave");
        slot.admit(Permit::from_grant(grant, &target("https://a/compose"), at(0).steady), pressed);
        assert!(!slot.asks_again(at(506)));
        assert!(slot.asks_again(late));
        assert!(slot.asks_again(set_back(507)), "a clock that is set back makes it no younger");
        assert!(slot.asks_again(Moment { at: late.at, ..pressed }), "nor does a machine that sleeps");
        assert!(!slot.asks_again(at(9_000)), "it would be stopped anyway");
    }
}
