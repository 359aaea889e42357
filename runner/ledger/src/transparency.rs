//! The audit log as a log that a stranger can check: its Merkle tree, its signed checkpoints, proofs of its rows.
//!
//! Owns how the tree grows (every complete subtree is kept, so that a checkpoint hashes only the rows that came since the last one) and
//! which checkpoints there are. Row `seq` is leaf `seq - 1`, its bytes are `event_json`. Never holds a key: the caller signs. What is
//! kept here only saves reading; [`SqlLedger::audit_verify_against`] hashes every row anew.

use deed_core::ids::ActionId;
use deed_core::ports::ledger::LedgerFault;
use deed_core::time::Timestamp;
use deed_proofs::log::{
    AuditBundle, Checkpoint, Frontier, NodePlace, ProvedRow, SignedCheckpoint, consistency_ranges, fold,
    inclusion_ranges, leaf_hash, perfect_nodes, verify_consistency,
};
use deed_proofs::{KeyHistory, Sha256, SigningKey};
use serde::Serialize;

use crate::SqlLedger;
use crate::engine::{Conn, During as _};
use crate::open::{commit, on};
use crate::records::{Columns as _, unreadable};

/// Rows that are hashed in one transaction: while it lasts, nothing else is written.
const ROWS_AT_ONCE: u64 = 200;

/// A checkpoint of the audit log, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditCheckpoint {
    /// How many rows.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Sha256,
    /// Its text, a signed note.
    pub note: String,
    /// When it was made.
    pub made_at: Timestamp,
}

/// How far the log is ahead of its last checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Uncovered {
    /// Rows that no checkpoint covers.
    pub rows: u64,
    /// When the last checkpoint was made, where there is one.
    pub since: Option<Timestamp>,
}

/// One line of the audit log as bytes, for whoever checks it elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditLineBytes {
    /// Its place, from 1.
    pub seq: u64,
    /// The bytes of the event: what `hash` and `leaf_hash` are over.
    pub event: String,
    /// The hash of the line before, in the chain.
    pub previous_hash: String,
    /// Its own in the chain.
    pub hash: String,
    /// Its hash as a leaf of the tree (RFC 6962).
    pub leaf_hash: Sha256,
}

/// The log is not the one that it was.
fn broken(why: String) -> LedgerFault {
    LedgerFault::Database { what: "make a checkpoint of the audit log".to_owned(), why, code: "audit-broken" }
}

fn unsigned(number: i64) -> Result<u64, LedgerFault> {
    u64::try_from(number).map_err(|_| unreadable("seq", &number.to_string()))
}

fn signed(number: u64) -> Result<i64, LedgerFault> {
    i64::try_from(number).map_err(|_| unreadable("seq", &number.to_string()))
}

/// How many rows the kept tree has.
async fn grown(conn: &mut Conn) -> Result<u64, LedgerFault> {
    let what = "read the audit log's tree";
    let row = sqlx::query("SELECT idx FROM audit_nodes WHERE level = 0 ORDER BY idx DESC LIMIT 1");
    match row.fetch_optional(conn).await.during(what)? {
        Some(row) => Ok(unsigned(row.number("idx")?)? + 1),
        None => Ok(0),
    }
}

async fn nodes(conn: &mut Conn, places: &[NodePlace]) -> Result<Vec<Sha256>, LedgerFault> {
    let what = "read the audit log's tree";
    let mut hashes = Vec::with_capacity(places.len());
    for place in places {
        let row = sqlx::query("SELECT hash FROM audit_nodes WHERE level = $1 AND idx = $2")
            .bind(i64::from(place.level))
            .bind(signed(place.index)?)
            .fetch_optional(&mut *conn)
            .await
            .during(what)?
            .ok_or_else(|| broken(format!("node {} of level {} of its tree is gone", place.index, place.level)))?;
        hashes.push(row.parsed("hash", |text| text.parse().ok())?);
    }
    Ok(hashes)
}

/// The hash over the rows `start..end`, which the kept tree has.
async fn over(conn: &mut Conn, (start, end): (u64, u64)) -> Result<Sha256, LedgerFault> {
    let roots = nodes(conn, &perfect_nodes(start, end)).await?;
    Ok(fold(&roots).unwrap_or_else(|| Sha256::of(b"")))
}

