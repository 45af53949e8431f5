//! The caps that hold before any parser sees the text, and the measuring of the text against them.
//!
//! What costs stack is the *height* of the syntax tree: nested brackets, and chains such as `1 + 1 + 1`, which are
//! left-associative and so as high as they are long. Lists (`IN (..)`, select lists, VALUES rows) are flat and are
//! bounded by bytes and tokens only. The height is bounded from the token stream alone, in one pass, with a heap stack:
//! a bracket group is as high as its highest segment, a segment (the text between commas and clause keywords) as high as
//! the number of its operators plus its highest group. Not recognising a boundary only makes the bound larger.

use super::error::{GateError, GateResult};
use super::lexeme::{Lexeme, LexemeKind};

/// Caps on one statement. The defaults are safe in a debug build on a 2 MB thread, which the tests prove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole text.
    pub max_bytes: usize,
    /// Tokens, comments aside.
    pub max_tokens: usize,
    /// Height of the tree by operator chains: the longest chain, nested chains added together.
    pub max_operators: usize,
    /// UNION, INTERSECT and EXCEPT in the whole statement.
    pub max_set_arms: usize,
    /// JOINs in the whole statement.
    pub max_joins: usize,
    /// Parentheses, brackets and CASE inside one another.
    pub max_nesting: usize,
    /// Block comments inside one another; PostgreSQL's lexer takes quadratic time there without an interrupt check.
    pub max_comment_nesting: usize,
    /// Adjacent operator characters, also in block comments, for the same reason.
    pub max_operator_run: usize,
    /// Bytes of one identifier; PostgreSQL cuts at 63.
    pub max_identifier: usize,
    /// The server's major: which words are keywords.
    pub major: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 65_536,
            max_tokens: 32_768,
            max_operators: 1_000,
            max_set_arms: 200,
            max_joins: 200,
            max_nesting: 48,
            max_comment_nesting: 32,
            max_operator_run: 1_024,
            max_identifier: 256,
            major: 18,
        }
    }
}

/// One open bracket, CASE, or the statement itself.
#[derive(Default)]
struct Group {
    opened_by: u8,
    /// Operators in the segment being read.
    operators: usize,
    /// The highest group closed within the segment being read.
    inner: usize,
    /// The highest segment so far.
    height: usize,
    /// JOINs whose ON or USING is still to come.
    open_joins: usize,
}

impl Group {
    fn end_segment(&mut self) {
        self.height = self.height.max(self.operators.saturating_add(self.inner));
        self.operators = 0;
        self.inner = 0;
    }
}

/// `a JOIN b JOIN c ON .. ON ..` nests as deep as conditions are outstanding; sqlparser counts no recursion there.
const MOST_OPEN_JOINS: usize = 16;

/// CASE is a bracket closed by END; no such byte opens one otherwise.
const CASE: u8 = b'C';

/// Measures the tokens against the limits, and sees that brackets and CASE are balanced.
pub(super) fn measure(sql: &str, lexemes: &[Lexeme], limits: &Limits) -> GateResult<()> {
    let mut open: Vec<Group> = Vec::new();
    let mut current = Group::default();
    let mut previous = Role::Boundary;
    let mut after_cross = false;
    let (mut set_arms, mut joins) = (0_usize, 0_usize);
    for lexeme in lexemes {
        let role = role_of(sql, lexeme, previous);
        match role {
            Role::Open(by) => {
                // An array subscript and a `[]` type suffix are a level each, as chains of them are.
                if by == b'[' {
                    current.operators = current.operators.saturating_add(1);
                }
                if open.len() >= limits.max_nesting {
                    return Err(GateError::TooComplex { what: "levels of nesting", limit: limits.max_nesting });
                }
                open.push(std::mem::replace(&mut current, Group { opened_by: by, ..Group::default() }));
            }
            Role::Close(by) => {
                let closes = match by {
                    b')' => b'(',
                    b']' => b'[',
                    _ => CASE,
                };
                // END is also a label (`AS end`); outside a CASE it closes nothing.
                if by == CASE && current.opened_by != CASE {
                    previous = Role::Operand;
                    continue;
                }
                current.end_segment();
                let unbalanced = || GateError::syntax_near("brackets do not match", lexeme.text(sql));
                if current.opened_by != closes {
                    return Err(unbalanced());
                }
                let height = current.height.saturating_add(1);
                current = open.pop().ok_or_else(unbalanced)?;
                current.inner = current.inner.max(height);
            }
            Role::Operator => current.operators = current.operators.saturating_add(1),
            Role::Boundary => current.end_segment(),
            Role::SetArm => {
                current.end_segment();
                set_arms = set_arms.saturating_add(1);
            }
            Role::Join => {
                joins = joins.saturating_add(1);
                current.open_joins = current.open_joins.saturating_add(usize::from(!after_cross));
            }
            Role::Operand | Role::Dot => {}
        }
        after_cross = lexeme.is_keyword(sql, "CROSS");
        if lexeme.is_keyword(sql, "ON") || lexeme.is_keyword(sql, "USING") {
            current.open_joins = current.open_joins.saturating_sub(1);
        }
        if current.open_joins > MOST_OPEN_JOINS {
            return Err(GateError::TooComplex { what: "joins before their conditions", limit: MOST_OPEN_JOINS });
        }
        if current.operators > limits.max_operators {
            return Err(GateError::TooComplex { what: "operators in one expression", limit: limits.max_operators });
        }
        previous = role;
    }
    current.end_segment();
    if !open.is_empty() {
        return Err(GateError::syntax("a bracket or CASE is not closed"));
    }
    if current.height > limits.max_operators {
        return Err(GateError::TooComplex { what: "operators in one expression", limit: limits.max_operators });
    }
    if set_arms > limits.max_set_arms {
        return Err(GateError::TooComplex { what: "set operations", limit: limits.max_set_arms });
    }
    if joins > limits.max_joins {
        return Err(GateError::TooComplex { what: "joins", limit: limits.max_joins });
    }
    Ok(())
}

