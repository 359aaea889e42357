//! `deed account`: whose accounts there are, how they are recognised, and what may be done with them.
//!
//! A new account is in mode draft: everything but the commit runs, until a person says `live`.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};
use deed_core::account::{Account, AccountState, Fingerprint, Mode};
use deed_core::approval::AccountApprovals;
use deed_core::ids::ClientId;
use deed_core::pace::Pace;
use deed_core::session::expiry;
use deed_ledger::{NewAccount, Operator, SqlLedger};
use deed_proofs::ImageHash;
use deed_proofs::picture::PictureError;
use deed_recipes::{PortPattern, Recipe};
use serde_json::{Value, json};

use super::{health, sign_in};
use crate::context::{Context, account_name};
use crate::error::CliError;
use crate::session_file::{self, SessionFile};
use crate::ui::{Answer, Facts, Tone, table};
use crate::world::now;

/// Largest avatar that is read, in bytes.
const AVATAR_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What to do with accounts.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Connect an account; it begins in mode draft
    Add(AddArgs),
    /// Sign in, in a window of a browser, or import a session
    Connect {
        /// Handle, platform/handle or id
        account: String,
        /// Session as a storage-state JSON file (cookies and origins); no window then
        #[arg(long, value_name = "FILE")]
        session: Option<PathBuf>,
        /// Page that the window opens with [default: the page on which the account is recognised]
        #[arg(long, value_name = "URL", conflicts_with = "session")]
        url: Option<String>,
    },
    /// All accounts
    List,
    /// One account in full
    Show {
        /// Handle, platform/handle or id
        account: String,
    },
    /// Let an account commit, or not
    Mode {
        /// Handle, platform/handle or id
        account: String,
        /// live: commits; draft: everything but the commit
        mode: ModeArg,
    },
    /// Say how many people must approve each of an account's actions
    Approvals {
        /// Handle, platform/handle or id
        account: String,
        /// none, one, or two different ones who type the handle
        approvals: ApprovalsArg,
        /// Why; stands in the audit log
        #[arg(long)]
        reason: String,
    },
    /// Make an account active again, after what was wrong was put right
    Clear {
        /// Handle, platform/handle or id
        account: String,
        /// Why; stands in the audit log
        #[arg(long)]
        reason: String,
    },
    /// Stop everything on an account until it is cleared
    Suspend {
        /// Handle, platform/handle or id
        account: String,
        /// Why; stands in the audit log
        #[arg(long)]
        reason: String,
    },
}

/// A new account.
#[derive(Debug, clap::Args)]
pub struct AddArgs {
    /// Platform; names the recipe
    #[arg(long)]
    pub platform: String,
    /// Handle, with or without @
    #[arg(long)]
    pub handle: String,
    /// Display name, as the profile shows it
    #[arg(long)]
    pub name: Option<String>,
    /// Picture of the avatar (PNG, JPEG or WebP)
    #[arg(long, value_name = "FILE")]
    pub avatar: Option<PathBuf>,
    /// Whose account it is
    #[arg(long, default_value = "default")]
    pub client: String,
    /// Platform's origin for this account, where the recipe allows several (`http://127.0.0.1:4000`)
    #[arg(long, value_name = "URL")]
    pub origin: Option<String>,
    /// Session as a storage-state JSON file (cookies and origins)
    #[arg(long, value_name = "FILE")]
    pub session: Option<PathBuf>,
}

/// See [`Mode`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ModeArg {
    /// Commits.
    Live,
    /// Everything but the commit.
    Draft,
}

/// See [`AccountApprovals`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ApprovalsArg {
    /// Nobody.
    None,
    /// One.
    One,
    /// Two.
    Two,
}

