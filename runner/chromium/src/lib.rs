//! Deed's browser: Chromium over its debugging pipe.
//!
//! Owns the process, the pipe, the tab, input, the one press and the network gate. Judges nothing: it reports what each
//! locator names and lets the engine decide. Never hides that the browser is automated, never answers a captcha.
//!
//! A file per noun: [`launch`] (process, user, profile, guard), [`wire`] (pipe), [`browser`] (the running Chromium and
//! its warm contexts), [`page`] (one tab), `frames` (its inner frames of other origins), `session` (an account's
//! context as the engine's port), `pace` (what is drawn from the seed), `clock` (that nobody
//! sets), `input` (what is done with it), `pictures` (taken while the episode goes on), `press` (the commit), [`gate`]
//! and [`relay`] (at most one write, in the browser and on the wire), [`network`] (where let-through requests go: the
//! platform, a tape, or a fixture), `replay` (a browser that plays on a stage), [`visible`] (a window in which a person
//! signs in).

#![forbid(unsafe_code)]

pub mod browser;
mod chooser;
mod clock;
mod film;
mod frames;
pub mod gate;
mod input;
pub mod launch;
pub mod network;
mod pace;
pub mod page;
mod pictures;
mod press;
mod query;
mod redact;
pub mod relay;
mod replay;
mod session;
mod storage;
pub mod visible;
pub mod wire;

pub use browser::{Chromium, ChromiumConfig};
pub use clock::steady;
pub use launch::{LaunchConfig, RunnerLock, Runners, find_binary};
pub use replay::Replaying;
pub use session::ChromiumSession;
