//! A browser that a person sees: where its window is shown, which browser has windows, and the Enter key in the terminal.
//!
//! Owns finding them and saying what is missing. What happens in the window is the business of whoever opens it.

use std::path::PathBuf;

use deed_chromium::LaunchConfig;
use deed_chromium::launch::{Binary, Display, find_visible};
use tokio::sync::mpsc;

/// Why there is no window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// There is nowhere to show one.
    #[error("there is no display to show a browser on: neither DISPLAY nor WAYLAND_DISPLAY is set")]
    NoDisplay {
        /// What to do without one.
        instead: &'static str,
    },
    /// There is no browser with windows.
    #[error("there is no browser with windows: {0}")]
    NoBrowser(String),
}

impl WindowError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoDisplay { .. } => "no-display",
            Self::NoBrowser(_) => "no-visible-browser",
        }
    }

    /// What to do.
    pub const fn help(&self) -> &'static str {
        match self {
            Self::NoDisplay { instead } => instead,
            Self::NoBrowser(_) => {
                "install one (Debian: `apt-get install chromium`), or name it by DEED_VISIBLE_BROWSER; a headless shell has no windows"
            }
        }
    }
}

/// How a browser is started that shows its windows on this process's display. `instead`: what a person does who has none.
///
/// # Errors
/// No display, or no browser with windows.
pub fn launch(instead: &'static str) -> Result<LaunchConfig, WindowError> {
    let display = Display::named(|name| std::env::var_os(name)).ok_or(WindowError::NoDisplay { instead })?;
    let binary = visible_binary(std::env::var_os("DEED_VISIBLE_BROWSER").map(PathBuf::from))?;
    Ok(LaunchConfig { binary: Some(binary.executable().to_owned()), display: Some(display), ..LaunchConfig::default() })
}

fn visible_binary(named: Option<PathBuf>) -> Result<Binary, WindowError> {
    let Some(path) = named else {
        return find_visible().ok_or_else(|| WindowError::NoBrowser("none is on the PATH".to_owned()));
    };
    match Binary::at(&path) {
        Ok(binary) if !binary.is_headless_shell() => Ok(binary),
        Ok(_) => Err(WindowError::NoBrowser(format!("{} is a headless shell", path.display()))),
        Err(_) => Err(WindowError::NoBrowser(format!("{} is not there", path.display()))),
    }
}

/// A word for each line that is typed here. The end of the input is none: a script has no Enter to press.
pub fn lines() -> mpsc::UnboundedReceiver<()> {
    let (tell, told) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        while std::io::stdin().read_line(&mut line).is_ok_and(|read| read > 0) && tell.send(()).is_ok() {
            line.clear();
        }
        // Kept, so that nobody who waits for a line is told that there is one.
        std::mem::forget(tell);
    });
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_headless_shell_has_no_windows() {
        let dir = std::env::temp_dir();
        for (name, why) in [("chrome-headless-shell", "headless shell"), ("nothing-here", "not there")] {
            let path = dir.join(format!("{}-{name}", uuid::Uuid::new_v4()));
            if why == "headless shell" {
                assert!(std::fs::write(&path, b"").is_ok());
            }
            let error = visible_binary(Some(path.clone())).err();
            assert!(error.as_ref().is_some_and(|e| e.to_string().contains(why)), "{error:?}");
            let _ = std::fs::remove_file(path);
        }
    }
}
