//! The display on which a person sees a browser, where this process was started on one.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use deed_core::ports::browser::BrowserFault;

use super::user::BrowserUser;

/// A display, as the environment names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Display {
    /// The names and values that lead to it.
    variables: Vec<(&'static str, String)>,
    /// What opens an X display to its owner only.
    authority: Option<PathBuf>,
}

impl Display {
    /// The one that these variables name; `None`: there is none, as in a service or over a plain remote shell.
    pub fn named(env: impl Fn(&str) -> Option<OsString>) -> Option<Self> {
        let said = |name: &'static str| {
            let value = env(name)?.into_string().ok()?;
            (!value.is_empty()).then_some((name, value))
        };
        let (x, wayland) = (said("DISPLAY"), said("WAYLAND_DISPLAY"));
        if x.is_none() && wayland.is_none() {
            return None;
        }
        // A Wayland display is a socket in the person's own run-time directory.
        let runtime = wayland.as_ref().and_then(|_| said("XDG_RUNTIME_DIR"));
        let home = || env("HOME").map(|home| PathBuf::from(home).join(".Xauthority"));
        let authority = env("XAUTHORITY").map(PathBuf::from).or_else(home).filter(|path| x.is_some() && path.is_file());
        Some(Self { variables: [x, wayland, runtime].into_iter().flatten().collect(), authority })
    }

    /// What the browser needs to know of it. The key of an X display is copied to where the browser's user may read it.
    pub(super) fn environment(
        &self,
        home: &Path,
        user: BrowserUser,
    ) -> Result<Vec<(&'static str, String)>, BrowserFault> {
        let mut variables = self.variables.clone();
        if let Some(authority) = &self.authority {
            let copy = home.join("Xauthority");
            fs::copy(authority, &copy)
                .map_err(|e| BrowserFault::Launch(format!("failed to hand over the key of the display: {e}")))?;
            user.give(&copy)?;
            variables.push(("XAUTHORITY", copy.display().to_string()));
        }
        Ok(variables)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_display_there_is_none() {
        let named = |wanted: &'static str, value: &'static str| {
            Display::named(move |name| (name == wanted).then(|| OsString::from(value)))
        };
        assert_eq!(named("HOME", "/nowhere"), None);
        assert_eq!(named("DISPLAY", ""), None);
        let x = named("DISPLAY", ":7").map(|display| display.variables);
        assert_eq!(x, Some(vec![("DISPLAY", ":7".to_owned())]));
        assert!(named("WAYLAND_DISPLAY", "wayland-0").is_some());
    }
}
