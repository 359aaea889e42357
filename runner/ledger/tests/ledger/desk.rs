//! A ledger in a temporary directory with a clock that the test turns, and the steps of an action's life.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use deed_core::account::{Account, Fingerprint, Mode};
use deed_core::approval::{ApprovalNeed, Risk};
use deed_core::ids::{ActionId, ClientId, WorkerId};
use deed_core::order::{Content, Lane, Payload};
use deed_core::pace::Limits;
use deed_core::ports::browser::SessionState;
use deed_core::ports::ledger::{ArmRequest, Change, Claim, Fence, Ledger as _};
use deed_core::state::{Event, State};
use deed_core::time::Timestamp;
use deed_ledger::{AgeSealer, ClaimTarget, LedgerOptions, NewAccount, NewOrder, Operator, SqlLedger};
use deed_proofs::{ArtifactKind, ArtifactRef, Sha256};
use sqlx::{AnyConnection, Connection as _};

use crate::ON_A_SERVER;

pub const START: i64 = 1_795_167_000_000;
pub const LEASE: Duration = Duration::from_secs(180);
pub const COMMIT: Duration = Duration::from_secs(15);
pub const ANN: Operator<'static> = Operator { by: "ann", reason: "because" };

pub struct Desk {
    pub dir: tempfile::TempDir,
    clock: Arc<AtomicI64>,
    pub ledger: SqlLedger,
    pub account: Account,
    /// Where a connection that goes around the ledger finds it.
    pub address: String,
}

/// The ledger's file, where it is one.
pub fn file(dir: &std::path::Path) -> PathBuf {
    dir.join("ledger")
}

/// The ledger of this suite's engine.
async fn open(dir: &std::path::Path, address: &str, clock: &Arc<AtomicI64>) -> SqlLedger {
    let options = options(dir, clock);
    if ON_A_SERVER {
        SqlLedger::open_server(address, options).await.unwrap()
    } else {
        SqlLedger::open(&file(dir), options).await.unwrap()
    }
}

pub fn options(dir: &std::path::Path, clock: &Arc<AtomicI64>) -> LedgerOptions {
    let clock = Arc::clone(clock);
    LedgerOptions {
        now: Arc::new(move || Timestamp(clock.load(Ordering::SeqCst))),
        mint: Arc::new(|| uuid::Uuid::now_v7().to_string()),
        sealer: Arc::new(AgeSealer::open_or_create(&dir.join("key")).unwrap()),
        tool_version: "0.0.0-test".to_owned(),
    }
}

