//! An action as a person and a script see it: where it stands, why, what proves it, what to do next.

use std::path::{Path, PathBuf};

use deed_core::hold::Failure;
use deed_core::review;
use deed_core::state::State;
use deed_ledger::ActionDetails;
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::ui::{Answer, Facts, Paint, Tone};

/// How a failure is told.
fn failure_words(failure: Failure) -> &'static str {
    match failure {
        Failure::DuplicateContent => "the content was on the destination before; nothing was clicked",
        Failure::NotSent => {
            "proved: no input left this machine; file it again with another idempotency key to try again"
        }
        Failure::NotFoundAfterAttempt => {
            "attempted, and absent in agreeing reads after the settle window; trying again is a new order by a person"
        }
    }
}

/// The first word of an outcome, and how it is meant.
pub fn headline(details: &ActionDetails) -> (String, Tone) {
    match details.action.state {
        State::PostcheckComplete => ("done: it is there, with permalink and engagement surface".to_owned(), Tone::Good),
        State::ConfirmedSuccess if details.object.visibility.as_deref() == Some(review::PENDING) => {
            ("done: it is there, waiting for the platform's review".to_owned(), Tone::Good)
        }
        State::ConfirmedSuccess if details.object.visibility.as_deref() == Some(review::GONE) => {
            ("done, and gone: it waited for the platform's review and is not there any more".to_owned(), Tone::Warn)
        }
        State::ConfirmedSuccess => ("done: it is there".to_owned(), Tone::Good),
        State::ConfirmedFailed => {
            (format!("failed: {}", details.failure.map_or("it is not there", Failure::as_str)), Tone::Bad)
        }
        State::Unknown | State::Attempted => {
            ("unknown: it may have happened; verification is not finished".to_owned(), Tone::Warn)
        }
        State::Cancelled => ("cancelled by a person; nothing was sent".to_owned(), Tone::Warn),
        State::Queued | State::PreflightPassed | State::IdentityVerified => match (&details.hold, &details.worker) {
            (Some(hold), _) => (format!("held: {}; nothing was sent", hold.reason.as_str()), Tone::Warn),
            (None, Some(_)) => ("a runner works on it".to_owned(), Tone::Faint),
            (None, None) if details.waits_for > 0 => {
                ("queued: it waits for another action; nothing was sent yet".to_owned(), Tone::Faint)
            }
            (None, None) => ("queued: nothing was sent yet".to_owned(), Tone::Faint),
        },
    }
}

/// What to do next, when there is something.
fn remedy(details: &ActionDetails) -> Option<String> {
    match details.action.state {
        State::ConfirmedFailed => details.failure.map(|f| failure_words(f).to_owned()),
        State::Unknown if details.verify_at.is_none() && details.worker.is_none() => Some(
            "looking did not find out: look at the platform yourself, then `deed queue resolve ACTION --posted|--absent --reason …`; \
             or run the same order again: it only looks"
                .to_owned(),
        ),
        State::Unknown | State::Attempted => {
            Some("run the same order again, or `deed work --until-idle`: it only looks, and finds out".to_owned())
        }
        State::Queued | State::PreflightPassed | State::IdentityVerified => {
            details.hold.as_ref().map(|hold| hold.reason.remedy().to_owned())
        }
        State::ConfirmedSuccess => match (details.object.visibility.as_deref(), details.verify_at) {
            (Some(review::PENDING), Some(_)) => {
                Some("`deed work` looks at the time above whether it is public; the same order again looks now".to_owned())
            }
            (Some(review::PENDING), None) => {
                Some("no worker looks again by itself: look yourself; the same order again only looks".to_owned())
            }
            (Some(review::GONE), _) => {
                Some("look at the platform why; to try again, file it with another idempotency key".to_owned())
            }
            _ => None,
        },
        State::PostcheckComplete | State::Cancelled => None,
    }
}

/// The report of an action's last episode, when there is one.
pub fn report(details: &ActionDetails, proofs: &Path) -> Option<PathBuf> {
    let episode = details.action.episode.as_ref()?;
    let report = proofs.join("episodes").join(episode.as_str()).join("report.html");
    report.exists().then_some(report)
}

/// What a script gets: everything but the message's text, with the names of the audit event.
pub fn to_json(details: &ActionDetails, proofs: &Path) -> Value {
    let action = &details.action;
    json!({
        "action_id": action.id,
        "episode_id": action.episode,
        "client_id": action.client,
        "platform": action.platform,
        "platform_account_id": action.account,
        "lane": action.lane,
        "action_type": action.payload.action_type,
        "payload_hash": action.payload.hash(),
        "idempotency_key": action.idempotency_key,
        "experiment_id": action.experiment_id,
        "variant_id": action.variant_id,
        "state": action.state,
        "hold": details.hold.as_ref().map(|h| json!({
            "reason": h.reason,
            "detail": h.detail,
            "until": h.until.map(|u| u.to_string()),
            "remedy": h.reason.remedy(),
        })),
        "error_code": details.failure.map(Failure::as_str),
        "proof_level": details.proof_level,
        "platform_object_id": details.object.platform_object_id,
        "permalink": details.object.permalink,
        "visibility": details.object.visibility,
        "http_status": details.object.http_status,
        "identity_ok": details.identity_ok,
        "attempted_at": action.attempted_at.map(|t| t.to_string()),
        "created_at": details.created_at.to_string(),
        "updated_at": details.updated_at.to_string(),
        "priority": details.priority,
        "not_before": Some(details.not_before).filter(|t| t.0 > 0).map(|t| t.to_string()),
        "batch": details.batch,
        "verify_at": details.verify_at.map(|t| t.to_string()),
        "manifest": details.manifest,
        "report": report(details, proofs),
        "exit": Exit::of_state(action.state).code(),
    })
}

/// What a person gets.
pub fn to_text(details: &ActionDetails, account: &str, proofs: &Path, paint: Paint) -> String {
    let (headline, tone) = headline(details);
    let hold = details.hold.as_ref();
    let level = match details.proof_level {
        0 => "0 (nothing attempted)",
        1 => "1 (attempted)",
        2 => "2 (it exists)",
        _ => "3 (it lasts: permalink stored, engagement surface seen)",
    };
    let facts = Facts::default()
        .with("action", format!("{} {}", details.action.payload.action_type, details.action.id))
        .with("account", account)
        .maybe("why", hold.map(|h| &h.detail))
        .maybe("until", hold.and_then(|h| h.until))
        .maybe("not before", Some(details.not_before).filter(|t| t.0 > 0))
        .maybe("batch", details.batch.as_ref())
        .maybe("next look", details.verify_at)
        .maybe("attempted", details.action.attempted_at)
        .maybe("object", details.object.platform_object_id.as_ref())
        .maybe("permalink", details.object.permalink.as_ref())
        .with("level", level)
        .maybe("proof", report(details, proofs).map(|r| r.display().to_string()))
        .maybe("help", remedy(details));
    format!("{}\n{}", paint.tone(tone, &headline), facts.render())
}

/// The stored outcome of an action as a command's answer; the exit code is that of its state.
pub fn answer(details: &ActionDetails, account: &str, proofs: &Path, paint: Paint) -> Answer {
    Answer {
        exit: Exit::of_state(details.action.state),
        data: to_json(details, proofs),
        text: to_text(details, account, proofs, paint),
    }
}
