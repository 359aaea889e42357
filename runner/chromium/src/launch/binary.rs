//! Finding a usable Chromium.

use std::path::{Path, PathBuf};

use deed_core::ports::browser::BrowserFault;

/// In the order of preference: the headless shell takes 0.4 times the CPU of the full browser.
const NAMES: [&str; 5] =
    ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A Chromium executable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binary {
    path: PathBuf,
}

impl Binary {
    /// An executable by its path.
    pub fn at(path: &Path) -> Result<Self, BrowserFault> {
        if path.is_file() {
            return Ok(Self { path: unwrapped(path) });
        }
        Err(BrowserFault::Launch(format!("{} is not there; set DEED_BROWSER to a Chromium executable", path.display())))
    }

    /// Whether it is Chromium's headless shell, by its name; Playwright's is spelled with an underscore.
    pub fn is_headless_shell(&self) -> bool {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().replace('_', "-");
        name.contains("headless-shell")
    }

    /// The executable.
    pub fn executable(&self) -> &Path {
        &self.path
    }
}

/// Debian's `chromium-headless-shell` is a shell script that does not `exec`: the process that is started would be
/// the shell, not the browser. What it starts is started directly.
fn unwrapped(path: &Path) -> PathBuf {
    let real = Path::new("/usr/lib/chromium/chromium-headless-shell");
    if path.ends_with("chromium-headless-shell") && path.parent() != real.parent() && real.is_file() {
        return real.to_path_buf();
    }
    path.to_path_buf()
}

/// The first of the known names on the PATH that has windows.
pub fn find_visible() -> Option<Binary> {
    first_of(&NAMES[1..])
}

fn first_of(names: &[&str]) -> Option<Binary> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut candidates = names.iter().flat_map(|name| std::env::split_paths(&path).map(move |dir| dir.join(name)));
    candidates.find(|candidate| candidate.is_file()).map(|path| Binary { path: unwrapped(&path) })
}

/// The first of the known names on the PATH.
pub fn find() -> Result<Binary, BrowserFault> {
    first_of(&NAMES)
        .ok_or_else(|| {
            BrowserFault::Launch(
                "no Chromium on the PATH; install it (Debian: `apt-get install chromium-headless-shell`) or set DEED_BROWSER".to_owned(),
            )
        })
}
