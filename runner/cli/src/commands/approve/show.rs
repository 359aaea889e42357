//! What approvers look at: what would be sent, as whom, its picture, who decided; and whether every signature holds.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use deed_core::approval::ApprovalStanding;
use deed_core::ids::ActionId;
use deed_ledger::{ApprovalRequest, GivenApproval};
use deed_proofs::Store as _;
use serde_json::{Value, json};

use super::{Present, present};
use crate::context::{Context, account_name};
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui::{Answer, Facts, Tone, table};

/// One action in full. `picture` is where a copy of the composer's picture is written; one that is there is not overwritten.
///
/// # Errors
/// An unknown action, a picture that can not be read or written.
pub async fn run(id: &ActionId, picture: Option<&Path>, context: &Context) -> Result<Answer, CliError> {
    let ledger = context.ledger().await?;
    let present = present(id, &ledger, context).await?;
    let standing = ledger.approvals(id, &present.need).await?;
    let request = ledger.approval_request(id).await?;
    let given = ledger.approvals_given(id).await?;
    let shown = match &request {
        Some(request) => {
            let proofs = context.proofs()?;
            // Read and checked: people must not approve a picture that was changed.
            let bytes = proofs.store().get(&request.screenshot.sha256)?;
            if let Some(path) = picture {
                export(path, &bytes).map_err(CliError::file("write the picture", path))?;
            }
            let kept = proofs.store().object_path(&request.screenshot.sha256);
            Some(picture.map_or(kept, Path::to_owned))
        }
        None => None,
    };
    let text = to_text(&present, &standing, request.as_ref(), shown.as_deref(), &given, context);
    let content = &present.details.action.payload.content;
    let data = json!({
        "action_id": id,
        "state": present.details.action.state,
        "action_type": present.details.action.payload.action_type,
        "account": { "id": present.account.id, "handle": present.account.fingerprint.handle, "client": present.account.client },
        "target": present.details.action.payload.target,
        "text": content.text,
        "title": content.title,
        "scheduled_at": content.scheduled_at.map(|at| at.to_string()),
        "media": content.media.iter().map(|m| json!({ "path": m.path, "sha256": m.sha256 })).collect::<Vec<_>>(),
        "filed_by": present.details.filed_by,
        "risk": present.need.risk,
        "needed": present.need.needed,
        "binding": present.need.binding,
        "revision": request.as_ref().map(|r| r.revision),
        "current": standing.is_current,
        "picture": shown,
        "approved_by": standing.approved_by,
        "rejected_by": standing.rejected_by,
        "enough": standing.meets(&present.need),
        "decisions": given.iter().map(to_json).collect::<Vec<_>>(),
    });
    Ok(Answer::done(data, text))
}

fn export(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)
}

fn to_text(
    present: &Present,
    standing: &ApprovalStanding,
    request: Option<&ApprovalRequest>,
    picture: Option<&Path>,
    given: &[GivenApproval],
    context: &Context,
) -> String {
    let (action, need) = (&present.details.action, &present.need);
    let content = &action.payload.content;
    let met = standing.meets(need);
    let headline = context.ui.out.tone(if met { Tone::Good } else { Tone::Warn }, &standing.words(&action.id, need));
    let mut facts = Facts::default()
        .with("action", &action.id)
        .with("as", account_name(&present.account))
        .with("does", &action.payload.action_type)
        .maybe("at", action.payload.target.as_ref())
        .maybe("title", content.title.as_ref())
        .with("text", &content.text)
        .maybe("when", content.scheduled_at);
    for media in &content.media {
        facts = facts.with("media", &media.path);
    }
    let facts = facts
        .with("risk", format!("{}: {} must approve", need.risk.as_str(), need.needed))
        .maybe("filed by", present.details.filed_by.as_ref())
        .maybe("revision", request.map(|r| r.revision))
        .maybe("picture", picture.map(|p| p.display().to_string()));
    let mut text = format!("{headline}\n{}", facts.render());
    if !given.is_empty() {
        let rows: Vec<_> = given.iter().map(row).collect();
        text.push_str(&table(&["REVISION", "WHO", "DECISION", "AT", "SIGNATURE"], &rows, context.ui.out));
    }
    text
}

