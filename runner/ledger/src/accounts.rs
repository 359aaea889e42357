//! Clients, accounts and their sealed sessions, as people manage them. Every act is in the audit log with who and why.

use deed_core::account::{Account, AccountState, Fingerprint, Mode};
use deed_core::approval::AccountApprovals;
use deed_core::hold::HoldReason;
use deed_core::ids::{AccountId, ClientId};
use deed_core::ports::browser::SessionState;
use deed_core::ports::ledger::{Fence, LedgerFault};
use deed_core::session::SessionExpiry;
use deed_core::time::Timestamp;
use deed_core::warning::WarningKind;

use sqlx::Row as _;

use crate::acts::{Act, Operator, check_by};
use crate::audit::{Subject, tell_account, tell_act};
use crate::change::fenced;
use crate::engine::{Conn, During as _};
use crate::health::WARNED_AHEAD;
use crate::kill::client_exists;
use crate::open::{commit, on};
use crate::records::Columns as _;
use crate::seal::{SealerError, sealer_fault};
use crate::{LedgerError, SqlLedger, rows, waits, warnings};

/// An account that is to be connected. It begins active and in mode draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccount {
    /// Whose it is; must be there.
    pub client: ClientId,
    /// The platform; names the recipe.
    pub platform: String,
    /// How it is recognised.
    pub fingerprint: Fingerprint,
    /// The platform's origin for this account, when the recipe allows more than one.
    pub origin: Option<String>,
}

