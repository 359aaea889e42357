//! Names of things. Each is its own type, so that an account can not stand where an action is asked for.
//!
//! Ids are minted outside (this crate has no dice of its own) and are opaque here.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the id as it was minted or stored.
            pub fn new(id: impl Into<String>) -> Self {
                Self(id.into())
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// One atomic side effect.
    ActionId
);
id!(
    /// One end-to-end execution attempt.
    EpisodeId
);
id!(
    /// A client of the operator.
    ClientId
);
id!(
    /// One connected account of one client on one platform.
    AccountId
);
id!(
    /// A process that runs episodes.
    WorkerId
);
id!(
    /// sha256 (hex) of the policy snapshot that let an action pass.
    PolicySnapshotId
);
