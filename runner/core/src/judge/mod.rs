//! The runner's judgements, each a pure function over what was seen: which node is meant, is this the right account, is
//! the content there already, has the layout moved, did it happen.
//!
//! Nothing here waits, clicks or writes.

pub mod drift;
pub mod identity;
pub mod proposal;
pub mod quorum;
pub mod same;
pub mod text;
