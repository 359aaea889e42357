//! What a seed decides before anything happens: who there is, what is ordered, what people do, how often things go wrong.

use std::ops::Range;

use deed_core::episode::{Looks, Record};

use crate::check::Bounds;
use crate::dice::Dice;
use crate::luck::{Drift, Luck, PageFault, PressFault, Profile, WriteFault};
use crate::sim::Harm;
use crate::stage::Fortune;

/// The flows of the practice recipe.
pub const FLOWS: [&str; 8] =
    ["publish.post", "schedule", "edit", "delete", "like", "comment_reply", "follow", "dm_send"];

/// How far a switch reaches, before accounts have ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Everything.
    Global,
    /// The client of this account.
    Client(usize),
    /// This account.
    Account(usize),
}

/// What a person does at some moment.
#[derive(Debug, Clone, Copy)]
pub enum Deed {
    /// Throws a switch for so long.
    Throw(Reach, i64),
    /// Suspends an account for so long.
    Suspend(usize, i64),
    /// Sets the clock of the machines ahead by so much (back: negative), and right again after so long.
    SetClock(i64, i64),
}

/// One order.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    /// When it is filed, after the beginning.
    pub at_ms: i64,
    /// As which account.
    pub account: usize,
    /// Which flow.
    pub flow: &'static str,
    /// How many people must approve.
    pub approvals: u32,
    /// The filer gets no answer and files it again.
    pub filed_twice: bool,
    /// It was there already.
    pub there_already: bool,
    /// Number of media files.
    pub media: usize,
}

/// Calls of the ledger that fail for sure.
#[derive(Debug, Clone, Default)]
pub struct Away {
    /// Counted from 1.
    pub calls: Range<u32>,
    /// Whether they were carried out.
    pub after: bool,
}

/// Which calls of the proof store fail.
#[derive(Debug, Clone, Default)]
pub struct StoreFails {
    /// Whether only those that seal are counted.
    pub seals_only: bool,
    /// Counted from 1.
    pub calls: Range<u32>,
}

/// The picture of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Avatar {
    /// The account's.
    Right,
    /// Somebody else's.
    Other,
    /// It does not load.
    Unloaded,
    /// There is none.
    Gone,
}

/// Posts that stand on the platform before anything happens.
#[derive(Debug, Clone, Copy, Default)]
pub struct Earlier {
    /// How many, ten minutes apart.
    pub posts: u32,
    /// The one with so many newer ones says what the first order says.
    pub same: Option<u32>,
    /// Whether the second account made them, whose posts stand in the first one's list as well.
    pub by_another: bool,
}

/// A world before its beginning.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The seed.
    pub seed: u64,
    /// Whether its story is written down.
    pub story: bool,
    /// How many accounts, two of a client.
    pub accounts: usize,
    /// A process for each, on that machine.
    pub machines: Vec<u32>,
    /// Episodes of a process at once.
    pub slots: u32,
    /// How long a lease is.
    pub lease_ms: i64,
    /// Who looks again.
    pub looks: Looks,
    /// How processes come to harm.
    pub harm: Harm,
    /// Where luck comes from.
    pub luck: Fortune,
    /// So often in a million a call of the ledger fails.
    pub ledger_fails: u64,
    /// Which calls of the ledger fail.
    pub ledger_away: Away,
    /// Which calls of the proof store fail.
    pub store_fails: StoreFails,
    /// Which episodes are recorded.
    pub record: Record,
    /// What profiles show for a picture, where the accounts have one.
    pub avatar: Option<Avatar>,
    /// The policy's text.
    pub policy: &'static str,
    /// What it bounds.
    pub bounds: Bounds,
    /// What is ordered.
    pub orders: Vec<Order>,
    /// What people do, when.
    pub deeds: Vec<(i64, Deed)>,
    /// What stands there before.
    pub earlier: Earlier,
    /// When it ends at the latest, where nothing is in anybody's hands then.
    pub horizon_ms: i64,
    /// How long it goes on after that at most, until nothing is in anybody's hands.
    pub grace_ms: i64,
    /// How often a person goes round.
    pub round_ms: i64,
}

