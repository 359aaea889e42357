//! Starting Chromium so that it can be trusted and always ends.
//!
//! Sandbox on; never as root (started by root, the browser runs as an unprivileged user of its own); a private, temporary
//! profile; no debugging port: the only way to drive it is a pipe that this process holds. When this process dies, in whatever way,
//! the pipe closes and Chromium ends itself; a guard process ends it even when it is wedged.

mod binary;
mod display;
mod guard;
mod registry;
mod user;

use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use command_fds::{CommandFdExt as _, FdMapping};
use deed_core::ids::WorkerId;
use deed_core::ports::browser::BrowserFault;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};

pub use binary::{Binary, find as find_binary, find_visible};
pub use display::Display;
pub use guard::Guard as GuardHandle;
pub use registry::{RunnerLock, Runners, end_group, group_lives};

use user::BrowserUser;

/// How the browser is started.
#[derive(Debug, Clone, Default)]
pub struct LaunchConfig {
    /// The executable; `None`: found on the PATH, `chromium-headless-shell` first.
    pub binary: Option<PathBuf>,
    /// Where temporary profiles are made; `None`: the system's temporary directory.
    pub profiles_in: Option<PathBuf>,
    /// Whether no name resolves: for replay, where nothing may reach a network.
    pub hermetic: bool,
    /// The display on which a person sees it; `None`: nobody does.
    pub display: Option<Display>,
    /// Whether each site has a process of its own in the headless shell, as it has in the full browser anyway.
    pub isolate_sites: bool,
}

/// A running browser with both ends of its pipe.
pub struct Launched {
    /// The process.
    pub child: Child,
    /// Its group; every process of the browser is in it.
    pub group: i32,
    /// To it.
    pub to_browser: pipe::Sender,
    /// From it.
    pub from_browser: pipe::Receiver,
    /// Its private directory.
    pub home: Home,
    /// Ends it when this process dies.
    pub guard: guard::Guard,
}

/// The private directory of one browser: profile, uploads, nothing else. Removed when dropped.
#[derive(Debug)]
pub struct Home {
    path: PathBuf,
    user: BrowserUser,
}

