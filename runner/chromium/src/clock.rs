//! The clock of this process that nobody sets.

use std::sync::LazyLock;
use std::time::Instant;

use deed_core::time::{Moment, Steady, Timestamp};

static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// How long since this was asked first in this process.
pub fn steady() -> Steady {
    Steady(BEGAN.elapsed())
}

/// Now, where `at` is the time by the machine's clock or a stage's.
pub(crate) fn moment(at: Timestamp) -> Moment {
    Moment { at, steady: steady() }
}