impl SqlLedger {
    /// Makes the client when it is not there yet. True: it was made.
    ///
    /// # Errors
    /// [`LedgerError::Missing`] for an empty name.
    pub async fn ensure_client(&self, client: &ClientId, by: &str) -> Result<bool, LedgerError> {
        let what = "add a client";
        check_by(by)?;
        if client.as_str().trim().is_empty() {
            return Err(LedgerError::Missing("the client's name"));
        }
        let mut tx = self.write(what).await?;
        let now = self.now();
        let done = sqlx::query("INSERT INTO clients (client_id, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(client.as_str())
            .bind(now.0)
            .execute(on(&mut tx))
            .await
            .during(what)?;
        if done.rows_affected() != 1 {
            return Ok(false);
        }
        let act = Act::new(by, None, &serde_json::json!({ "act": "client_added", "client": client }));
        let subject = Subject { client: Some(client.as_str()), ..Subject::default() };
        tell_act(self, on(&mut tx), now, subject, "client_added", &act).await?;
        commit(tx, what).await?;
        Ok(true)
    }

    /// Connects an account: active, mode draft, without a session.
    ///
    /// # Errors
    /// [`LedgerFault::NotFound`] without the client; [`LedgerError::AccountExists`] when this handle of this platform and origin is
    /// there already, for whatever client; [`LedgerError::Missing`] for an empty platform or handle.
    pub async fn add_account(&self, new: &NewAccount, by: &str) -> Result<Account, LedgerError> {
        let what = "add an account";
        check_by(by)?;
        let handle = new.fingerprint.handle.trim_start_matches('@');
        if handle.trim().is_empty() {
            return Err(LedgerError::Missing("the handle"));
        }
        if new.platform.trim().is_empty() {
            return Err(LedgerError::Missing("the platform"));
        }
        let mut tx = self.write(what).await?;
        let now = self.now();
        client_exists(on(&mut tx), new.client.as_str()).await?;
        if let Some(account) = same_account(on(&mut tx), &new.platform, handle, new.origin.as_deref()).await? {
            return Err(LedgerError::AccountExists {
                platform: new.platform.clone(),
                handle: handle.to_owned(),
                account,
            });
        }
        let id = AccountId::new(self.mint());
        sqlx::query(
            "INSERT INTO platform_accounts
             (account_id, client_id, platform, handle, display_name, avatar, origin, state, mode, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)",
        )
        .bind(id.as_str())
        .bind(new.client.as_str())
        .bind(&new.platform)
        .bind(handle)
        .bind(new.fingerprint.display_name.as_deref())
        .bind(new.fingerprint.avatar.map(|a| a.to_string()))
        .bind(new.origin.as_deref())
        .bind(AccountState::Active.as_str())
        .bind(Mode::Draft.as_str())
        .bind(now.0)
        .execute(on(&mut tx))
        .await
        .during(what)?;
        let account = rows::account(on(&mut tx), &id).await?;
        let act = Act::new(by, None, &serde_json::json!({ "act": "account_added", "account": account }));
        let subject = Subject { account: Some(&account), ..Subject::default() };
        tell_act(self, on(&mut tx), now, subject, "account_added", &act).await?;
        commit(tx, what).await?;
        Ok(account)
    }

    /// The account that a person means: its id, its handle (with or without `@`), or `platform/handle`.
    ///
    /// # Errors
    /// [`LedgerFault::NotFound`]; [`LedgerError::AmbiguousAccount`] with the candidates.
    pub async fn find_account(&self, name: &str) -> Result<Account, LedgerError> {
        let wanted = name.trim();
        let bare = |handle: &str| handle.trim_start_matches('@').to_owned();
        let mut all = self.list_accounts().await?;
        if let Some(i) = all.iter().position(|a| a.id.as_str() == wanted) {
            return Ok(all.swap_remove(i));
        }
        all.retain(|a| match wanted.split_once('/') {
            Some((platform, handle)) => a.platform == platform && a.fingerprint.handle == bare(handle),
            None => a.fingerprint.handle == bare(wanted),
        });
        match all.len() {
            0 => Err(LedgerFault::NotFound { what: "account", id: name.to_owned() }.into()),
            1 => Ok(all.swap_remove(0)),
            _ => Err(LedgerError::AmbiguousAccount {
                name: name.to_owned(),
                candidates: all.iter().map(candidate).collect(),
            }),
        }
    }

    /// All accounts, by platform and handle.
    ///
    /// # Errors
    /// [`LedgerFault::Database`].
    pub async fn list_accounts(&self) -> Result<Vec<Account>, LedgerFault> {
        let mut conn = self.read("list the accounts").await?;
        rows::accounts(&mut conn).await
    }

    /// Lets an account commit, or not.
    ///
    /// # Errors
    /// [`LedgerFault::NotFound`]; [`LedgerError::Missing`].
    pub async fn set_mode(&self, id: &AccountId, mode: Mode, by: &str) -> Result<Account, LedgerError> {
        check_by(by)?;
        let status = match mode {
            Mode::Draft => "account_mode_draft",
            Mode::Live => "account_mode_live",
        };
        self.change_account(id, status, by, None, |account| account.mode = mode).await
    }

    /// Makes an account active again after a person put right what made it read-only or suspended. What was held because of that goes on.
    ///
    /// # Errors
    /// As [`SqlLedger::set_mode`].
    pub async fn clear_account(&self, id: &AccountId, operator: Operator<'_>) -> Result<Account, LedgerError> {
        operator.check()?;
        self.change_account(id, "account_cleared", operator.by, Some(operator.reason), |account| {
            account.state = AccountState::Active;
            account.state_reason = None;
        })
        .await
    }

    /// Nothing runs on the account until a person clears it.
    ///
    /// # Errors
    /// As [`SqlLedger::set_mode`].
    pub async fn suspend_account(&self, id: &AccountId, operator: Operator<'_>) -> Result<Account, LedgerError> {
        operator.check()?;
        self.change_account(id, "account_suspended", operator.by, Some(operator.reason), |account| {
            account.state = AccountState::Suspended;
            account.state_reason = Some(format!("{} (by {})", operator.reason, operator.by));
        })
        .await
    }

    /// How many people every action of the account needs from now on; what is under way is asked for it when it arms.
    ///
    /// # Errors
    /// As [`SqlLedger::set_mode`].
    pub async fn set_approvals(
        &self,
        id: &AccountId,
        approvals: AccountApprovals,
        operator: Operator<'_>,
    ) -> Result<Account, LedgerError> {
        operator.check()?;
        let status = match approvals {
            AccountApprovals::None => "account_approvals_none",
            AccountApprovals::One => "account_approvals_one",
            AccountApprovals::Two => "account_approvals_two",
        };
        self.change_account(id, status, operator.by, Some(operator.reason), |account| account.approvals = approvals)
            .await
    }

    async fn change_account(
        &self,
        id: &AccountId,
        status: &str,
        by: &str,
        reason: Option<&str>,
        change: impl FnOnce(&mut Account),
    ) -> Result<Account, LedgerError> {
        let what = "change an account";
        let mut tx = self.write(what).await?;
        let now = self.now();
        let mut account = rows::account(on(&mut tx), id).await?;
        let before = account.state;
        change(&mut account);
        sqlx::query("UPDATE platform_accounts SET state = $1, state_reason = $2, mode = $3, approvals = $4, updated_at = $5 WHERE account_id = $6")
            .bind(account.state.as_str())
            .bind(account.state_reason.as_deref())
            .bind(account.mode.as_str())
            .bind(account.approvals.as_str())
            .bind(now.0)
            .bind(id.as_str())
            .execute(on(&mut tx))
            .await
            .during(what)?;
        if account.state == AccountState::Active {
            let over: Vec<_> = HoldReason::ALL.into_iter().filter(|reason| reason.ends_when_active()).collect();
            waits::let_go(on(&mut tx), id, &over).await?;
        }
        if let Some(reason) = reason.filter(|_| before != AccountState::Active && account.state == AccountState::Active)
        {
            // Whoever clears the account has put right what these warned of.
            let kinds = WarningKind::ALL.into_iter().filter(|kind| kind.is_cleared_with_the_account());
            warnings::close_of_account(on(&mut tx), now, id, kinds, Operator { by, reason }).await?;
        }
        let act = Act::new(by, reason, &serde_json::json!({ "act": status, "account": id }));
        tell_act(self, on(&mut tx), now, Subject { account: Some(&account), ..Subject::default() }, status, &act)
            .await?;
        commit(tx, what).await?;
        Ok(account)
    }

    /// Seals and stores the account's session (a storage-state JSON text), in place of an earlier one; when it ends is not known.
    ///
    /// # Errors
    /// As [`SqlLedger::set_session_that_ends`].
    pub async fn set_session(&self, id: &AccountId, session: &SessionState, by: &str) -> Result<(), LedgerError> {
        self.set_session_that_ends(id, session, None, by).await
    }

    /// Seals and stores the account's session (a storage-state JSON text), in place of an earlier one, with when it ends.
    ///
    /// # Errors
    /// [`LedgerFault::NotFound`]; [`LedgerFault::Database`] with the sealer's code when it can not be sealed.
    pub async fn set_session_that_ends(
        &self,
        id: &AccountId,
        session: &SessionState,
        ends: Option<SessionExpiry>,
        by: &str,
    ) -> Result<(), LedgerError> {
        self.put_session(id, session, ends, by, false).await
    }

    /// As [`SqlLedger::set_session_that_ends`], of a session with which it was just proved who signed in: that look is
    /// the account's last one.
    ///
    /// # Errors
    /// As there.
    pub async fn set_session_signed_in(
        &self,
        id: &AccountId,
        session: &SessionState,
        ends: Option<SessionExpiry>,
        by: &str,
    ) -> Result<(), LedgerError> {
        self.put_session(id, session, ends, by, true).await
    }

    async fn put_session(
        &self,
        id: &AccountId,
        session: &SessionState,
        ends: Option<SessionExpiry>,
        by: &str,
        proven: bool,
    ) -> Result<(), LedgerError> {
        let what = "store a session";
        check_by(by)?;
        let sealed = self.options.sealer.seal(session.expose().as_bytes()).map_err(|e| sealer_fault(what, &e))?;
        let mut tx = self.write(what).await?;
        let now = self.now();
        let account = rows::account(on(&mut tx), id).await?;
        let (name, reason) = if proven {
            ("session_signed_in", "somebody signed in, and was proved to be the account")
        } else {
            ("session_imported", "a new session was imported")
        };
        store_session(on(&mut tx), now, id, sealed, ends, Operator { by, reason }).await?;
        if proven {
            sqlx::query("UPDATE platform_accounts SET identity_at = $1, identity_ok = $2 WHERE account_id = $3")
                .bind(now.0)
                .bind(1_i64)
                .bind(id.as_str())
                .execute(on(&mut tx))
                .await
                .during(what)?;
        }
        let act = Act::new(by, None, &serde_json::json!({ "act": name, "account": id }));
        tell_act(self, on(&mut tx), now, Subject { account: Some(&account), ..Subject::default() }, name, &act).await?;
        commit(tx, what).await?;
        Ok(())
    }
}

/// Puts a sealed session in place of the earlier one, and closes the warning that the earlier one ends.
pub(crate) async fn store_session(
    conn: &mut Conn,
    now: Timestamp,
    id: &AccountId,
    sealed: Vec<u8>,
    ends: Option<SessionExpiry>,
    operator: Operator<'_>,
) -> Result<(), LedgerFault> {
    sqlx::query(
        "INSERT INTO sessions (account_id, sealed, updated_at, expiry, expires_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (account_id) DO UPDATE SET sealed = excluded.sealed, updated_at = excluded.updated_at,
             expiry = excluded.expiry, expires_at = excluded.expires_at",
    )
    .bind(id.as_str())
    .bind(sealed)
    .bind(now.0)
    .bind(ends.map(SessionExpiry::as_str))
    .bind(ends.and_then(SessionExpiry::at).map(|at| at.0))
    .execute(&mut *conn)
    .await
    .during("store a session")?;
    if ends.and_then(SessionExpiry::at).is_none_or(|at| at > now.plus(WARNED_AHEAD)) {
        warnings::close_of_account(conn, now, id, std::iter::once(WarningKind::SessionExpiring), operator).await?;
    }
    Ok(())
}

/// Stores a session that the platform refreshed, sealed, for whoever holds the live claim on the account.
pub(crate) async fn refresh_session(
    ledger: &SqlLedger,
    fence: &Fence,
    session: &SessionState,
    ends: Option<SessionExpiry>,
) -> Result<(), LedgerFault> {
    let what = "store a refreshed session";
    let sealed = ledger.options.sealer.seal(session.expose().as_bytes()).map_err(|e| sealer_fault(what, &e))?;
    let mut tx = ledger.write(what).await?;
    let now = ledger.now();
    let details = fenced(on(&mut tx), fence).await?;
    if details.lease_until.is_none_or(|until| until <= now) {
        return Err(LedgerFault::FenceLost(fence.action.clone()));
    }
    let operator = Operator { by: "deed", reason: "the platform refreshed the session" };
    store_session(on(&mut tx), now, &fence.account, sealed, ends, operator).await?;
    tell_account(ledger, on(&mut tx), now, &details, "session_refreshed").await?;
    commit(tx, what).await
}

/// The session, unsealed, for the episode that injects it.
pub(crate) async fn session(ledger: &SqlLedger, id: &AccountId) -> Result<Option<SessionState>, LedgerFault> {
    let what = "read a session";
    let mut conn = ledger.read(what).await?;
    let row = sqlx::query("SELECT sealed FROM sessions WHERE account_id = $1")
        .bind(id.as_str())
        .fetch_optional(&mut *conn)
        .await
        .during(what)?;
    let Some(row) = row else { return Ok(None) };
    let sealed: Vec<u8> = row.try_get("sealed").during(what)?;
    let plain = ledger.options.sealer.unseal(&sealed).map_err(|e| sealer_fault(what, &e))?;
    let text =
        String::from_utf8(plain).map_err(|_| sealer_fault(what, &SealerError::Unseal("it is no text".to_owned())))?;
    Ok(Some(SessionState::new(text)))
}

fn candidate(account: &Account) -> String {
    let origin = account.origin.as_deref().unwrap_or("the recipe's origin");
    format!("{}/{} ({}, {origin}, {})", account.platform, account.fingerprint.handle, account.client, account.id)
}

async fn same_account(
    conn: &mut Conn,
    platform: &str,
    handle: &str,
    origin: Option<&str>,
) -> Result<Option<AccountId>, LedgerFault> {
    let row = sqlx::query(
        "SELECT account_id FROM platform_accounts WHERE platform = $1 AND handle = $2 AND coalesce(origin, '') = $3",
    )
    .bind(platform)
    .bind(handle)
    .bind(origin.unwrap_or(""))
    .fetch_optional(conn)
    .await
    .during("add an account")?;
    row.map(|row| row.text("account_id").map(AccountId::new)).transpose()
}