const POLICIES: [(&str, Bounds); 5] = [
    ("", Bounds { per_hour: None, per_day: None, spacing_ms: 0, quiet: None }),
    ("", Bounds { per_hour: None, per_day: None, spacing_ms: 0, quiet: None }),
    (
        "defaults: { rate_limits: { publish.post: { spacing_s: 90 }, schedule: { spacing_s: 90 }, edit: { spacing_s: 90 }, \
         delete: { spacing_s: 90 }, like: { spacing_s: 90 }, comment_reply: { spacing_s: 90 }, follow: { spacing_s: 90 }, \
         dm_send: { spacing_s: 90 } } }\n",
        Bounds { per_hour: None, per_day: None, spacing_ms: 90_000, quiet: None },
    ),
    (
        "defaults: { rate_limits: { publish.post: { per_hour: 2 }, schedule: { per_hour: 2 }, edit: { per_hour: 2 }, \
         delete: { per_hour: 2 }, like: { per_hour: 2 }, comment_reply: { per_hour: 2 }, follow: { per_hour: 2 }, \
         dm_send: { per_hour: 2 } } }\n",
        Bounds { per_hour: Some(2), per_day: None, spacing_ms: 0, quiet: None },
    ),
    (
        "defaults: { zone: UTC, quiet_hours: { all: [\"09:40-10:40\"] } }\n",
        Bounds { per_hour: None, per_day: None, spacing_ms: 0, quiet: Some((580, 640)) },
    ),
];

/// A budget of a day, and the dice that decide where it takes the place of no policy: apart from the others, whose rolls stay the same.
const DAILY: (&str, Bounds) = (
    "defaults: { rate_limits: { publish.post: { per_day: 1 }, schedule: { per_day: 1 }, edit: { per_day: 1 }, \
     delete: { per_day: 1 }, like: { per_day: 1 }, comment_reply: { per_day: 1 }, follow: { per_day: 1 }, \
     dm_send: { per_day: 1 } } }\n",
    Bounds { per_hour: None, per_day: Some(1), spacing_ms: 0, quiet: None },
);
const DAILY_DICE: u64 = 0x0da1_1ee0;
/// So often in a million, of worlds without a policy.
const DAILY_OFTEN: u64 = 150_000;
/// A world with a budget of a day goes on until the next one was begun.
const DAILY_HORIZON_MS: i64 = 26 * 3_600_000;

/// The dice that decide where clocks are set: apart from the others, whose rolls stay the same.
const CLOCK_DICE: u64 = 0xc10c_c10c;
/// So often in a million, of worlds on one machine without a policy: what a policy counts, it counts by the clock.
const CLOCK_OFTEN: u64 = 300_000;

/// Clocks that are set now and then: by hours, by what a platform's clock may not be apart, and by less.
fn clocks(seed: u64) -> Vec<(i64, Deed)> {
    let mut dice = Dice::new(seed ^ CLOCK_DICE);
    if !dice.chance(CLOCK_OFTEN) {
        return Vec::new();
    }
    let mut at = 0;
    let mut set = |dice: &mut Dice| {
        let by = dice.one(&[3_600_000, 3_600_000, -3_600_000, 600_000, 130_000, -130_000, 86_400_000], 3_600_000);
        let for_ms = dice.one(&[200, 2_000, 20_000, 120_000, 1_200_000], 2_000);
        at += dice.between(1_000, 900_000);
        let begins = at;
        at += for_ms;
        (begins, Deed::SetClock(by, for_ms))
    };
    (0..dice.between(1, 6)).map(|_| set(&mut dice)).collect()
}