/// Runs the command.
///
/// # Errors
/// Bad input, the ledger's.
pub async fn run(command: &Command, context: &Context) -> Result<Answer, CliError> {
    match command {
        Command::Add(args) => add(args, context).await,
        Command::Connect { account, session: Some(session), .. } => connect(account, session, context).await,
        Command::Connect { account, session: None, url } => sign_in(account, url.as_deref(), context).await,
        Command::List => list(context).await,
        Command::Show { account } => {
            let (ledger, account) = find(account, context).await?;
            let (pace, health) = (ledger.pace(&account.id).await?, ledger.account_health(&account.id).await?);
            let limits = health::limits(&account, context);
            let mut data = health::into_json(&account, to_json(&account), &health, &limits);
            if let Some(object) = data.as_object_mut() {
                object.insert("pace".to_owned(), pace_json(&pace));
            }
            Ok(told(data, &account, with_pace(health::facts(facts(&account), &health, &limits), &pace), context))
        }
        Command::Mode { account, mode } => set_mode(account, *mode, context).await,
        Command::Approvals { account, approvals, reason } => {
            let (ledger, account) = find(account, context).await?;
            let (approvals, words) = match approvals {
                ApprovalsArg::None => (AccountApprovals::None, "only as many people as its orders ask for approve"),
                ApprovalsArg::One => (AccountApprovals::One, "one person approves each of its actions"),
                ApprovalsArg::Two => (AccountApprovals::Two, "two different people approve each of its actions"),
            };
            let account = ledger.set_approvals(&account.id, approvals, operator(context, reason)).await?;
            context.ui.say(&format!("{}: {words}", account_name(&account)));
            Ok(answer(&account, context))
        }
        Command::Clear { account, reason } => {
            let (ledger, account) = find(account, context).await?;
            let account = ledger.clear_account(&account.id, operator(context, reason)).await?;
            context.ui.say(&format!("{} is active again", account_name(&account)));
            Ok(answer(&account, context))
        }
        Command::Suspend { account, reason } => {
            let (ledger, account) = find(account, context).await?;
            let account = ledger.suspend_account(&account.id, operator(context, reason)).await?;
            context.ui.say(&format!("nothing runs on {} until it is cleared", account_name(&account)));
            Ok(answer(&account, context))
        }
    }
}

fn operator<'a>(context: &'a Context, reason: &'a str) -> Operator<'a> {
    Operator { by: &context.settings.operator, reason }
}

/// An account by id or handle, with the ledger that knows it.
pub(super) async fn find(name: &str, context: &Context) -> Result<(SqlLedger, Account), CliError> {
    let ledger = context.ledger().await?;
    let account = ledger.find_account(name).await?;
    Ok((ledger, account))
}

/// Connects an account. Everything that is named is read and checked before anything is stored.
///
/// # Errors
/// The recipe's, an origin outside it, the avatar's, the session file's, the ledger's.
pub async fn add(args: &AddArgs, context: &Context) -> Result<Answer, CliError> {
    let recipe = context.recipe(&args.platform)?;
    let origin = origin(args.origin.as_deref(), &recipe)?;
    let avatar = args.avatar.as_deref().map(|path| avatar(path, context)).transpose()?;
    let session = args.session.as_deref().map(session_file::read).transpose()?;
    if args.name.is_none() && avatar.is_none() {
        context
            .ui
            .warn("without --name or --avatar only handle and account switcher can prove the account, and both must");
    }
    let by = &context.settings.operator;
    let client = ClientId::new(args.client.trim());
    let ledger = context.ledger_made().await?;
    ledger.ensure_client(&client, by).await?;
    let new = NewAccount {
        client,
        platform: recipe.platform.clone(),
        fingerprint: Fingerprint {
            handle: args.handle.trim().trim_start_matches('@').to_owned(),
            display_name: args.name.clone().filter(|n| !n.trim().is_empty()),
            avatar,
        },
        origin,
    };
    let mut account = ledger.add_account(&new, by).await?;
    if let Some(session) = &session {
        import(&ledger, &account, session, context).await?;
        account = ledger.find_account(account.id.as_str()).await?;
    } else {
        context.ui.say(&format!(
            "no session yet: `deed account connect {}` opens a window to sign in, with --session FILE it imports one",
            account.id
        ));
    }
    context.ui.say(&format!(
        "{} is in mode draft: everything but the commit runs, until `deed account mode {} live`",
        account_name(&account),
        account.fingerprint.handle
    ));
    Ok(answer(&account, context))
}

async fn import(
    ledger: &SqlLedger,
    account: &Account,
    session: &SessionFile,
    context: &Context,
) -> Result<(), CliError> {
    // Without a recipe that loads nobody knows which cookies are the platform's; the session is good all the same.
    let ends = context.recipe(&account.platform).ok().and_then(|recipe| expiry(&session.state, &recipe));
    ledger.set_session_that_ends(&account.id, &session.state, ends, &context.settings.operator).await?;
    context.ui.say(&format!("session imported and sealed: {} cookies, {} origins", session.cookies, session.origins));
    if session.exposed {
        context.ui.warn("others can read the session file: delete it now that it is imported, or `chmod 600` it");
    }
    Ok(())
}

