//! Unicode's characters that cannot be seen, and code points that are no characters. The standard library has neither table.

/// Characters that show nothing by themselves: Unicode's default ignorable code points and the interlinear marks.
/// The Arabic and Syriac format characters that are drawn (U+0600 and others) are none of them.
pub fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// The code points that Unicode keeps for ever from being characters.
pub fn is_noncharacter(character: char) -> bool {
    let code = u32::from(character);
    (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_cannot_be_seen() {
        for hidden in ['\u{200b}', '\u{200d}', '\u{202e}', '\u{feff}', '\u{fe0f}', '\u{e0041}', '\u{3164}', '\u{ad}'] {
            assert!(is_invisible(hidden), "{hidden:?}");
        }
        for seen in [' ', 'a', 'ग', '\u{94d}', '👍', '\u{600}', '\u{3000}', '\u{e000}', '\u{301}'] {
            assert!(!is_invisible(seen), "{seen:?}");
        }
        assert!(is_noncharacter('\u{ffff}') && is_noncharacter('\u{1fffe}') && is_noncharacter('\u{fdd0}'));
        assert!(!is_noncharacter('\u{fffd}') && !is_noncharacter('\u{fffc}') && !is_noncharacter('\u{fdcf}'));
    }
}