impl Setting {
    /// As the seed says.
    pub fn of_seed(seed: u64, story: bool) -> Self {
        let mut dice = Dice::new(seed ^ 0xdeed);
        let accounts = usize::try_from(dice.between(1, 4)).unwrap_or(1);
        let processes = dice.between(1, 3);
        let machines: Vec<u32> = (0..processes).map(|_| u32::try_from(dice.below(2)).unwrap_or(0)).collect();
        let lease_ms = dice.one(&[30_000, 60_000, 180_000], 60_000);
        let (policy, bounds) = dice.one(&POLICIES, POLICIES[0]);
        let daily = policy.is_empty() && Dice::new(seed ^ DAILY_DICE).chance(DAILY_OFTEN);
        let (policy, bounds) = if daily { DAILY } else { (policy, bounds) };
        let crash = dice.one(&[0, 400, 2_000, 6_000], 0);
        let pause = dice.one(&[0, 0, 400, 1_500], 0);
        let count = dice.between(16, 40);
        let orders = (0..count).map(|_| Self::order(&mut dice, accounts)).collect();
        let mut deeds = Vec::new();
        for _ in 0..dice.one(&[0, 0, 1, 2, 3], 0) {
            let who = usize::try_from(dice.below(accounts as u64)).unwrap_or(0);
            let for_ms = dice.between(10_000, 900_000);
            let reach = dice.one(&[Reach::Global, Reach::Client(who), Reach::Account(who)], Reach::Global);
            let deed = if dice.chance(250_000) { Deed::Suspend(who, for_ms) } else { Deed::Throw(reach, for_ms) };
            deeds.push((dice.between(1_000, 2_400_000), deed));
        }
        let alike = machines.iter().all(|machine| Some(machine) == machines.first());
        if alike && policy.is_empty() {
            deeds.extend(clocks(seed));
        }
        Self {
            seed,
            story,
            accounts,
            machines,
            slots: u32::try_from(dice.between(1, 2)).unwrap_or(1),
            lease_ms,
            looks: if dice.chance(750_000) { Looks::InTurns } else { Looks::UntilAnswered },
            harm: Harm::Chance { crash, pause, pause_ms: lease_ms * 3 },
            luck: Fortune::Drawn(dice.one(&[0, 30_000, 80_000, 200_000], 30_000)),
            ledger_fails: dice.one(&[0, 0, 500, 3_000], 0),
            ledger_away: Away::default(),
            store_fails: StoreFails::default(),
            record: Record::default(),
            avatar: None,
            policy,
            bounds,
            orders,
            deeds,
            earlier: Earlier::default(),
            horizon_ms: if daily { DAILY_HORIZON_MS } else { 24 * 3_600_000 },
            grace_ms: 3 * 3_600_000,
            round_ms: 420_000,
        }
    }

    fn order(dice: &mut Dice, accounts: usize) -> Order {
        Order {
            at_ms: dice.between(0, 2_400_000),
            account: usize::try_from(dice.below(accounts as u64)).unwrap_or(0),
            flow: dice.one(&FLOWS, FLOWS[0]),
            approvals: dice.one(&[0, 0, 0, 0, 0, 0, 0, 1, 1, 2], 0),
            filed_twice: dice.chance(60_000),
            there_already: dice.chance(40_000),
            media: usize::try_from(dice.one(&[0, 0, 0, 1, 2], 0)).unwrap_or(0),
        }
    }

    /// What the seed decided, in words.
    pub fn words(&self) -> Vec<String> {
        let many = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let machines = self.machines.iter().enumerate().map(|(p, m)| format!("p{p} on machine {m}"));
        let harm = match &self.harm {
            Harm::Chance { crash, pause, pause_ms } => {
                format!("of a million effects {crash} are a crash and {pause} a pause of up to {} s", pause_ms / 1_000)
            }
            Harm::At(points) | Harm::AtEvery(points) => format!("crashes at {points:?}"),
        };
        let luck = match &self.luck {
            Fortune::Drawn(often) => format!("each trouble comes in some {often} of a million sessions"),
            Fortune::Fixed(luck) => format!("in each session: {}", luck.words()),
            Fortune::First(most, luck) => format!("in the first {most} episodes: {}", luck.words()),
        };
        let looks = match self.looks {
            Looks::InTurns => "who looks again takes turns",
            Looks::UntilAnswered => "who pressed looks until there is an answer",
        };
        let policy = if self.policy.is_empty() { "none" } else { self.policy.trim() };
        vec![
            format!(
                "seed {}: {}, {}; {}, with {} each: p0.1 is the second slot of p0",
                self.seed,
                many(self.accounts, "account"),
                many(self.orders.len(), "order"),
                machines.collect::<Vec<_>>().join(", "),
                many(self.slots as usize, "slot")
            ),
            format!(
                "a lease lasts {} s; {looks}; {harm}; {luck}; of a million calls of the ledger {} fail",
                self.lease_ms / 1_000,
                self.ledger_fails
            ),
            format!("policy: {policy}"),
        ]
    }

    /// With no more orders than so many.
    #[must_use]
    pub fn with_orders(mut self, most: usize) -> Self {
        self.orders.truncate(most);
        self
    }

