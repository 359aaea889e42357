//! The runner's judgements, each a pure function over what was seen: which node is meant, is this the right account, is
//! it done already, has the layout moved, did it happen.
//!
//! Nothing here waits, clicks or writes.

pub mod drift;
pub mod evidence;
pub mod identity;
pub mod proposal;
pub mod quorum;
pub mod same;
pub mod text;
