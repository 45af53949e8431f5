//! The shape of an admitted statement: what it has in common with those that differ from it by values and by names of their
//! writer's choosing alone.

use super::Gated;
use super::keywords;
use super::lexeme::{Lexeme, LexemeKind};
use super::lexer;
use super::limits::Limits;

/// Ends each part: no token holds it.
const END: char = '\0';
/// In the place of a constant.
const CONSTANT: &str = "?";

impl Gated {
    /// The statement's tokens without comments, each constant as `?`, a list of constants in brackets as one, and each name that
    /// is neither a keyword nor known as `$1`, `$2`, .. by its first place. Letters of unquoted words are lower-case.
    ///
    /// Equal shapes are statements that do the same with other values. Not for a reader: names that are known may hold anything.
    ///
    /// `None` where the text is over `limits` now.
    #[must_use]
    pub fn shape(&self, limits: &Limits, is_known: impl Fn(&str) -> bool) -> Option<String> {
        let lexemes = lexer::lex(self.sql(), limits).ok()?;
        let mut parts: Vec<String> = Vec::new();
        let mut names: Vec<String> = Vec::new();
        for lexeme in lexemes.iter().filter(|lexeme| self.statement.contains(&lexeme.start)) {
            let part = match lexeme.kind {
                LexemeKind::Number | LexemeKind::String(_) => CONSTANT.to_owned(),
                LexemeKind::Word => {
                    let word = lexeme.text(self.sql()).to_ascii_lowercase();
                    if keywords::is_keyword(&word) { word } else { shown(word, &mut names, &is_known) }
                }
                LexemeKind::QuotedWord => shown(unquoted(lexeme, self.sql()), &mut names, &is_known),
                LexemeKind::Operator | LexemeKind::Symbol(_) | LexemeKind::DoubleColon | LexemeKind::ColonEquals => {
                    lexeme.text(self.sql()).to_owned()
                }
            };
            if part == CONSTANT && is_list_of_constants(&parts) {
                parts.pop();
            } else {
                parts.push(part);
            }
        }
        let mut shape = String::new();
        for part in parts {
            shape.push_str(&part);
            shape.push(END);
        }
        Some(shape)
    }
}

/// `( ? ,` so far.
fn is_list_of_constants(parts: &[String]) -> bool {
    matches!(parts, [.., open, constant, comma] if (open == "(" || open == "[") && constant == CONSTANT && comma == ",")
}

fn unquoted(lexeme: &Lexeme, sql: &str) -> String {
    let text = lexeme.text(sql);
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text).replace("\"\"", "\"")
}

/// A name as it is where it is known, and by its number where it is not.
fn shown(name: String, names: &mut Vec<String>, is_known: &impl Fn(&str) -> bool) -> String {
    if is_known(&name) {
        return name;
    }
    let number = names.iter().position(|known| *known == name).unwrap_or_else(|| {
        names.push(name);
        names.len().saturating_sub(1)
    });
    format!("${}", number.saturating_add(1))
}
