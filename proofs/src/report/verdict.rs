//! The outcome in words: the first thing a person reads, so it must neither promise nor frighten more than the facts do.

use crate::manifest::{Found, Manifest};

/// How an outcome is coloured. The words and the symbol say the same without colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// It happened and was seen.
    Good,
    /// Nothing happened yet, or a person is needed.
    Waiting,
    /// Nobody knows yet.
    Unknown,
    /// It did not happen.
    Bad,
}

impl Tone {
    /// The name of its style.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Waiting => "waiting",
            Self::Unknown => "unknown",
            Self::Bad => "bad",
        }
    }

    /// Its sign beside the words.
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Good => "✓",
            Self::Waiting => "‖",
            Self::Unknown => "?",
            Self::Bad => "✕",
        }
    }
}

/// The outcome in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) tone: Tone,
    pub(super) headline: String,
    pub(super) detail: String,
}

/// Puts the outcome of a manifest into words.
pub(super) fn of(manifest: &Manifest) -> Verdict {
    let outcome = &manifest.outcome;
    let verdict = |tone, headline: String, detail: String| Verdict { tone, headline, detail };
    match outcome.state.as_str() {
        "cancelled" => {
            verdict(Tone::Waiting, "Cancelled".into(), "A person took the order back before anything was done.".into())
        }
        _ if is_failed(manifest) => failed(manifest),
        "confirmed_success" | "postcheck_complete" if outcome.proof_level >= 2 => succeeded(manifest),
        "attempted" | "unknown" | "confirmed_success" | "postcheck_complete" => verdict(
            Tone::Unknown,
            "Unknown: it may or may not have happened".into(),
            format!("{} It will not be tried again by itself: {}.", pressed(manifest), what_ends_doubt(manifest)),
        ),
        _ => held(manifest),
    }
}

/// What a proof level means.
pub(super) fn level_in_words(level: u8) -> &'static str {
    match level {
        0 => "queued: nothing was attempted",
        1 => "attempted: the attempt itself is proved",
        2 => "confirmed: the object exists",
        _ => "durable: permalink stored, engagement surface seen",
    }
}

fn is_failed(manifest: &Manifest) -> bool {
    let outcome = &manifest.outcome;
    outcome.state == "confirmed_failed" || (outcome.state == "postcheck_complete" && outcome.error_code.is_some())
}

fn succeeded(manifest: &Manifest) -> Verdict {
    let outcome = &manifest.outcome;
    let (done, seen) = done_and_seen(&manifest.action.action_type);
    let headline = match outcome.visibility.as_deref() {
        Some("pending_review") => format!("{done} once, waiting for the platform’s review"),
        Some("gone") => format!("{done} once, and gone after the platform’s review"),
        _ => format!("{done} once, {seen}"),
    };
    let reads = manifest.verification.len();
    let detail =
        match manifest.verification.iter().rev().find(|read| matches!(read.found, Found::Present | Found::Pending)) {
            Some(read) => format!(
                "Confirmed by a separate, read-only session on {} ({reads} {} in all).",
                day_and_time(&read.at),
                plural(reads, "look", "looks")
            ),
            None => "Confirmed by the platform’s own record.".to_owned(),
        };
    Verdict { tone: Tone::Good, headline, detail }
}

fn failed(manifest: &Manifest) -> Verdict {
    let (headline, detail) = match manifest.outcome.error_code.as_deref() {
        Some("duplicate_content") => (
            "Not done: the same content was already there".to_owned(),
            "It was found on the destination before anything was pressed, so nothing was.".to_owned(),
        ),
        Some("not_found_after_attempt") => (
            "Failed: it is not on the platform".to_owned(),
            format!("{} No look at the destination found it. A new attempt is a new order.", pressed(manifest)),
        ),
        Some(code) => {
            (format!("Failed: {}", in_words(code)), format!("{} It is known not to have happened.", pressed(manifest)))
        }
        None => ("Failed".to_owned(), format!("{} It is known not to have happened.", pressed(manifest))),
    };
    Verdict { tone: Tone::Bad, headline, detail }
}

