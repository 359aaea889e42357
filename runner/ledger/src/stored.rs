//! Proof that came to a store elsewhere, after the episode was over: the level that was waiting for it, and the warning
//! when it does not come.

use deed_core::ids::ActionId;
use deed_core::ports::ledger::LedgerFault;
use deed_core::state::{Event, State, next};
use deed_core::warning::WarningKind;
use deed_proofs::Sha256;

use crate::SqlLedger;
use crate::audit::tell_action;
use crate::engine::During as _;
use crate::open::{commit, on};
use crate::rows;
use crate::warnings::{self, Occurrence};

/// What came of telling the ledger that a manifest is in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InStore {
    /// The action is at level 3 now.
    Raised,
    /// It changes nothing: the manifest claims less, or is not the one that was sealed last, or the action is there already.
    Nothing,
    /// Somebody works on the action just now: to be told again.
    Later,
}

/// $1 the state after, $2 now, $3 action, $4 the manifest.
const RAISE: &str = "UPDATE actions SET state = $1, proof_level = 3, updated_at = $2
WHERE action_id = $3 AND state = 'confirmed_success' AND manifest_hash = $4 AND worker IS NULL";

impl SqlLedger {
    /// A manifest that claims level 3 was seen in the store: the postcheck is complete, if it is the one that this
    /// ledger was told of when the episode was sealed. The claim is the sealed manifest's; its hash here vouches for
    /// it.
    ///
    /// # Errors
    /// [`LedgerFault::Database`]. An action that is not in this ledger changes nothing.
    pub async fn proof_in_store(&self, id: &ActionId, manifest: Sha256, level: u8) -> Result<InStore, LedgerFault> {
        let what = "keep that the proof is in the store";
        if level < 3 {
            return Ok(InStore::Nothing);
        }
        let mut tx = self.write(what).await?;
        let now = self.now();
        let before = match rows::action(on(&mut tx), id).await {
            Err(LedgerFault::NotFound { .. }) => return Ok(InStore::Nothing),
            found => found?,
        };
        if before.worker.is_some()
            && before.manifest == Some(manifest)
            && before.action.state != State::PostcheckComplete
        {
            return Ok(InStore::Later);
        }
        if before.action.state != State::ConfirmedSuccess || before.manifest != Some(manifest) {
            return Ok(InStore::Nothing);
        }
        let to = next(before.action.state, Event::PostcheckDone)?;
        let done = sqlx::query(RAISE)
            .bind(to.as_str())
            .bind(now.0)
            .bind(id.as_str())
            .bind(manifest.to_string())
            .execute(on(&mut tx))
            .await
            .during(what)?;
        if done.rows_affected() != 1 {
            return Ok(InStore::Later);
        }
        let after = rows::action(on(&mut tx), id).await?;
        // Without the manifest: the line of its sealing names it, and under which episode.
        tell_action(self, on(&mut tx), now, &after, to.as_str(), &[], None).await?;
        commit(tx, what).await?;
        Ok(InStore::Raised)
    }

    /// Proof does not get to the store.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn warn_of_upload(&self, action: Option<&ActionId>, detail: &str) -> Result<(), LedgerFault> {
        let what = "warn of proof that waits";
        let mut tx = self.write(what).await?;
        let known = match action {
            Some(id) => rows::action(on(&mut tx), id).await.is_ok(),
            None => false,
        };
        // Everybody's: the store is one for all.
        let occurrence = Occurrence {
            kind: WarningKind::ProofUpload,
            client: None,
            account: None,
            action: action.filter(|_| known),
            detail,
        };
        warnings::record(self, on(&mut tx), self.now(), occurrence).await?;
        commit(tx, what).await
    }
}