async fn connect(name: &str, path: &Path, context: &Context) -> Result<Answer, CliError> {
    let session = session_file::read(path)?;
    let (ledger, account) = find(name, context).await?;
    import(&ledger, &account, &session, context).await?;
    stays_read_only(&account, context);
    let account = ledger.find_account(account.id.as_str()).await?;
    Ok(answer(&account, context))
}

/// A person signs in; what is proved to be the account's is sealed.
async fn sign_in(name: &str, url: Option<&str>, context: &Context) -> Result<Answer, CliError> {
    if let Some(url) = url.filter(|url| !url.starts_with("https://") && !url.starts_with("http://")) {
        return Err(CliError::Usage(format!("--url {url} is no address of a page (https://…)")));
    }
    let (ledger, account) = find(name, context).await?;
    let recipe = context.recipe(&account.platform)?;
    let proved = sign_in::wait_for_person(&account, &recipe, url, context).await?;
    let ends = expiry(&proved.state, &recipe);
    ledger.set_session_signed_in(&account.id, &proved.state, ends, &context.settings.operator).await?;
    context.ui.say(&format!("proved and sealed: {}", proved.words));
    stays_read_only(&account, context);
    let account = ledger.find_account(account.id.as_str()).await?;
    Ok(answer(&account, context))
}

fn stays_read_only(account: &Account, context: &Context) {
    if account.state == AccountState::ReadOnly {
        context.ui.say(&format!(
            "the account stays read-only until `deed account clear {} --reason …`",
            account.fingerprint.handle
        ));
    }
}

/// Lets an account commit, or not.
///
/// # Errors
/// The ledger's.
pub async fn set_mode(name: &str, mode: ModeArg, context: &Context) -> Result<Answer, CliError> {
    let (ledger, account) = find(name, context).await?;
    let mode = match mode {
        ModeArg::Live => Mode::Live,
        ModeArg::Draft => Mode::Draft,
    };
    let account = ledger.set_mode(&account.id, mode, &context.settings.operator).await?;
    let words = match mode {
        Mode::Live => "commits from now on",
        Mode::Draft => "stops before the commit from now on",
    };
    context.ui.say(&format!("{} {words}", account_name(&account)));
    Ok(answer(&account, context))
}

async fn list(context: &Context) -> Result<Answer, CliError> {
    let ledger = context.ledger().await?;
    let (mut rows, mut below, mut data) = (Vec::new(), Vec::new(), Vec::new());
    for a in ledger.list_accounts().await? {
        let (health, limits) = (ledger.account_health(&a.id).await?, health::limits(&a, context));
        rows.push(vec![
            health::cell(&health::name(&a), health::NAME_MAX),
            health::cell(a.client.as_str(), health::CLIENT_MAX),
            a.mode.as_str().to_owned(),
            a.state.as_str().to_owned(),
            health::session_short(&health, now()),
            health::identity_short(&health, now()),
        ]);
        below.push(health::more(&a, &health, &limits));
        data.push(health::into_json(&a, to_json(&a), &health, &limits));
    }
    if rows.is_empty() {
        context.ui.say("there are no accounts yet: `deed account add --help`");
        return Ok(Answer::done(json!([]), ""));
    }
    let head = ["ACCOUNT", "CLIENT", "MODE", "STATE", "SESSION", "IDENTITY"];
    let table = table(&head, &rows, context.ui.out);
    // The table's first line is its head; what is more to say of an account stands under its own.
    let mut below = below.into_iter();
    let lines = table.lines().enumerate().flat_map(|(nth, line)| {
        let more = if nth == 0 { None } else { below.next() };
        std::iter::once(line.to_owned()).chain(more.unwrap_or_default())
    });
    Ok(Answer::done(json!(data), lines.collect::<Vec<_>>().join("\n")))
}

fn to_json(account: &Account) -> Value {
    json!({
        "account_id": account.id,
        "client_id": account.client,
        "platform": account.platform,
        "handle": account.fingerprint.handle,
        "display_name": account.fingerprint.display_name,
        "avatar_hash": account.fingerprint.avatar,
        "origin": account.origin,
        "mode": account.mode,
        "state": account.state,
        "state_reason": account.state_reason,
        "has_session": account.has_session,
        "approvals": account.approvals,
    })
}

