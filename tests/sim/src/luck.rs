//! What goes wrong in an episode: drawn when its session opens, or fixed for the exhaustive runs.

use crate::dice::Dice;

/// What a page does instead of what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageFault {
    /// A captcha stands there.
    Captcha,
    /// The platform wants the account confirmed.
    Checkpoint,
    /// The session is signed out.
    SignedOut,
    /// Status 429, with a time to wait.
    RateLimit,
    /// Status 503.
    ServerError,
    /// The server is not there.
    NotThere,
    /// The call's bound is reached.
    Timeout,
    /// The tab crashes.
    TabCrash,
    /// The browser is gone.
    BrowserGone,
}

/// How the layout moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drift {
    /// A landmark of the composing page is not there.
    LandmarkGone,
    /// One locator of the commit names another button.
    Dissent,
    /// All but one name another button.
    Outvoted,
    /// Only one locator of the commit finds anything, and that is another button.
    Lonely,
    /// All of them name another button.
    Swapped,
}

/// What the profile shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// The right account, all of it.
    #[default]
    Right,
    /// Somebody else is signed in, and the page is that one's.
    Other,
    /// Somebody else is signed in, and the page is the right one's public profile.
    Public,
    /// Somebody else is signed in; their page shows no handle and no switcher, and the same name.
    NameOnly,
    /// Somebody else is signed in: the switcher says so, handle and name are of the right one.
    SwitcherSays,
}

/// What comes of the press.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PressFault {
    /// The page reacts at once.
    #[default]
    None,
    /// No acknowledgement comes; the page reacts after so many milliseconds, perhaps when nobody waits any more.
    NoAck(i64),
    /// No acknowledgement comes, and the page never reacts.
    Lost,
    /// The page takes the input and does nothing.
    Ignored,
    /// The page makes its request so many milliseconds late.
    Slow(i64),
}

/// What comes of the write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WriteFault {
    /// It is made and answered.
    #[default]
    None,
    /// The request does not arrive.
    RequestLost,
    /// The answer does not arrive.
    ResponseLost,
    /// It is made, and answered with 500.
    ErrorAfter,
    /// It is not made, and answered with 500.
    ErrorBefore,
    /// Not made: 429.
    TooMany,
    /// Answered as made, and nothing is.
    NothingMade,
    /// Answered as made; there is an older one with the same content, which is all that there is.
    Swallowed,
    /// Made, and waits for review.
    Pending,
    /// Answered after so many milliseconds.
    Late(i64),
}

/// What goes wrong in one episode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Luck {
    /// At which call of the browser, and what.
    pub page: Option<(u32, PageFault)>,
    /// What moved.
    pub drift: Option<Drift>,
    /// What the profile shows.
    pub profile: Profile,
    /// At which call of the browser somebody else is signed in, in another window.
    pub switched: Option<u32>,
    /// The server does not say in time whose session it is.
    pub home_silent: bool,
    /// The page puts an old draft into the editor, so many times, right after it was typed into.
    pub restores: u32,
    /// It does so once more right before the press.
    pub restores_late: bool,
    /// Another button stands where the commit stood, right before the press.
    pub swapped_late: bool,
    /// A captcha comes right before the press.
    pub captcha_late: bool,
    /// The list that is asked for duplicates is an old one.
    pub stale_list: bool,
    /// The last look before the press takes so long.
    pub slow_look_ms: i64,
    /// What comes of the press.
    pub press: PressFault,
    /// What comes of the write.
    pub write: WriteFault,
    /// The page fires its write twice.
    pub twice: bool,
    /// The page fires a declared write by itself, at this call of the browser.
    pub sneaks: Option<u32>,
    /// Somebody else puts the same content there right after the write.
    pub echoed: bool,
    /// How long it takes until it is shown, in thousandths of the recipe's settle window.
    pub shown_milli: i64,
    /// The switch of everything is thrown right before the last word is asked for.
    pub killed_late: bool,
}

impl Luck {
    /// Drawn: so often in a million something goes wrong with each part.
    pub fn draw(dice: &mut Dice, often: u64) -> Self {
        let mut luck =
            Self { shown_milli: if dice.chance(300_000) { dice.between(0, 1000) } else { 0 }, ..Self::default() };
        if dice.chance(often) {
            let faults = [
                PageFault::Captcha,
                PageFault::Checkpoint,
                PageFault::SignedOut,
                PageFault::RateLimit,
                PageFault::ServerError,
                PageFault::NotThere,
                PageFault::Timeout,
                PageFault::TabCrash,
                PageFault::BrowserGone,
            ];
            luck.page = Some((u32::try_from(dice.below(40)).unwrap_or(0), dice.one(&faults, PageFault::Timeout)));
        }
        if dice.chance(often / 2) {
            let drifts = [Drift::LandmarkGone, Drift::Dissent, Drift::Outvoted, Drift::Lonely];
            luck.drift = Some(dice.one(&drifts, Drift::Dissent));
        }
        if dice.chance(often / 2) {
            let profiles = [Profile::Other, Profile::Public, Profile::NameOnly, Profile::SwitcherSays];
            luck.profile = dice.one(&profiles, Profile::Other);
        }
        if dice.chance(often / 2) {
            luck.switched = u32::try_from(dice.below(40)).ok();
        }
        luck.home_silent = dice.chance(often / 8);
        luck.restores = if dice.chance(often / 4) { u32::try_from(dice.between(1, 4)).unwrap_or(1) } else { 0 };
        luck.restores_late = dice.chance(often / 6);
        luck.swapped_late = dice.chance(often / 8);
        luck.captcha_late = dice.chance(often / 8);
        luck.stale_list = dice.chance(often / 4);
        luck.slow_look_ms = if dice.chance(often / 4) { dice.between(1_000, 20_000) } else { 0 };
        if dice.chance(often) {
            luck.press = match dice.below(4) {
                0 => PressFault::NoAck(dice.between(0, 40_000)),
                1 => PressFault::Lost,
                2 => PressFault::Ignored,
                _ => PressFault::Slow(dice.between(100, 20_000)),
            };
        }
        if dice.chance(often.saturating_mul(2)) {
            luck.write = match dice.below(9) {
                0 => WriteFault::RequestLost,
                1 => WriteFault::ResponseLost,
                2 => WriteFault::ErrorAfter,
                3 => WriteFault::ErrorBefore,
                4 => WriteFault::TooMany,
                5 => WriteFault::NothingMade,
                6 => WriteFault::Swallowed,
                7 => WriteFault::Pending,
                _ => WriteFault::Late(dice.between(500, 30_000)),
            };
        }
        luck.twice = dice.chance(often / 2);
        luck.sneaks = if dice.chance(often / 3) { u32::try_from(dice.below(40)).ok() } else { None };
        luck.echoed = dice.chance(often / 2);
        luck.killed_late = dice.chance(often / 8);
        luck
    }
}