impl Home {
    fn create(config: &LaunchConfig, user: BrowserUser) -> Result<Self, BrowserFault> {
        use std::os::unix::fs::DirBuilderExt as _;
        let base = config.profiles_in.clone().unwrap_or_else(std::env::temp_dir);
        let mut name = uuid::Uuid::new_v4().simple().to_string();
        if config.display.is_some() {
            // The full browser keeps a socket below it, and the path of a socket has 107 bytes at most. A name that is taken is refused.
            name.truncate(8);
        }
        let path = base.join(format!("deed-browser-{name}"));
        let home = Self { path, user };
        for dir in [home.path.clone(), home.profile(), home.uploads()] {
            fs::DirBuilder::new()
                .mode(0o700)
                .create(&dir)
                .map_err(|e| launch(format!("failed to make {}: {e}", dir.display())))?;
            home.user.give(&dir)?;
        }
        Ok(home)
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn profile(&self) -> PathBuf {
        self.path.join("profile")
    }

    fn uploads(&self) -> PathBuf {
        self.path.join("uploads")
    }

    /// Copies a file to where the browser may read it; returns the copy's path. Its name is kept, because pages show it.
    pub fn stage(&self, file: &Path) -> Result<PathBuf, BrowserFault> {
        let dir = self.uploads().join(uuid::Uuid::new_v4().simple().to_string());
        let name = file.file_name().ok_or_else(|| launch(format!("{} has no file name", file.display())))?;
        let copy = dir.join(name);
        fs::create_dir(&dir).and_then(|()| fs::copy(file, &copy).map(drop)).map_err(|e| {
            BrowserFault::InputRefused(format!("failed to hand {} to the browser: {e}", file.display()))
        })?;
        self.user.give(&dir)?;
        self.user.give(&copy)?;
        Ok(copy)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // The guard removes it too; a leftover is found by the next runner's recovery.
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn launch(why: String) -> BrowserFault {
    BrowserFault::Launch(why)
}

/// Starts Chromium. `worker` is written beside the lock of the runner, so that recovery can end it.
pub fn start(config: &LaunchConfig, runner: Option<(&Runners, &WorkerId)>) -> Result<(Launched, Binary), BrowserFault> {
    let binary = match &config.binary {
        Some(path) => Binary::at(path)?,
        None => find_binary()?,
    };
    let user = BrowserUser::choose()?;
    let home = Home::create(config, user)?;
    let mut environment = environment(&home);
    if let Some(display) = &config.display {
        environment.extend(display.environment(home.path(), user)?);
    }

    let (browser_reads, we_write) = std::io::pipe().map_err(|e| launch(format!("failed to make a pipe: {e}")))?;
    let (we_read, browser_writes) = std::io::pipe().map_err(|e| launch(format!("failed to make a pipe: {e}")))?;
    let mut command = std::process::Command::new(binary.executable());
    command.args(flags(&home, &binary, config)).env_clear().envs(environment);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mappings = vec![
        FdMapping { parent_fd: OwnedFd::from(browser_reads), child_fd: 3 },
        FdMapping { parent_fd: OwnedFd::from(browser_writes), child_fd: 4 },
    ];
    command.fd_mappings(mappings).map_err(|e| launch(format!("failed to hand over the pipe: {e}")))?;
    {
        use std::os::unix::process::CommandExt as _;
        command.process_group(0);
        home.user.run_as(&mut command);
    }
    let mut command = Command::from(command);
    command.kill_on_drop(true);
    let child = command.spawn().map_err(|e| launch(format!("{} did not start: {e}", binary.executable().display())))?;
    let group =
        child.id().and_then(|id| i32::try_from(id).ok()).ok_or_else(|| launch("it ended at once".to_owned()))?;
    let guard = guard::Guard::start(group, home.path())?;
    if let Some((runners, worker)) = runner {
        runners.note_browser(worker, group, home.path())?;
    }
    let pipes = |e: std::io::Error| launch(format!("failed to use the pipe: {e}"));
    let launched = Launched {
        child,
        group,
        to_browser: pipe::Sender::from_owned_fd(OwnedFd::from(we_write)).map_err(pipes)?,
        from_browser: pipe::Receiver::from_owned_fd(OwnedFd::from(we_read)).map_err(pipes)?,
        home,
        guard,
    };
    Ok((launched, binary))
}

/// Nothing here hides that the browser is automated: `navigator.webdriver` stays true.
fn flags(home: &Home, binary: &Binary, config: &LaunchConfig) -> Vec<String> {
    let fixed = [
        "--remote-debugging-pipe",
        "--no-first-run",
        "--no-default-browser-check",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-default-apps",
        "--disable-sync",
        "--disable-breakpad",
        "--disable-crash-reporter",
        "--disable-extensions",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        // Several accounts share one browser: none may be slowed down because another's tab is "in front".
        "--disable-background-timer-throttling",
        "--disable-backgrounding-occluded-windows",
        "--disable-renderer-backgrounding",
        "--password-store=basic",
        "--use-mock-keychain",
        "--force-color-profile=srgb",
        "--window-size=1280,800",
        // The full browser's own start pages are a third of its start; the headless shell ignores the names.
        "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,WebUIOmniboxFullPopup,PreloadTopChromeWebUI,Translate,OptimizationHints,MediaRouter",
    ];
    // Where nobody hides that it is automated either: `navigator.webdriver` stays true. The only tab is the one that is opened.
    let seen = ["--enable-automation", "--no-startup-window"];
    let unseen = ["--headless", "--hide-scrollbars", "--mute-audio"];
    let manner = if config.display.is_some() { &seen[..] } else { &unseen[..] };
    let mut flags: Vec<String> = fixed.iter().chain(manner).map(|f| (*f).to_owned()).collect();
    flags.push(format!("--user-data-dir={}", home.profile().display()));
    if config.isolate_sites {
        flags.push("--site-per-process".to_owned());
    }
    if config.hermetic {
        // A backstop behind the gate. The relay stays reachable, so that what tries to leave beside the gate is named.
        flags.push("--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1".to_owned());
    }
    if !binary.is_headless_shell() && config.display.is_none() {
        // It would show its start page; the headless shell that is driven by another program opens no tab of its own.
        flags.push("about:blank".to_owned());
    }
    flags
}

/// A clean environment: no proxy, token or display of the runner's leaks into the browser.
fn environment(home: &Home) -> Vec<(&'static str, String)> {
    let dir = home.path().display().to_string();
    vec![
        ("HOME", dir.clone()),
        ("TMPDIR", dir.clone()),
        ("XDG_CONFIG_HOME", dir.clone()),
        ("XDG_CACHE_HOME", dir),
        ("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()),
        ("LANG", "C.UTF-8".to_owned()),
        ("TZ", "UTC".to_owned()),
    ]
}
