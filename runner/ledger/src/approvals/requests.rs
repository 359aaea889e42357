//! What approvers are asked: one revision after another, each with a picture of the filled composer.

use deed_core::approval::{ApprovalNeed, ApprovalStanding, Risk};
use deed_core::ids::{ActionId, EpisodeId};
use deed_core::ports::ledger::LedgerFault;
use deed_core::time::Timestamp;
use deed_proofs::{ArtifactRef, Sha256};
use serde::Serialize;

use super::{ApprovalError, open_for_decisions, standing};
use crate::acts::{Act, check_by};
use crate::audit::{Subject, tell_act};
use crate::engine::{Conn, During as _, Row};
use crate::open::{commit, on};
use crate::records::{Columns as _, unreadable};
use crate::{LedgerError, SqlLedger, rows};

/// What is asked, before it has a revision.
#[derive(Debug, Clone)]
pub struct NewApprovalRequest {
    /// Of which action.
    pub action: ActionId,
    /// What it needs now.
    pub need: ApprovalNeed,
    /// The filled composer, durable in the proof store.
    pub screenshot: ArtifactRef,
    /// The rehearsal that saw it.
    pub episode: EpisodeId,
}

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApprovalRequest {
    /// Of which action.
    pub action: ActionId,
    /// From 1; a higher one takes the place of those before it.
    pub revision: u32,
    /// What an approval of it is bound to.
    pub binding: Sha256,
    /// The risk when it was asked.
    pub risk: Risk,
    /// How many people, when it was asked.
    pub needed: u32,
    /// The filled composer.
    pub screenshot: ArtifactRef,
    /// The rehearsal that saw it.
    pub episode: EpisodeId,
    /// Who asked.
    pub requested_by: String,
    /// When.
    pub created_at: Timestamp,
}

impl ApprovalRequest {
    /// What was needed when it was asked.
    pub fn need(&self) -> ApprovalNeed {
        ApprovalNeed { needed: self.needed, risk: self.risk, binding: self.binding }
    }

    fn read(row: &Row) -> Result<Self, LedgerFault> {
        Ok(Self {
            action: ActionId::new(row.text("action_id")?),
            revision: small(row, "revision")?,
            binding: row.parsed("binding", |text| text.parse().ok())?,
            risk: row.parsed("risk", Risk::parse)?,
            needed: small(row, "needed")?,
            screenshot: row.parsed("screenshot", |json| serde_json::from_str(json).ok())?,
            episode: EpisodeId::new(row.text("episode_id")?),
            requested_by: row.text("requested_by")?,
            created_at: row.time("created_at")?,
        })
    }
}

/// A number that is never large.
pub(super) fn small(row: &Row, column: &'static str) -> Result<u32, LedgerFault> {
    let number = row.number(column)?;
    u32::try_from(number).map_err(|_| unreadable(column, &number.to_string()))
}

impl SqlLedger {
    /// Asks the approvers, under the next revision. What was approved under an earlier one does not count any more; who rejected
    /// exactly this still does until they say otherwise.
    ///
    /// # Errors
    /// [`ApprovalError::Closed`], [`ApprovalError::NotAsked`] when nobody has to approve; [`LedgerFault::NotFound`];
    /// [`LedgerError::Missing`].
    pub async fn request_approval(&self, new: &NewApprovalRequest, by: &str) -> Result<ApprovalRequest, LedgerError> {
        let what = "ask for approval";
        check_by(by)?;
        let mut tx = self.write(what).await?;
        let now = self.now();
        let details = rows::action(on(&mut tx), &new.action).await?;
        open_for_decisions(&details)?;
        if new.need.needed == 0 {
            let why = "nobody has to approve this action";
            return Err(ApprovalError::NotAsked { action: new.action.clone(), why }.into());
        }
        let screenshot = serde_json::to_string(&new.screenshot).map_err(|error| LedgerFault::Database {
            what: what.to_owned(),
            why: error.to_string(),
            code: "ledger-database",
        })?;
        let revision = latest(on(&mut tx), &new.action).await?.map_or(0, |r| r.revision) + 1;
        sqlx::query(
            "INSERT INTO approval_requests
             (action_id, revision, binding, risk, needed, screenshot, episode_id, requested_by, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(new.action.as_str())
        .bind(i64::from(revision))
        .bind(new.need.binding.to_string())
        .bind(new.need.risk.as_str())
        .bind(i64::from(new.need.needed))
        .bind(screenshot)
        .bind(new.episode.as_str())
        .bind(by)
        .bind(now.0)
        .execute(on(&mut tx))
        .await
        .during(what)?;
        let said = serde_json::json!({
            "act": "approval_requested", "action": new.action, "revision": revision, "need": new.need,
            "screenshot": new.screenshot.sha256, "rehearsal": new.episode,
        });
        let subject = Subject { action: Some(&details), ..Subject::default() };
        tell_act(self, on(&mut tx), now, subject, "approval_requested", &Act::new(by, None, &said)).await?;
        let request = latest(on(&mut tx), &new.action).await?;
        commit(tx, what).await?;
        request.ok_or_else(|| LedgerFault::NotFound { what: "approval request", id: new.action.to_string() }.into())
    }

    /// The latest request of an action.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn approval_request(&self, action: &ActionId) -> Result<Option<ApprovalRequest>, LedgerFault> {
        let mut conn = self.read("read an approval request").await?;
        latest(&mut conn, action).await
    }

    /// The latest request of each action that was not attempted yet, the oldest first, and how it stands by what was asked then.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn open_approvals(&self, limit: u32) -> Result<Vec<(ApprovalRequest, ApprovalStanding)>, LedgerFault> {
        let what = "list the approval requests";
        let mut conn = self.read(what).await?;
        let rows = sqlx::query(
            "SELECT r.* FROM approval_requests r JOIN actions a ON a.action_id = r.action_id
             WHERE a.state IN ('queued', 'preflight_passed', 'identity_verified')
               AND r.revision = (SELECT max(l.revision) FROM approval_requests l WHERE l.action_id = r.action_id)
             ORDER BY r.created_at, r.action_id LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(&mut *conn)
        .await
        .during(what)?;
        let mut open = Vec::new();
        for row in &rows {
            let request = ApprovalRequest::read(row)?;
            let standing = standing(&mut conn, &request.action, &request.need()).await?;
            open.push((request, standing));
        }
        Ok(open)
    }
}

/// The latest request of an action.
pub(super) async fn latest(conn: &mut Conn, action: &ActionId) -> Result<Option<ApprovalRequest>, LedgerFault> {
    let row = sqlx::query("SELECT * FROM approval_requests WHERE action_id = $1 ORDER BY revision DESC LIMIT 1")
        .bind(action.as_str())
        .fetch_optional(conn)
        .await
        .during("read an approval request")?;
    row.as_ref().map(ApprovalRequest::read).transpose()
}
