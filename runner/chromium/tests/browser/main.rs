//! The adapter in a real browser, against the practice platform.

mod frames;
mod inputs;
mod names;
mod origins;
mod pictures;
mod recording;
mod redaction;
mod safety;
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod support;