/// Adds rows to the kept tree, at most [`ROWS_AT_ONCE`]; answers its size then, and whether that is all of them.
async fn grow(conn: &mut Conn) -> Result<(u64, bool), LedgerFault> {
    let what = "grow the audit log's tree";
    let size = grown(&mut *conn).await?;
    let roots = nodes(&mut *conn, &Frontier::places(size)).await?;
    let mut frontier = Frontier::new(size, roots).ok_or_else(|| broken("its tree is not whole".to_owned()))?;
    let rows = sqlx::query("SELECT seq, event_json FROM audit_events WHERE seq > $1 ORDER BY seq LIMIT $2")
        .bind(signed(size)?)
        .bind(signed(ROWS_AT_ONCE)?)
        .fetch_all(&mut *conn)
        .await
        .during(what)?;
    for row in &rows {
        let seq = unsigned(row.number("seq")?)?;
        if seq != frontier.size() + 1 {
            return Err(broken(format!("line {} is missing", frontier.size() + 1)));
        }
        let mut made = Vec::new();
        frontier.push(leaf_hash(row.text("event_json")?.as_bytes()), |place, hash| made.push((place, hash)));
        for (place, hash) in made {
            sqlx::query("INSERT INTO audit_nodes (level, idx, hash) VALUES ($1, $2, $3)")
                .bind(i64::from(place.level))
                .bind(signed(place.index)?)
                .bind(hash.to_string())
                .execute(&mut *conn)
                .await
                .during(what)?;
        }
    }
    Ok((frontier.size(), (rows.len() as u64) < ROWS_AT_ONCE))
}

async fn last_checkpoint(conn: &mut Conn) -> Result<Option<AuditCheckpoint>, LedgerFault> {
    let rows = sqlx::query("SELECT size, note, made_at FROM audit_checkpoints ORDER BY size DESC LIMIT 1")
        .fetch_optional(conn)
        .await
        .during("read the audit log's checkpoints")?;
    rows.as_ref().map(read_checkpoint).transpose()
}

fn read_checkpoint(row: &crate::engine::Row) -> Result<AuditCheckpoint, LedgerFault> {
    let note = row.text("note")?;
    let signed = SignedCheckpoint::parse(&note).map_err(|_| unreadable("note", &note))?;
    let size = unsigned(row.number("size")?)?;
    let root = signed.checkpoint.root;
    if signed.checkpoint.size == size {
        return Ok(AuditCheckpoint { size, root, note, made_at: row.time("made_at")? });
    }
    Err(unreadable("note", &note))
}

impl SqlLedger {
    /// Brings the tree up to date and signs a checkpoint over all rows; the last one where nothing came since. `None`: there is no row.
    /// `kept`: the last one that is kept elsewhere, for whoever rewrites this database can empty its table of checkpoints.
    ///
    /// # Errors
    /// [`LedgerFault::Database`]; `audit-broken` when the log is not what its last checkpoint or `kept` was signed of: then nothing is signed.
    pub async fn audit_checkpoint(
        &self,
        key: &SigningKey,
        kept: Option<&Checkpoint>,
    ) -> Result<Option<AuditCheckpoint>, LedgerFault> {
        let what = "make a checkpoint of the audit log";
        loop {
            let mut tx = self.write(what).await?;
            let (size, all) = grow(on(&mut tx)).await?;
            if all {
                let made = self.checkpoint_at(on(&mut tx), size, key, kept).await?;
                commit(tx, what).await?;
                return Ok(made);
            }
            // In pieces: others write in between.
            commit(tx, what).await?;
        }
    }

    async fn checkpoint_at(
        &self,
        conn: &mut Conn,
        size: u64,
        key: &SigningKey,
        kept: Option<&Checkpoint>,
    ) -> Result<Option<AuditCheckpoint>, LedgerFault> {
        if let Some(kept) = kept.filter(|kept| kept.size > size) {
            return Err(broken(format!("it has {size} lines, a checkpoint that was kept {}", kept.size)));
        }
        if size == 0 {
            return Ok(None);
        }
        let root = over(&mut *conn, (0, size)).await?;
        let last = last_checkpoint(&mut *conn).await?;
        let before = last.as_ref().map(|last| (last.size, last.root));
        for (old, old_root) in before.into_iter().chain(kept.map(|kept| (kept.size, kept.root))) {
            let Some(ranges) = consistency_ranges(old, size) else {
                return Err(broken(format!("it has {size} lines, its last checkpoint {old}")));
            };
            let mut proof = Vec::with_capacity(ranges.len());
            for range in ranges {
                proof.push(over(&mut *conn, range).await?);
            }
            if !verify_consistency(old, &old_root, size, &root, &proof) {
                return Err(broken(format!("its first {old} lines are not those that a checkpoint was signed of")));
            }
        }
        if let Some(last) = last.filter(|last| last.size == size) {
            return Ok(Some(last));
        }
        let [first] = nodes(&mut *conn, &[NodePlace { level: 0, index: 0 }]).await?[..] else {
            return Err(broken("its first line is gone".to_owned()));
        };
        let note = Checkpoint { origin: Checkpoint::origin_of(&first), size, root }.sign(key);
        let made_at = self.now();
        sqlx::query("INSERT INTO audit_checkpoints (size, note, made_at) VALUES ($1, $2, $3)")
            .bind(signed(size)?)
            .bind(&note)
            .bind(made_at.0)
            .execute(conn)
            .await
            .during("keep a checkpoint of the audit log")?;
        Ok(Some(AuditCheckpoint { size, root, note, made_at }))
    }

