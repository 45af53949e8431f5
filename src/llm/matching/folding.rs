//! Letters that differ in case alone: the standard library folds no case.

/// Folds case as Unicode's full case folding does for all but a few scripts, whatever the locale: `ẞ`, `ß` and `ss`
/// are one, and so are the two small sigmas. The Turkish dotless `ı` stays, for it makes other words; `İ` is an `i`.
pub(crate) fn fold_case(character: char) -> impl Iterator<Item = char> {
    let (kept, folded) = match character {
        'ı' => (Some(character), None),
        'İ' => (Some('i'), None),
        _ => (None, Some(character.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase))),
    };
    kept.into_iter().chain(folded.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> String {
        text.chars().flat_map(fold_case).collect()
    }

    #[test]
    fn folds_case_in_every_script() {
        for (one, other) in [
            ("STRASSE", "straße"),
            ("STRAẞE", "strasse"),
            ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
            ("ЁЛКА", "ёлка"),
            ("Ǆ", "ǆ"),
            ("İ", "i"),
        ] {
            assert_eq!(folded(one), folded(other));
        }
        assert_ne!(folded("kız"), folded("kiz"));
        assert_eq!(folded("日本 हिन्दी ไทย"), "日本 हिन्दी ไทย");
    }
}