impl Desk {
    /// One client, one live account with a session.
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(AtomicI64::new(START));
        sqlx::any::install_default_drivers();
        let address = if ON_A_SERVER {
            crate::postgres::new_schema()
        } else {
            format!("sqlite://{}", file(dir.path()).display())
        };
        let ledger = open(dir.path(), &address, &clock).await;
        ledger.ensure_client(&ClientId::new("acme"), "ann").await.unwrap();
        let account = ledger.add_account(&new_account("north_star"), "ann").await.unwrap();
        ledger.set_session(&account.id, &SessionState::new("{\"cookies\":[]}"), "ann").await.unwrap();
        let account = ledger.set_mode(&account.id, Mode::Live, "ann").await.unwrap();
        Self { dir, clock, ledger, account, address }
    }

    pub async fn second_handle(&self) -> SqlLedger {
        open(self.dir.path(), &self.address, &self.clock).await
    }

    /// A connection that goes around the ledger.
    pub async fn raw(&self) -> AnyConnection {
        AnyConnection::connect(&self.address).await.unwrap()
    }

    /// One statement around the ledger; the database's words when it refuses.
    pub async fn sql(&self, sql: &str) -> Result<u64, String> {
        let mut raw = self.raw().await;
        let done = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut raw).await;
        // Closed and waited for: one that is only dropped is closed later, on its own thread.
        raw.close().await.unwrap();
        done.map(|d| d.rows_affected()).map_err(|e| e.to_string())
    }

    pub fn pass(&self, time: Duration) {
        self.clock.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// The clock ran ahead, and was set right.
    pub fn set_back(&self, time: Duration) {
        self.clock.fetch_sub(i64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }

    pub fn now(&self) -> Timestamp {
        Timestamp(self.clock.load(Ordering::SeqCst))
    }

    pub fn order(&self, text: &str) -> NewOrder {
        order(&self.account, text)
    }

    pub async fn filed(&self, text: &str) -> ActionId {
        self.ledger.file_order(&self.order(text)).await.unwrap().action.action.id
    }

    pub async fn claimed(&self, text: &str) -> Claim {
        let id = self.filed(text).await;
        self.ledger.claim(&ClaimTarget::Action(id), &worker("w1"), LEASE).await.unwrap().unwrap()
    }

    /// Up to `identity_verified`.
    pub async fn ready(&self, text: &str) -> Fence {
        let fence = self.claimed(text).await.fence;
        self.step(&fence, Event::PreflightPassed).await;
        let change = Change { identity_ok: Some(true), ..Change::default() };
        self.ledger.advance(&fence, Event::IdentityVerified, change).await.unwrap();
        fence
    }

    pub async fn attempted(&self, text: &str) -> Fence {
        let fence = self.ready(text).await;
        self.ledger.arm(&fence, &request()).await.unwrap().unwrap();
        fence
    }

    /// Attempted, unknown, and nobody works on it.
    pub async fn unknown(&self, text: &str) -> ActionId {
        let fence = self.attempted(text).await;
        self.step(&fence, Event::OutcomeUnclear).await;
        self.ledger.release(&fence).await.unwrap();
        fence.action
    }

    pub async fn step(&self, fence: &Fence, event: Event) {
        self.ledger.advance(fence, event, Change::default()).await.unwrap();
    }

    pub async fn state(&self, action: &ActionId) -> State {
        self.ledger.action(action).await.unwrap().state
    }

    pub async fn statuses(&self, action: &ActionId) -> Vec<String> {
        let rows = self.ledger.audit_of(action).await.unwrap();
        rows.into_iter().map(|row| row.event.result.status).collect()
    }

    pub async fn audit_rows(&self) -> i64 {
        let verdict = self.ledger.audit_verify().await.unwrap();
        assert!(verdict.ok, "{verdict:?}");
        verdict.rows
    }
}

pub fn worker(name: &str) -> WorkerId {
    WorkerId::new(name)
}

pub fn new_account(handle: &str) -> NewAccount {
    NewAccount {
        client: ClientId::new("acme"),
        platform: "practice".to_owned(),
        fingerprint: Fingerprint {
            handle: handle.to_owned(),
            display_name: Some("North Star".to_owned()),
            avatar: Some("00ff00ff00ff00ff".parse().unwrap()),
        },
        origin: None,
    }
}

pub fn order(account: &Account, text: &str) -> NewOrder {
    NewOrder {
        client: account.client.clone(),
        account: account.id.clone(),
        platform: account.platform.clone(),
        lane: Lane::Browser,
        payload: Payload {
            action_type: "publish.post".to_owned(),
            content: Content { text: text.to_owned(), ..Content::default() },
            target: None,
        },
        idempotency_key: None,
        experiment_id: Some("exp".to_owned()),
        variant_id: Some("b".to_owned()),
        priority: deed_core::order::Priority::Normal,
        not_before: None,
        depends_on: Vec::new(),
        batch: None,
        risk: Risk::Low,
        filed_by: "ann".to_owned(),
    }
}

pub fn request() -> ArmRequest {
    ArmRequest {
        target: Sha256::of(b"target"),
        commit_within: COMMIT,
        artifacts: vec![artifact(b"composer", ArtifactKind::Screenshot)],
        manifest: Some(Sha256::of(b"draft manifest")),
        limits: Limits::default(),
        jitter_milli: 0,
        approval: ApprovalNeed { needed: 0, risk: Risk::Low, binding: Sha256::of(b"nothing was asked") },
    }
}

pub fn artifact(bytes: &[u8], kind: ArtifactKind) -> ArtifactRef {
    let dom = (kind == ArtifactKind::Dom).then(|| deed_proofs::dom_hashes(std::str::from_utf8(bytes).unwrap()));
    ArtifactRef {
        sha256: Sha256::of(bytes),
        kind,
        step: "review".to_owned(),
        phase: "review".to_owned(),
        media_type: "image/png".to_owned(),
        bytes: bytes.len() as u64,
        at: "2026-11-20T09:30:00.000Z".to_owned(),
        dom,
    }
}