    /// One order of one flow, one worker, this luck: what the exhaustive runs go through.
    pub fn of_one(flow: &'static str, luck: Luck, harm: Harm, story: bool) -> Self {
        let order =
            Order { at_ms: 0, account: 0, flow, approvals: 0, filed_twice: false, there_already: false, media: 0 };
        Self {
            seed: 1,
            story,
            accounts: 2,
            machines: vec![0],
            slots: 1,
            lease_ms: 60_000,
            looks: Looks::InTurns,
            harm,
            luck: Fortune::Fixed(luck),
            ledger_fails: 0,
            ledger_away: Away::default(),
            store_fails: StoreFails::default(),
            record: Record::default(),
            avatar: None,
            policy: "",
            bounds: Bounds::default(),
            orders: vec![order],
            deeds: Vec::new(),
            earlier: Earlier::default(),
            horizon_ms: 6 * 3_600_000,
            grace_ms: 0,
            round_ms: 30_000,
        }
    }
}

/// Every outcome that an episode can have, by the luck that leads there.
pub fn outcomes() -> Vec<(&'static str, Luck)> {
    let luck = Luck::default();
    let page = |at, fault| Luck { page: Some((at, fault)), ..luck };
    vec![
        ("made and seen", luck),
        ("shown late", Luck { shown_milli: 1_000, ..luck }),
        ("response lost", Luck { write: WriteFault::ResponseLost, ..luck }),
        ("request lost", Luck { write: WriteFault::RequestLost, ..luck }),
        ("error after the write", Luck { write: WriteFault::ErrorAfter, ..luck }),
        ("error instead of the write", Luck { write: WriteFault::ErrorBefore, ..luck }),
        ("success that made nothing", Luck { write: WriteFault::NothingMade, ..luck }),
        ("swallowed duplicate", Luck { write: WriteFault::Swallowed, ..luck }),
        ("pending review", Luck { write: WriteFault::Pending, ..luck }),
        ("rate limit as the answer", Luck { write: WriteFault::TooMany, ..luck }),
        ("late answer", Luck { write: WriteFault::Late(25_000), ..luck }),
        ("fired twice", Luck { twice: true, ..luck }),
        ("press without an acknowledgement", Luck { press: PressFault::NoAck(9_000), ..luck }),
        ("press that came to nothing", Luck { press: PressFault::Lost, ..luck }),
        ("late request", Luck { press: PressFault::Slow(14_500), shown_milli: 1_000, ..luck }),
        ("changed right before the press", Luck { restores_late: true, ..luck }),
        ("captcha", page(6, PageFault::Captcha)),
        ("tab crash", page(9, PageFault::TabCrash)),
        ("another account", Luck { profile: Profile::Other, ..luck }),
        ("switched in another window", Luck { switched: Some(9), ..luck }),
        ("old reads", Luck { old_read: true, shown_milli: 1_000, ..luck }),
        ("press that the page ignores", Luck { press: PressFault::Ignored, ..luck }),
        ("old list", Luck { stale_list: true, ..luck }),
        ("the same by somebody else", Luck { echoed: true, ..luck }),
        ("a write of the page's own", Luck { sneaks: Some(9), ..luck }),
        ("switch right before the press", Luck { killed_late: true, ..luck }),
        ("captcha right before the press", Luck { captcha_late: true, ..luck }),
        ("another button right before the press", Luck { swapped_late: true, ..luck }),
        ("slow last look", Luck { slow_look_ms: 18_000, ..luck }),
        ("silent server", Luck { home_silent: true, ..luck }),
        ("landmark gone", Luck { drift: Some(Drift::LandmarkGone), ..luck }),
        ("one locator dissents", Luck { drift: Some(Drift::Dissent), ..luck }),
        ("only one locator finds anything", Luck { drift: Some(Drift::Lonely), ..luck }),
        ("another's profile is public", Luck { profile: Profile::Public, ..luck }),
        ("only the name matches", Luck { profile: Profile::NameOnly, ..luck }),
        ("only the switcher says so", Luck { profile: Profile::SwitcherSays, ..luck }),
        ("checkpoint", page(6, PageFault::Checkpoint)),
        ("signed out", page(3, PageFault::SignedOut)),
        ("rate limit of a page", page(6, PageFault::RateLimit)),
        ("server error", page(6, PageFault::ServerError)),
        ("server not there", page(3, PageFault::NotThere)),
        ("timeout", page(9, PageFault::Timeout)),
        ("browser gone", page(9, PageFault::BrowserGone)),
    ]
}