fn row(given: &GivenApproval) -> Vec<String> {
    let signature = match (given.verifies, given.revoked) {
        (true, false) => "holds",
        (true, true) => "holds, revoked",
        (false, _) => "does not hold",
    };
    vec![
        given.revision.to_string(),
        given.approver.clone(),
        given.decision.as_str().to_owned(),
        given.at.to_string(),
        signature.to_owned(),
    ]
}

fn to_json(given: &GivenApproval) -> Value {
    json!({
        "approver": given.approver,
        "revision": given.revision,
        "binding": given.binding,
        "decision": given.decision,
        "handle_typed": given.handle_typed,
        "at": given.at.to_string(),
        "statement": given.statement,
        "signature": given.signature,
        "public_key": given.public_key,
        "revoked": given.revoked,
        "verifies": given.verifies,
    })
}

/// The open requests.
///
/// # Errors
/// The ledger's.
pub async fn list(limit: u32, context: &Context) -> Result<Answer, CliError> {
    let ledger = context.ledger().await?;
    let open = ledger.open_approvals(limit).await?;
    if open.is_empty() {
        context.ui.say("nothing waits for approval");
        return Ok(Answer::done(json!([]), ""));
    }
    let (mut rows, mut data) = (Vec::new(), Vec::new());
    for (request, standing) in &open {
        let who = if standing.rejected_by.is_empty() { &standing.approved_by } else { &standing.rejected_by };
        let said = if standing.rejected_by.is_empty() { "" } else { "rejected: " };
        rows.push(vec![
            request.created_at.to_string(),
            request.risk.as_str().to_owned(),
            format!("{} of {}", standing.have(), request.needed),
            if who.is_empty() { "-".to_owned() } else { format!("{said}{}", who.join(", ")) },
            request.revision.to_string(),
            request.action.to_string(),
        ]);
        data.push(json!({
            "action_id": request.action,
            "revision": request.revision,
            "risk": request.risk,
            "needed": request.needed,
            "approved_by": standing.approved_by,
            "rejected_by": standing.rejected_by,
            "requested_by": request.requested_by,
            "requested_at": request.created_at.to_string(),
        }));
    }
    let head = ["ASKED", "RISK", "APPROVED", "WHO", "REVISION", "ACTION"];
    Ok(Answer::done(json!(data), table(&head, &rows, context.ui.out)))
}

/// Checks every signature of an action. One that does not hold is an answer with its own exit code.
///
/// # Errors
/// An unknown action, the ledger's.
pub async fn verify(id: &ActionId, context: &Context) -> Result<Answer, CliError> {
    let ledger = context.ledger().await?;
    ledger.action_details(id).await?;
    let given = ledger.approvals_given(id).await?;
    let bad = given.iter().filter(|g| !g.verifies).count();
    let (exit, tone, headline) = match (given.len(), bad) {
        (0, _) => (Exit::Done, Tone::Faint, "nobody decided about this action".to_owned()),
        (all, 0) => (Exit::Done, Tone::Good, format!("all {all} signatures hold")),
        (all, bad) => (Exit::Integrity, Tone::Bad, format!("{bad} of {all} signatures do not hold")),
    };
    let mut text = context.ui.out.tone(tone, &headline);
    if !given.is_empty() {
        let rows: Vec<_> = given.iter().map(row).collect();
        text.push('\n');
        text.push_str(&table(&["REVISION", "WHO", "DECISION", "AT", "SIGNATURE"], &rows, context.ui.out));
    }
    let decisions: Vec<_> = given.iter().map(to_json).collect();
    let data = json!({ "action_id": id, "holds": bad == 0, "decisions": decisions, "exit": exit.code() });
    Ok(Answer { exit, data, text })
}