fn held(manifest: &Manifest) -> Verdict {
    let Some(hold) = &manifest.outcome.hold else {
        let headline = "Not finished".to_owned();
        return Verdict {
            tone: Tone::Waiting,
            headline,
            detail: format!("{} The action is {}.", pressed(manifest), in_words(&manifest.outcome.state)),
        };
    };
    let reason = match hold.reason.as_str() {
        "kill_switch" => "a kill switch is on".to_owned(),
        "approval" | "approval_missing" => "an approval is missing".to_owned(),
        "wrong_account" => "another account was signed in".to_owned(),
        "identity_unproven" => "the account could not be proved".to_owned(),
        "challenge" => "the platform asks for a person".to_owned(),
        "drift" => "the page is no longer the one that was checked".to_owned(),
        "rate_limit" => "the platform asks to slow down".to_owned(),
        "draft" | "draft_mode" => "the account is in draft mode".to_owned(),
        other => in_words(other),
    };
    let end = match &hold.until {
        Some(until) => format!("It goes on at {}.", day_and_time(until)),
        None => "It waits for a person.".to_owned(),
    };
    let detail = format!("{} {} {end}", sentence(&hold.detail), pressed(manifest));
    Verdict { tone: Tone::Waiting, headline: format!("Held: {reason}"), detail: detail.trim().to_owned() }
}

fn what_ends_doubt(manifest: &Manifest) -> String {
    match manifest.verification.len() {
        0 => "a read-only session has to look first".to_owned(),
        reads => format!("{reads} {} at the destination did not settle it yet", plural(reads, "look", "looks")),
    }
}

fn pressed(manifest: &Manifest) -> String {
    match manifest.commit_target.as_ref().and_then(|target| target.pressed_at.as_deref()) {
        Some(at) => format!("It was pressed once, on {}.", day_and_time(at)),
        None if manifest.outcome.proof_level == 0 => "Nothing was pressed.".to_owned(),
        None => "Whether it was pressed is not on record.".to_owned(),
    }
}

/// What was done, and how it shows, by the kind of action.
fn done_and_seen(action_type: &str) -> (&'static str, &'static str) {
    let seen = "seen on the platform";
    match action_type.split('.').next().unwrap_or_default() {
        "publish" => ("Posted", seen),
        "reply" | "comment" => ("Replied", seen),
        "message" | "dm" => ("Sent", seen),
        "like" => ("Liked", seen),
        "follow" => ("Followed", seen),
        "edit" => ("Edited", seen),
        "delete" => ("Deleted", "no longer on the platform"),
        "schedule" => ("Scheduled", seen),
        _ => ("Done", seen),
    }
}

/// A stable code as words.
pub(super) fn in_words(code: &str) -> String {
    code.replace(['_', '-'], " ")
}

/// `2026-11-20T12:00:01.250Z` as `2026-11-20 12:00:01 UTC`; anything else as it is.
pub(super) fn day_and_time(at: &str) -> String {
    match (at.get(..10), at.get(11..19), at.get(19..)) {
        (Some(day), Some(time), Some(rest)) => {
            let zone = rest.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
            let zone = if zone == "Z" { "UTC" } else { zone };
            format!("{day} {time} {zone}")
        }
        _ => at.to_owned(),
    }
}

pub(super) fn plural<'a>(count: usize, one: &'a str, many: &'a str) -> &'a str {
    if count == 1 { one } else { many }
}

/// A remark as a sentence. A name of the recipe at its beginning keeps its spelling.
fn sentence(remark: &str) -> String {
    let remark = remark.trim();
    let first_word = remark.split_whitespace().next().unwrap_or_default();
    let mut letters = remark.chars();
    let Some(first) = letters.next() else { return String::new() };
    let end = if remark.ends_with(['.', '!', '?']) { "" } else { "." };
    if first_word.chars().all(char::is_alphabetic) {
        format!("{}{}{end}", first.to_uppercase(), letters.as_str())
    } else {
        format!("{remark}{end}")
    }
}
