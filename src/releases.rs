//! Which releases of PostgreSQL the plane opens on.
//!
//! Pure. Guarantees that a release that is not known, or whose version cannot be read, is none of them.

/// The oldest minor of each major that does not let an error message carry a row past row-level security, as
/// `server_version_num` gives it. Source: the release notes of 2026-11-12 for 15.20, 16.16, 17.12 and 18.7, which name
/// CVE-2026-116327; 18.6, of 2026-08-13, has it still. Every release of 19 is later, but its betas and release candidates
/// report the number of 19.0 as well.
const FLOORS: [u32; 5] = [150_020, 160_016, 170_012, 180_007, 190_000];

/// Why the plane stays shut on a server with this `server_version_num` and `server_version`, as one sentence.
pub fn problem(number: u32, text: &str) -> Option<String> {
    let (major, minor) = (number / 10_000, number % 10_000);
    let Some(floor) = FLOORS.iter().find(|floor| *floor / 10_000 == major) else {
        return Some(format!("PostgreSQL {major} is none of the majors that this version of splitplane knows."));
    };
    let version = text.split_whitespace().next().unwrap_or_default();
    if !is_release(version, major, minor) {
        let shown: String =
            version.chars().filter(|c| c.is_ascii_alphanumeric() || ".~+-".contains(*c)).take(30).collect();
        return Some(format!(
            "The server calls itself PostgreSQL \"{shown}\": betas, release candidates and development versions are refused."
        ));
    }
    (number < *floor).then(|| {
        format!(
            "PostgreSQL {major}.{minor} lets an error message carry a row past row-level security (CVE-2026-116327)."
        )
    })
}

/// Whether the version is that of a release: `19.0` and not `19rc1`. Builders may add to it, as in `15.20.1` or `15.20-ours`.
fn is_release(version: &str, major: u32, minor: u32) -> bool {
    let Some(added) = version.strip_prefix(&format!("{major}.{minor}")) else { return false };
    let is_apart = added.chars().next().is_none_or(|first| ".-+".contains(first));
    is_apart && !["alpha", "beta", "rc", "devel"].iter().any(|word| added.to_ascii_lowercase().contains(word))
}

#[cfg(test)]
mod tests {
    use super::problem;

    fn is_refused(number: u32, text: &str, because: &str) {
        let said = problem(number, text).unwrap_or_default();
        assert!(said.contains(because), "{number} {text}: {said:?}");
    }

    #[test]
    fn takes_the_floor_of_each_major_and_what_is_newer() {
        for (number, text) in [
            (150_020, "15.20"),
            (150_020, "15.20 (Debian 15.20-0+deb12u1)"),
            (150_021, "15.21"),
            (160_016, "16.16 (Ubuntu 16.16-0ubuntu0.24.04.1)"),
            (170_012, "17.12 (Debian 17.12-0+deb13u1)"),
            (180_007, "18.7"),
            (190_000, "19.0"),
            (190_000, "19.0 (Debian 19.0-1.pgdg13+1)"),
            (190_001, "19.1"),
            (150_020, "15.20.1"),
            (150_020, "15.20-ours"),
            // What stands behind the version is the packager's own.
            (150_020, "15.20 (made for devel)"),
        ] {
            assert_eq!(problem(number, text), None, "{number} {text}");
        }
    }

    #[test]
    fn refuses_what_is_below_the_floor() {
        for (number, text) in [
            (150_019, "15.19"),
            (160_015, "16.15"),
            (170_011, "17.11 (Debian 17.11-0+deb13u1)"),
            (180_006, "18.6 (Debian 18.6-3)"),
        ] {
            is_refused(number, text, "CVE-2026-116327");
        }
    }

    #[test]
    fn refuses_what_is_no_release() {
        for text in [
            "19devel",
            "19alpha1",
            "19beta1",
            "19beta3",
            "19rc1",
            "19rc1 (Debian 19~rc1-1)",
            "19~rc1",
            "19",
            "19.0rc1",
            "19.0~rc1",
            "19.0-rc2",
            "19.0-devel",
        ] {
            is_refused(190_000, text, "release candidates");
        }
        is_refused(180_007, "18beta1", "release candidates");
    }

    #[test]
    fn refuses_a_version_that_is_not_the_number() {
        for text in ["", " ", "15.2", "15.200", "15.20x", "16.20", "postgres"] {
            is_refused(150_020, text, "release candidates");
        }
    }

    #[test]
    fn refuses_majors_that_it_does_not_know() {
        for (number, text) in [(0, ""), (140_025, "14.25"), (200_000, "20.0"), (200_000, "20devel")] {
            is_refused(number, text, "none of the majors");
        }
    }

    #[test]
    fn shows_nothing_but_a_short_version() {
        let said = problem(190_000, &format!("19<\"{}", "x".repeat(4_000))).unwrap_or_default();
        assert!(said.contains("\"19xx") && said.len() < 200, "{said}");
    }
}
