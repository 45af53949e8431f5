//! Names of time zones, as the server has them and as texts hold them.

#[pgrx::pg_schema]
mod tests {
    use crate::preflight::zone_problem;
    use crate::texts::{Reading, foreign_zone, is_foreign_as_time, is_zone};
    use pgrx::prelude::*;

    #[pg_test]
    fn knows_each_name_that_the_server_lists() {
        let names = Spi::get_one::<Vec<String>>("SELECT array_agg(name) FROM pg_timezone_names");
        let names = names.unwrap().unwrap();
        assert!(names.len() > 300, "{}", names.len());
        for name in names.iter().filter(|name| !name.starts_with("posix/") && !name.starts_with("right/")) {
            let is_none = ["localtime", "posixrules", "Factory"].contains(&name.as_str());
            assert_eq!(is_zone(name), !is_none, "{name}");
            assert_eq!(is_zone(&name.to_ascii_uppercase()), !is_none, "{name}");
        }
    }

    #[pg_test]
    fn knows_nothing_else() {
        for name in [
            "",
            " ",
            "Europe",
            "Europe/",
            "Europe/Berlin ",
            "../Europe/Berlin",
            "ABC+3",
            "<+03>-3",
            "zone.tab",
            "posix/UTC",
        ] {
            assert!(!is_zone(name), "{name}");
        }
        for offset in ["Z", "+0", "-03", "+05:30", "-0930", "+15:45"] {
            assert!(is_zone(offset), "{offset}");
        }
        for offset in ["+", "+16", "+5:1", "+05:31", "+123", "5", "+05:30:00", "+-5"] {
            assert!(!is_zone(offset), "{offset}");
        }
    }

    #[pg_test]
    fn finds_zones_that_are_none_beside_dates() {
        for text in [
            "2026-01-01 ABC+3",
            "10:00 ABC+3",
            "20260101 ABC+3",
            "{2026-01-01 ABC+3}",
            "{\"10:00 ABC+3\"}",
            "1.5.2026 ABC+3",
        ] {
            assert_eq!(foreign_zone(text, Reading::Anything).as_deref(), Some("abc+3"), "{text}");
        }
        for text in [
            "INV-77",
            "Model-X5",
            "ABC+3",
            "Feb-7-1997 15:23",
            "2026-01-01 10:00 Europe/Berlin",
            "7-Feb-2026",
            "FM999,990.00",
            "0.1, 1e40",
            "[0.1, 1e40]",
        ] {
            assert_eq!(foreign_zone(text, Reading::Anything), None, "{text}");
        }
        assert_eq!(foreign_zone("ABC+3", Reading::Date).as_deref(), Some("abc+3"));
        assert_eq!(foreign_zone("{ABC+3}", Reading::Date).as_deref(), Some("abc+3"));
        // Few of these are let through: as a time they would name a zone.
        assert_eq!(foreign_zone("0.1, 1e40", Reading::Date).as_deref(), Some("e40"));
        assert!(is_foreign_as_time("0.1, 1e40"));
        assert!(is_foreign_as_time("Model-X5 2024") && !is_foreign_as_time("Model X5"));
    }

    #[pg_test]
    fn the_doctor_misses_old_names() {
        assert!(zone_problem(|_| true).is_none());
        let found = zone_problem(|name| name != "US/Pacific").unwrap();
        assert!(found.severity == "warning" && found.fix.contains("tzdata-legacy"));
    }
}
