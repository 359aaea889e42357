//! `deed practice`: serves the practice platform until it is stopped.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use deed_fixtures::{Practice, PracticeConfig};
use serde_json::json;

use crate::context::{Context, make_private_dir};
use crate::error::CliError;
use crate::signals::asked_to_stop;
use crate::ui::{Answer, Facts, Tone};

/// How to serve it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Port on the loopback interface; 0: a free one
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Write a session and an avatar of each account there, for `deed account add`
    #[arg(long, value_name = "DIR")]
    pub files: Option<PathBuf>,
}

/// Runs the command until Ctrl-C or SIGTERM. With `--json` the one document is written when the platform answers.
///
/// # Errors
/// The port is taken, the files can not be written.
pub async fn run(args: &Args, context: &Context) -> Result<(), CliError> {
    let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
    let practice = Practice::start(PracticeConfig { bind, ..PracticeConfig::default() }).await?;
    let origin = practice.origin();
    let mut text = format!("{}\n", context.ui.out.tone(Tone::Strong, &format!("the practice platform is at {origin}")));
    let mut facts = Facts::default()
        .with("sign in", "operator / practice (north_star, harbour_books), visitor / practice (passer_by)")
        .with("truth", format!("{origin}/__truth"))
        .with("faults", format!("{origin}/__control/faults"));
    let mut written = Vec::new();
    if let Some(dir) = &args.files {
        for handle in practice.handles() {
            written.push(files_of(&practice, handle, dir)?);
        }
        facts = facts.with("files", dir.display()).maybe("connect", written.first().map(|f| f.command(&origin)));
    }
    text.push_str(&facts.render());
    let accounts: Vec<_> = written
        .iter()
        .map(|f| json!({ "handle": f.handle, "name": f.name, "session": f.session, "avatar": f.avatar }))
        .collect();
    let data = json!({ "origin": origin, "handles": practice.handles(), "accounts": accounts });
    // Before anybody reads that it runs: a signal from then on must end it in good order.
    let stop = asked_to_stop();
    context.ui.answer(&Answer::done(data, text));
    context.ui.say("Ctrl-C stops it");
    stop.await;
    practice.stop().await;
    Ok(())
}

/// What `deed account add` asks for, of one account.
#[derive(Debug)]
pub(crate) struct AccountFiles {
    pub(crate) handle: String,
    pub(crate) name: String,
    pub(crate) session: PathBuf,
    pub(crate) avatar: PathBuf,
}

impl AccountFiles {
    fn command(&self, origin: &str) -> String {
        format!(
            "deed account add --platform practice --handle {} --name {:?} --avatar {} --origin {origin} --session {}",
            self.handle,
            self.name,
            self.avatar.display(),
            self.session.display()
        )
    }
}

/// Signs an account in and writes its session and its avatar.
pub(crate) fn files_of(practice: &Practice, handle: &str, dir: &Path) -> Result<AccountFiles, CliError> {
    let facts = practice.account_fingerprint(handle)?;
    let state = practice.storage_state(handle)?;
    make_private_dir(dir).map_err(CliError::file("make the directory", dir))?;
    let (session, avatar) = (dir.join(format!("{handle}.session.json")), dir.join(format!("{handle}.avatar.png")));
    write_private(&session, state.to_string().as_bytes())?;
    write_private(&avatar, &facts.avatar_png)?;
    Ok(AccountFiles { handle: facts.handle, name: facts.display_name, session, avatar })
}

/// A session is a secret, also on the practice platform: habits are made here.
fn write_private(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(bytes)).map_err(CliError::file("write", path))
}