    /// Every checkpoint that was made, the oldest first.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn audit_checkpoints(&self) -> Result<Vec<AuditCheckpoint>, LedgerFault> {
        let what = "read the audit log's checkpoints";
        let mut conn = self.read(what).await?;
        let rows = sqlx::query("SELECT size, note, made_at FROM audit_checkpoints ORDER BY size")
            .fetch_all(&mut *conn)
            .await
            .during(what)?;
        rows.iter().map(read_checkpoint).collect()
    }

    /// How far the log is ahead of its last checkpoint.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn audit_uncovered(&self) -> Result<Uncovered, LedgerFault> {
        let what = "read the audit log's checkpoints";
        let mut conn = self.read(what).await?;
        let last = last_checkpoint(&mut conn).await?;
        let row = sqlx::query("SELECT seq FROM audit_events ORDER BY seq DESC LIMIT 1");
        let rows = match row.fetch_optional(&mut *conn).await.during(what)? {
            Some(row) => unsigned(row.number("seq")?)?,
            None => 0,
        };
        let covered = last.as_ref().map_or(0, |last| last.size);
        Ok(Uncovered { rows: rows.saturating_sub(covered), since: last.map(|last| last.made_at) })
    }

    /// The root over the first `size` rows, from the kept tree; `None` where it has not grown so far.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn audit_root_at(&self, size: u64) -> Result<Option<Sha256>, LedgerFault> {
        let mut conn = self.read("read the audit log's tree").await?;
        if size == 0 || grown(&mut conn).await? < size {
            return Ok(None);
        }
        over(&mut conn, (0, size)).await.map(Some)
    }

    /// The proof that the log's first `old` rows are the beginning of its first `size`; `None` where the kept tree has not grown so far.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn audit_consistency(&self, old: u64, size: u64) -> Result<Option<Vec<Sha256>>, LedgerFault> {
        let mut conn = self.read("read the audit log's tree").await?;
        let Some(ranges) = consistency_ranges(old, size).filter(|_| old > 0) else { return Ok(None) };
        if grown(&mut conn).await? < size {
            return Ok(None);
        }
        let mut proof = Vec::with_capacity(ranges.len());
        for range in ranges {
            proof.push(over(&mut conn, range).await?);
        }
        Ok(Some(proof))
    }

    /// An action's rows with their proofs against the last checkpoint, for a stranger; `keys` say whose the checkpoint
    /// is. `None` where there is no checkpoint, or the last one is older than the action's last row:
    /// [`SqlLedger::audit_checkpoint`] makes one.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn audit_proof(&self, action: &ActionId, keys: &KeyHistory) -> Result<Option<AuditBundle>, LedgerFault> {
        let what = "prove the audit log of an action";
        let mut conn = self.read(what).await?;
        let rows = sqlx::query("SELECT seq, event_json FROM audit_events WHERE action_id = $1 ORDER BY seq")
            .bind(action.as_str())
            .fetch_all(&mut *conn)
            .await
            .during(what)?;
        // Read after the rows: what is appended meanwhile is not looked for under an older root.
        let Some(checkpoint) = last_checkpoint(&mut conn).await? else { return Ok(None) };
        let mut proved = Vec::with_capacity(rows.len());
        for row in &rows {
            let index = unsigned(row.number("seq")?)?.saturating_sub(1);
            let Some(ranges) = inclusion_ranges(index, checkpoint.size) else { return Ok(None) };
            let mut proof = Vec::with_capacity(ranges.len());
            for range in ranges {
                proof.push(over(&mut conn, range).await?);
            }
            proved.push(ProvedRow { index, event: row.text("event_json")?, proof });
        }
        Ok(Some(AuditBundle::new(action.to_string(), checkpoint.note, keys.clone(), proved)))
    }

    /// The lines after `after`, at most `count`, as bytes.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn audit_lines(&self, after: u64, count: u32) -> Result<Vec<AuditLineBytes>, LedgerFault> {
        let what = "read the audit log";
        let mut conn = self.read(what).await?;
        let rows = sqlx::query(
            "SELECT seq, event_json, previous_hash, hash FROM audit_events WHERE seq > $1 ORDER BY seq LIMIT $2",
        )
        .bind(signed(after)?)
        .bind(i64::from(count))
        .fetch_all(&mut *conn)
        .await
        .during(what)?;
        let line = |row: &crate::engine::Row| {
            let event = row.text("event_json")?;
            Ok(AuditLineBytes {
                seq: unsigned(row.number("seq")?)?,
                leaf_hash: leaf_hash(event.as_bytes()),
                event,
                previous_hash: row.text("previous_hash")?,
                hash: row.text("hash")?,
            })
        };
        rows.iter().map(line).collect()
    }
}
