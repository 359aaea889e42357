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

/// Whom the page of a target leads to another one's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Led {
    /// Nobody.
    #[default]
    Nobody,
    /// Who acts.
    Actor,
    /// Who only reads.
    Reader,
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
    /// The same, of sessions that only read.
    pub reader_page: Option<(u32, PageFault)>,
    /// Whom the page of the order's target leads to another one's.
    pub led: Led,
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
    /// A look at what became of the write is answered by a replica that is behind; the look after it is not.
    pub old_read: bool,
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

    /// In words, for who reads a story. Empty: nothing goes wrong.
    pub fn words(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        words.extend(self.page.map(|(call, fault)| format!("{} at call {call}", fault.words())));
        words.extend(
            self.reader_page
                .map(|(call, fault)| format!("{} at call {call} of a session that only reads", fault.words())),
        );
        words.extend(self.drift.map(|drift| drift.words().to_owned()));
        words.extend(self.profile.words().map(str::to_owned));
        words
            .extend(self.switched.map(|call| format!("somebody else is signed in, in another window, at call {call}")));
        if self.restores > 0 {
            words.push(format!("an old draft comes back {} times after typing", self.restores));
        }
        for (so, what) in [
            (self.led == Led::Actor, "the target's page leads to another one"),
            (self.led == Led::Reader, "the target's page leads who only reads to another one"),
            (self.home_silent, "the server does not say in time whose session it is"),
            (self.restores_late, "an old draft comes back right before the press"),
            (self.swapped_late, "another button stands there right before the press"),
            (self.captcha_late, "a captcha comes right before the press"),
            (self.stale_list, "the list that is asked for duplicates is an old one"),
            (self.old_read, "a look is answered by a replica that is an hour behind"),
            (self.twice, "the page fires its write twice"),
            (self.echoed, "somebody else makes the same right after"),
            (self.killed_late, "the switch of everything is thrown right before the last word"),
        ] {
            if so {
                words.push(what.to_owned());
            }
        }
        if self.slow_look_ms > 0 {
            words.push(format!("the last look before the press takes {} ms", self.slow_look_ms));
        }
        words.extend(self.press.words());
        words.extend(self.write.words());
        words.extend(self.sneaks.map(|call| format!("the page fires its write by itself at call {call}")));
        if self.shown_milli > 0 {
            words.push(format!("what was made shows after {} % of the settle window", self.shown_milli / 10));
        }
        words.join("; ")
    }
}

impl PageFault {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Captcha => "a captcha",
            Self::Checkpoint => "a checkpoint",
            Self::SignedOut => "signed out",
            Self::RateLimit => "a rate limit",
            Self::ServerError => "status 503",
            Self::NotThere => "the server is not there",
            Self::Timeout => "the page does not answer in time",
            Self::TabCrash => "the tab crashes",
            Self::BrowserGone => "the browser is gone",
        }
    }
}

impl Drift {
    const fn words(self) -> &'static str {
        match self {
            Self::LandmarkGone => "a landmark of the composer is gone",
            Self::Dissent => "one locator of the commit names another button",
            Self::Outvoted => "all locators of the commit but one name another button",
            Self::Lonely => "only one locator of the commit finds anything, and that is another button",
            Self::Swapped => "all locators of the commit name another button",
        }
    }
}

impl Profile {
    const fn words(self) -> Option<&'static str> {
        match self {
            Self::Right => None,
            Self::Other => Some("somebody else is signed in, and the profile is theirs"),
            Self::Public => Some("somebody else is signed in, and the profile is the right one's public page"),
            Self::NameOnly => Some("somebody else of the same name is signed in, and only the name is shown"),
            Self::SwitcherSays => Some("somebody else is signed in, and only the switcher says so"),
        }
    }
}

impl PressFault {
    fn words(self) -> Option<String> {
        match self {
            Self::None => None,
            Self::NoAck(ms) => Some(format!("the press is not acknowledged, and the page reacts after {ms} ms")),
            Self::Lost => Some("the press is not acknowledged, and the page never reacts".to_owned()),
            Self::Ignored => Some("the page takes the press and does nothing".to_owned()),
            Self::Slow(ms) => Some(format!("the page makes its request {ms} ms late")),
        }
    }
}

impl WriteFault {
    /// In words; `None`: it is made and answered.
    pub fn words(self) -> Option<String> {
        let words = match self {
            Self::None => return None,
            Self::RequestLost => "the request is lost",
            Self::ResponseLost => "the answer is lost",
            Self::ErrorAfter => "made, and answered with 500",
            Self::ErrorBefore => "not made, and answered with 500",
            Self::TooMany => "not made, and answered with 429",
            Self::NothingMade => "answered as made, and nothing is",
            Self::Swallowed => "answered as made; there is an older one of the same content instead",
            Self::Pending => "made, and waits for review",
            Self::Late(ms) => return Some(format!("answered after {ms} ms")),
        };
        Some(words.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_of_a_story_is_a_name_of_the_code() {
        let mut dice = Dice::new(7);
        assert_eq!(Luck::default().words(), "");
        for _ in 0..2_000 {
            let words = Luck::draw(&mut dice, 500_000).words();
            assert!(!words.contains(['{', '_', '(']), "{words}");
        }
    }
}
