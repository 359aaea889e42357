//! The rules that make the protocol safe, each of which can be taken out, and what the world is taken to be like.

use std::fmt;

/// A rule of the protocol. `docs/protocol.md` tells where each stands in the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// The arm transaction compares the fence: episode, worker and epoch of the claim.
    ArmAsksForTheEpoch,
    /// The arm transaction refuses a lease that ends before the permit would.
    ArmAsksForTheLease,
    /// The arm transaction refuses while another action of the account is not settled.
    ArmOneUnsettled,
    /// The arm transaction reads the kill switch.
    ArmReadsTheSwitch,
    /// Nothing is pressed without a permit of the arm transaction.
    ArmBeforePress,
    /// A permit is good for one press.
    PermitOnce,
    /// A permit ends: neither press nor gate take it later.
    PermitEnds,
    /// The gate lets one write through for a permit.
    GateLetsOneThrough,
    /// The session is cut off before it is told that the press is over.
    SessionEndsFirst,
    /// Acknowledging the kill switch waits for the presses that were armed before it.
    AckWaits,
    /// It waits until their permits ended by every clock.
    AckByEveryClock,
    /// A claim is stale only when its lease is over by every clock.
    StaleByEveryClock,
    /// A lease that is over is not renewed.
    OverStaysOver,
    /// Who lost the claim changes nothing more.
    WritesAreFenced,
    /// Recovery never queues again what was attempted.
    AttemptedIsNotQueued,
    /// Recovery ends the old browser before it takes the action over.
    OldBrowserEndsFirst,
    /// Without an answer the outcome is unknown, not "not sent".
    NoAnswerIsUnknown,
    /// What the page says is no proof: a fresh session looks.
    FreshRead,
    /// What is older than the attempt is not this attempt's object.
    OlderIsAnother,
    /// Reads within the settle window do not count as an absence.
    SettleWindow,
    /// The settle window begins when nothing can leave any more, not at the arm transaction.
    SettleFromTheEnd,
    /// It is over by every clock.
    SettleByEveryClock,
    /// One absent read is no absence.
    TwoAbsentReads,
    /// The kill switch is read once more right before the press. Haste, not safety: the acknowledgement waits anyway.
    LastWord,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 24] = [
        Self::ArmAsksForTheEpoch,
        Self::ArmAsksForTheLease,
        Self::ArmOneUnsettled,
        Self::ArmReadsTheSwitch,
        Self::ArmBeforePress,
        Self::PermitOnce,
        Self::PermitEnds,
        Self::GateLetsOneThrough,
        Self::SessionEndsFirst,
        Self::AckWaits,
        Self::AckByEveryClock,
        Self::StaleByEveryClock,
        Self::OverStaysOver,
        Self::WritesAreFenced,
        Self::AttemptedIsNotQueued,
        Self::OldBrowserEndsFirst,
        Self::NoAnswerIsUnknown,
        Self::FreshRead,
        Self::OlderIsAnother,
        Self::SettleWindow,
        Self::SettleFromTheEnd,
        Self::SettleByEveryClock,
        Self::TwoAbsentReads,
        Self::LastWord,
    ];
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// How much goes wrong, and where.
#[derive(Debug, Clone, Copy)]
pub struct Scope {
    /// Orders of the one account, with the same content; at most two.
    pub actions: u8,
    /// Runners that are killed.
    pub crashes: u8,
    /// Runners that stop for as long as they like, and go on.
    pub pauses: u8,
    /// Browsers that die, and ledgers that fail, whether or not they carried out what was asked.
    pub faults: u8,
    /// Pages that fire their write twice for one press.
    pub double_fires: u8,
    /// Reads of the destination that miss what is there.
    pub stale_reads: u8,
    /// Whether the kill switch may be thrown.
    pub kill: bool,
    /// Whether both runners are on one machine: then one sees at once that the other is dead, and can end its browser.
    pub one_machine: bool,
    /// By how many ticks the clocks are ahead: first runner, second runner, the operator of the kill switch. At most one.
    pub ahead: [i8; 3],
    /// Assumed: a runner does not stop between the gate's look at its clock and the moment at which the write leaves
    /// the machine. For what is confirmed this need not be assumed where both are on one machine: there the old browser
    /// is ended.
    pub no_pause_in_the_gate: bool,
    /// Assumed: what left the machine is to be seen within the settle window, or never.
    pub seen_within_settle: bool,
}

impl Scope {
    /// One action of two machines whose clocks agree, and nothing that goes wrong.
    pub const CALM: Self = Self {
        actions: 1,
        crashes: 0,
        pauses: 0,
        faults: 0,
        double_fires: 0,
        stale_reads: 0,
        kill: false,
        one_machine: false,
        ahead: [0, 0, 0],
        no_pause_in_the_gate: true,
        seen_within_settle: true,
    };
    /// The kill switch is thrown, while a runner stops and another is killed.
    pub const KILL: Self = Self { kill: true, crashes: 1, pauses: 1, ..Self::CALM };
    /// The ledger or a browser fails, while the kill switch is thrown and a runner is killed.
    pub const FAULT: Self = Self { kill: true, faults: 1, crashes: 1, ..Self::CALM };
    /// A runner stops, another is killed, reads miss what is there, and the page fires twice.
    pub const LOOKS: Self = Self { crashes: 1, pauses: 1, stale_reads: 1, double_fires: 1, ..Self::CALM };
}
