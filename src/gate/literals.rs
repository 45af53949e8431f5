//! String constants and numbers, as scan.l reads them.

use super::error::{GateError, GateResult};
use super::lexeme::{Cursor, LexemeKind, StringForm, is_identifier_start, is_space};

/// Reads a string in single quotes whose opening is `opening` bytes long, with its continuations on later lines.
pub(super) fn quoted(cursor: &mut Cursor<'_>, opening: usize, form: StringForm) -> GateResult<LexemeKind> {
    cursor.skip(opening);
    loop {
        match cursor.at(0) {
            _ if cursor.is_at_end() => return Err(GateError::syntax("unterminated string constant")),
            b'\'' if cursor.at(1) == b'\'' && !matches!(form, StringForm::Bit | StringForm::Hex) => cursor.skip(2),
            b'\'' => {
                cursor.skip(1);
                if !continues(cursor) {
                    return Ok(LexemeKind::String(form));
                }
            }
            b'\\' if form == StringForm::Escape => escape(cursor)?,
            _ => cursor.skip(1),
        }
    }
}

/// One backslash escape. Those that would put a zero byte into the string are refused.
fn escape(cursor: &mut Cursor<'_>) -> GateResult<()> {
    let (digits, radix, longest) = match cursor.at(1) {
        b'0'..=b'7' => (1, 8, 3),
        b'x' if cursor.at(2).is_ascii_hexdigit() => (2, 16, 2),
        b'u' => (2, 16, 4),
        b'U' => (2, 16, 8),
        _ => {
            cursor.skip(2);
            return Ok(());
        }
    };
    cursor.skip(digits);
    let mut value = 0_u64;
    for _ in 0..longest {
        let Some(digit) = char::from(cursor.at(0)).to_digit(radix) else { break };
        value = value.wrapping_mul(u64::from(radix)).wrapping_add(u64::from(digit));
        cursor.skip(1);
    }
    // An octal escape keeps its low byte: \400 is zero too.
    if value == 0 || (radix == 8 && value.is_multiple_of(256)) {
        return Err(GateError::Character { what: "an escape for the NUL character" });
    }
    Ok(())
}

/// After a closing quote: does the string go on behind white space that contains a newline? Then the cursor is moved
/// behind the quote that opens the next part. Comments count as white space here, `--` ones only.
fn continues(cursor: &mut Cursor<'_>) -> bool {
    let before = cursor.position;
    let mut newline = false;
    loop {
        let byte = cursor.at(0);
        if byte == b'\n' || byte == b'\r' {
            newline = true;
            cursor.skip(1);
        } else if is_space(byte) {
            cursor.skip(1);
        } else if cursor.looks_at(b"--") {
            cursor.skip_while(|byte| byte != b'\n' && byte != b'\r');
        } else if byte == b'\'' && newline {
            cursor.skip(1);
            return true;
        } else {
            cursor.position = before;
            return false;
        }
    }
}

/// Reads `$tag$..$tag$`.
pub(super) fn dollar_quoted(cursor: &mut Cursor<'_>) -> GateResult<LexemeKind> {
    let start = cursor.position;
    cursor.skip(1);
    if is_identifier_start(cursor.at(0)) {
        cursor.skip_while(|byte| is_identifier_start(byte) || byte.is_ascii_digit());
    }
    if cursor.at(0) != b'$' {
        return Err(GateError::syntax_near("syntax error", "$"));
    }
    cursor.skip(1);
    let tag = cursor.bytes.get(start..cursor.position).unwrap_or_default();
    while !cursor.is_at_end() {
        if cursor.at(0) != b'$' {
            cursor.skip(1);
        } else if cursor.looks_at(tag) {
            cursor.skip(tag.len());
            return Ok(LexemeKind::String(StringForm::Dollar));
        } else {
            cursor.skip(1);
        }
    }
    Err(GateError::syntax("unterminated dollar-quoted string"))
}

/// Reads a number, in the spellings of PostgreSQL 16 and later too; an older server refuses those itself.
pub(super) fn number(cursor: &mut Cursor<'_>) -> GateResult<LexemeKind> {
    let radix = match (cursor.at(0), cursor.at(1)) {
        (b'0', b'x' | b'X') => 16,
        (b'0', b'o' | b'O') => 8,
        (b'0', b'b' | b'B') => 2,
        _ => 10,
    };
    if radix != 10 {
        cursor.skip(2);
        digits(cursor, radix);
    } else {
        digits(cursor, 10);
        // `1..2` is refused at its dots.
        if cursor.at(0) == b'.' && cursor.at(1) != b'.' {
            cursor.skip(1);
            digits(cursor, 10);
        }
        if matches!(cursor.at(0), b'e' | b'E') {
            let signed = usize::from(matches!(cursor.at(1), b'+' | b'-'));
            if cursor.at(signed.saturating_add(1)).is_ascii_digit() {
                cursor.skip(signed.saturating_add(1));
                digits(cursor, 10);
            }
        }
    }
    if is_identifier_start(cursor.at(0)) || cursor.at(0).is_ascii_digit() {
        return Err(GateError::syntax("trailing junk after a number"));
    }
    Ok(LexemeKind::Number)
}

/// Digits, singly joined by underscores.
fn digits(cursor: &mut Cursor<'_>, radix: u32) {
    loop {
        let joined = usize::from(cursor.at(0) == b'_');
        if !char::from(cursor.at(joined)).is_digit(radix) {
            return;
        }
        cursor.skip(joined.saturating_add(1));
    }
}
