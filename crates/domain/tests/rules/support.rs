//! Short forms for tests: an instant from local time, and back.

use yuezhi_domain::{TimeZoneName, UnixMillis};

pub(crate) const ZONES: [&str; 4] = [
    "Asia/Shanghai",
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",
];

pub(crate) fn zone(name: &str) -> TimeZoneName {
    name.parse().unwrap()
}

/// `at("2026-11-22 09:00", "Asia/Shanghai")`.
pub(crate) fn at(local: &str, zone_name: &str) -> UnixMillis {
    let local = local.replace(' ', "T").parse().unwrap();
    UnixMillis::of_local(local, zone(zone_name).zone()).unwrap()
}

pub(crate) fn shanghai(local: &str) -> UnixMillis {
    at(local, "Asia/Shanghai")
}

/// `2026-11-22 09:00` in a zone.
pub(crate) fn local(instant: UnixMillis, zone_name: &str) -> String {
    let zoned = instant.in_zone(zone(zone_name).zone());
    zoned.strftime("%Y-%m-%d %H:%M").to_string()
}