fn answer(account: &Account, context: &Context) -> Answer {
    let session = if account.has_session { "stored, sealed" } else { "none" };
    told(to_json(account), account, facts(account).with("session", session), context)
}

fn told(data: Value, account: &Account, facts: Facts, context: &Context) -> Answer {
    let head = context.ui.out.tone(Tone::Strong, &account_name(account));
    Answer::done(data, format!("{head}\n{}", facts.render()))
}

fn facts(account: &Account) -> Facts {
    Facts::default()
        .with("id", &account.id)
        .with("client", &account.client)
        .maybe("name", account.fingerprint.display_name.as_ref())
        .maybe("avatar", account.fingerprint.avatar)
        .maybe("origin", account.origin.as_ref())
        .with("mode", account.mode.as_str())
        .with("approvals", account.approvals.as_str())
        .with("state", account.state.as_str())
        .maybe("because", account.state_reason.as_ref())
}

/// The share of the full pace, as a number.
fn share(pace: &Pace) -> f64 {
    (100_000.0 / f64::from(pace.factor_milli.max(1_000))).round() / 100.0
}

fn pace_json(pace: &Pace) -> Value {
    json!({
        "factor": f64::from(pace.factor_milli) / 1_000.0,
        "share": share(pace),
        "slowed_at": pace.slowed_at.map(|t| t.to_string()),
        "not_before": pace.not_before.map(|t| t.to_string()),
    })
}

fn with_pace(facts: Facts, pace: &Pace) -> Facts {
    let words = if pace.factor_milli <= 1_000 {
        "full".to_owned()
    } else {
        let factor = f64::from(pace.factor_milli) / 1_000.0;
        format!("{} of the full one: spacing × {factor:.1}, budgets ÷ {factor:.1}", share(pace))
    };
    facts.with("pace", words).maybe("slowed", pace.slowed_at).maybe("wait", pace.not_before)
}

/// The account's origin: a bare one of the recipe's; needed when the recipe has no fixed one.
fn origin(said: Option<&str>, recipe: &Recipe) -> Result<Option<String>, CliError> {
    let refuse = |why: String| {
        let allowed = recipe.origins.iter().map(ToString::to_string).collect();
        Err(CliError::Origin { why, allowed })
    };
    let Some(said) = said else {
        let fixed = recipe.origins.iter().any(|o| o.port != PortPattern::Any) && recipe.base_origin().is_some();
        return if fixed {
            Ok(None)
        } else {
            refuse(format!("the recipe of {} leaves the origin to the account", recipe.platform))
        };
    };
    let bare = said.trim_end_matches('/');
    let after_scheme = bare.split_once("://").map_or(bare, |(_, rest)| rest);
    if after_scheme.contains(['/', '?', '#', '@']) {
        return refuse(format!("`{said}` is more than an origin"));
    }
    if !recipe.allows_origin(bare) {
        return refuse(format!("`{said}` is not one of the origins of the recipe of {}", recipe.platform));
    }
    Ok(Some(bare.to_owned()))
}

fn avatar(path: &Path, context: &Context) -> Result<ImageHash, CliError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(AVATAR_BYTES_MAX).read_to_end(&mut bytes))
        .map_err(CliError::file("read the avatar", path))?;
    let hash =
        ImageHash::of(&bytes).map_err(|source: PictureError| CliError::Picture { path: path.to_owned(), source })?;
    if hash.is_flat() {
        context.ui.warn("the avatar is of one colour: it proves nothing, and will count as missing");
    }
    Ok(hash)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_bare_and_one_of_the_recipes() {
        let recipe = deed_recipes::load_builtin("practice").unwrap();
        let found = |said| origin(said, &recipe).map_err(|e| e.code());
        assert_eq!(found(Some("http://127.0.0.1:4000/")), Ok(Some("http://127.0.0.1:4000".to_owned())));
        for said in [
            None,
            Some("https://evil.test"),
            Some("http://127.0.0.1:4000/x"),
            Some("http://127.0.0.1:1@evil.test"),
            Some("x"),
        ] {
            assert_eq!(found(said), Err("origin-not-allowed"), "{said:?}");
        }
    }
}