/// What a token means for the height of the tree.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Open(u8),
    Close(u8),
    Operator,
    Boundary,
    SetArm,
    Join,
    Operand,
    /// Between names: neither an operator nor the end of an operand.
    Dot,
}

fn role_of(sql: &str, lexeme: &Lexeme, previous: Role) -> Role {
    match lexeme.kind {
        LexemeKind::Operator | LexemeKind::DoubleColon => Role::Operator,
        LexemeKind::Symbol(by @ (b'(' | b'[')) => Role::Open(by),
        LexemeKind::Symbol(by @ (b')' | b']')) => Role::Close(by),
        LexemeKind::Symbol(b',') => Role::Boundary,
        LexemeKind::Symbol(b'.') => Role::Dot,
        LexemeKind::Symbol(_) | LexemeKind::ColonEquals => Role::Operator,
        LexemeKind::QuotedWord | LexemeKind::Number | LexemeKind::String(_) => Role::Operand,
        LexemeKind::Word if lexeme.is_name => Role::Operand,
        LexemeKind::Word => word_role(lexeme.text(sql), previous),
    }
}

/// Of the words that matter here.
const LONGEST_KEYWORD: usize = 9;

/// A clause keyword ends a segment only after an operand: in the place of an operand sqlparser takes almost any word
/// for a column (`1 + where + 1`), and the chain goes on through it.
fn word_role(word: &str, previous: Role) -> Role {
    if word.len() > LONGEST_KEYWORD {
        return Role::Operand;
    }
    let upper = word.to_ascii_uppercase();
    let after_operand = matches!(previous, Role::Operand | Role::Close(_));
    match upper.as_str() {
        "CASE" => Role::Open(CASE),
        "END" => Role::Close(CASE),
        "UNION" | "INTERSECT" | "EXCEPT" | "MINUS" if after_operand => Role::SetArm,
        "UNION" | "INTERSECT" | "EXCEPT" | "MINUS" => Role::Operator,
        "JOIN" => Role::Join,
        "FROM" | "WHERE" | "GROUP" | "HAVING" | "ORDER" | "LIMIT" | "OFFSET" | "FETCH" | "WINDOW" | "WHEN" | "THEN"
        | "ELSE" | "ON" | "SELECT" => {
            if after_operand {
                Role::Boundary
            } else {
                Role::Operator
            }
        }
        "NOT" | "IS" | "IN" | "LIKE" | "ILIKE" | "RLIKE" | "REGEXP" | "SIMILAR" | "BETWEEN" | "AND" | "OR" | "XOR"
        | "DIV" | "COLLATE" | "AT" | "OPERATOR" | "ISNULL" | "NOTNULL" | "OVERLAPS" | "DISTINCT" | "ESCAPE"
        | "INTERVAL" | "PRIOR" | "MEMBER" | "MATCH" | "GLOB" => Role::Operator,
        _ => Role::Operand,
    }
}
