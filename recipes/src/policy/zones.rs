//! Time zones by their IANA names, from the database that is part of the binary: nothing is read from the machine.

use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};

/// The zone of a policy that names none.
pub const UTC: &str = "UTC";

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The zone of a name; `None` when there is no such zone. Names are compared without regard to case.
#[must_use]
pub fn zone(name: &str) -> Option<TimeZone> {
    ZONES.get(name).ok()
}

/// The name as the database writes it.
pub(super) fn proper_name(name: &str) -> Option<String> {
    zone(name).map(|zone| zone.iana_name().unwrap_or(name).to_owned())
}

/// All names.
pub(super) fn names() -> Vec<String> {
    ZONES.available().map(|name| name.as_str().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_come_with_the_binary() {
        assert!(names().len() > 400, "{}", names().len());
        assert_eq!(proper_name("europe/berlin").as_deref(), Some("Europe/Berlin"));
        assert!(zone("Australia/Lord_Howe").is_some() && zone(UTC).is_some() && zone("Mars/Olympus").is_none());
    }
}
