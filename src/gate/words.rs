//! Which unquoted words are names, by PostgreSQL's grammar (gram.y).
//!
//! Most of PostgreSQL's keywords may name a column, a table, a function or a label, and what a word is follows from its
//! category and from where it stands. sqlparser reserves other words and in other places. One pass over the tokens, without
//! recursion, finds the words that are names; sqlparser is then given those in quotes and can take them for nothing else.
//!
//! A type before a constant (`inet '10.0.0.1'`) is found here as well: sqlparser reads few of them, and is given the constant
//! alone. So are other tokens that tell nothing of relations and that it does not read where they stand. A wrong finding ends in
//! a refusal, as any other respelling: what PostgreSQL reads is the text itself.

mod behind;
mod reader;
mod types;

use std::ops::Range;

use sqlparser::tokenizer::Token;

use self::reader::{Clause, Level, Reader};
use super::keywords::Category;
use super::lexeme::{Lexeme, LexemeKind};
use super::to_sqlparser;

/// Functions whose own syntax, or whose refusal by name, sqlparser knows by the word.
const UNQUOTED_CALLS: &str = "rollup cube unnest try_cast safe_cast xmltable json_table";

/// Marks the words that are names, and the types before constants.
pub(super) fn mark(sql: &str, lexemes: &mut [Lexeme], major: u32) {
    let levels = vec![Level::new(Clause::Expression)];
    let mut reader = Reader { sql, lexemes, major, levels, after_operand: false };
    let mut at = 0_usize;
    while at < reader.lexemes.len() {
        at = reader.step(at).max(at.saturating_add(1));
    }
}

impl Reader<'_> {
    /// Reads what begins at this token; says where it ends.
    fn step(&mut self, at: usize) -> usize {
        let Some(kind) = self.kind(at) else { return at };
        match kind {
            LexemeKind::Symbol(b'(') => self.open(at),
            LexemeKind::Symbol(b'[') => self.push(Clause::Expression),
            LexemeKind::Symbol(b')' | b']') => self.pop(),
            LexemeKind::Symbol(b',') => {
                if self.clause() == Clause::On {
                    self.set(Clause::From);
                }
                self.after_operand = false;
            }
            LexemeKind::Symbol(b'.') => {
                self.after_operand = true;
                if self.kind(at.saturating_add(1)) == Some(LexemeKind::Word) {
                    return self.name(at.saturating_add(1));
                }
            }
            LexemeKind::Symbol(b';') => {
                self.levels = vec![Level::new(Clause::Expression)];
                self.after_operand = false;
            }
            // The star of a select list or of count(*) is no operator.
            LexemeKind::Operator if !self.after_operand && self.text(at) == "*" => self.after_operand = true,
            // sqlparser knows the prefix operators that PostgreSQL has; which others there are is for the server to say.
            LexemeKind::Operator
                if !self.after_operand
                    && matches!(to_sqlparser::operator(self.text(at)), Token::CustomBinaryOperator(_)) =>
            {
                self.drop_tokens(at..at.saturating_add(1));
            }
            LexemeKind::Operator | LexemeKind::ColonEquals | LexemeKind::Symbol(_) => self.after_operand = false,
            LexemeKind::DoubleColon => return self.type_name(at.saturating_add(1)),
            LexemeKind::Number | LexemeKind::String(_) => self.after_operand = true,
            LexemeKind::QuotedWord => match self.typed_constant(at) {
                Some(end) => return end,
                None => self.after_operand = true,
            },
            LexemeKind::Word if self.after_operand => return self.word_behind(at),
            LexemeKind::Word => return self.word_in_front(at),
        }
        at.saturating_add(1)
    }

    fn open(&mut self, at: usize) {
        let clause = if self.follows(at, &["OVER"]) || self.clause() == Clause::WindowNames && self.follows(at, &["AS"])
        {
            Clause::Window
        } else if self.follows(at, &["CAST"]) && !self.follows(at, &["AS", "CAST"]) {
            Clause::Cast
        } else if self.follows(at, &["SUBSTRING"]) && self.is_keyword(at.saturating_sub(1)) {
            Clause::Substring
        } else if self.clause() == Clause::From && !self.after_operand {
            Clause::From
        } else {
            Clause::Expression
        };
        let is_prefix = self.follows(at, &["DISTINCT", "ON"]);
        self.push(clause);
        if let Some(level) = self.levels.last_mut() {
            level.is_prefix = is_prefix;
        }
    }

    /// A word where an operand begins.
    fn word_in_front(&mut self, at: usize) -> usize {
        let next = at.saturating_add(1);
        match self.clause() {
            Clause::Window
                if self.symbol(at.saturating_sub(1), b'(') && self.one_of(at, "partition range rows groups") =>
            {
                return self.word_behind(at);
            }
            Clause::Frame => {
                return self.typed_constant(at).unwrap_or_else(|| {
                    let ends = !self.one_of(at, "between and");
                    self.keep(at, 1, ends)
                });
            }
            Clause::Tail if self.category(at) != Category::Reserved => {
                let ends = !self.one_of(at, "first next");
                return self.keep(at, 1, ends);
            }
            // What its lists of expressions hold is no FROM item.
            Clause::From if self.word(at, "VALUES") && self.symbol(next, b'(') => {
                self.set(Clause::Expression);
                return self.keep(at, 1, true);
            }
            // A function ROWS over the functions, as the parser here is given it.
            Clause::From if self.words(at, &["ROWS", "FROM"]) && self.symbol(at.saturating_add(2), b'(') => {
                self.drop_tokens(next..at.saturating_add(2));
                self.push(Clause::RowsFrom);
                return at.saturating_add(3);
            }
            _ => {}
        }
        if self.words(at, &["GROUPING", "SETS"]) && self.symbol(at.saturating_add(2), b'(') {
            return self.keep(at, 2, false);
        }
        if self.words(at, &["COLLATION", "FOR"]) && self.symbol(at.saturating_add(2), b'(') {
            return self.keep(at, 2, false);
        }
        if self.word(at, "OPERATOR") && self.symbol(next, b'(') {
            let end = self.operator(at);
            if self.is_operator_name(at.saturating_add(2)..end.saturating_sub(1)) {
                self.drop_tokens(at..end);
            }
            return end;
        }
        if self.follows(at, &["EXTRACT"])
            || self.symbol(at.saturating_sub(1), b'(') && self.follows(at.saturating_sub(1), &["EXTRACT"])
        {
            return self.keep(at, 1, true);
        }
        if !matches!(self.clause(), Clause::From | Clause::With)
            && let Some(end) = self.typed_constant(at)
        {
            return end;
        }
        // A writing common table expression, to be refused by its name.
        let is_body = self.symbol(at.saturating_sub(1), b'(')
            && (self.follows(at.saturating_sub(1), &["AS"]) || self.follows(at.saturating_sub(1), &["MATERIALIZED"]));
        if is_body && self.one_of(at, "insert update delete merge") {
            return self.keep(at, 1, false);
        }
        // The name of an argument is that of a function.
        let is_argument = self.kind(next) == Some(LexemeKind::ColonEquals) || self.text(next) == "=>";
        match self.category(at) {
            Category::Function if is_argument => self.name(at),
            Category::Reserved => self.reserved(at),
            Category::Column if self.symbol(next, b'(') && self.clause() != Clause::With => self.keep(at, 1, true),
            Category::Function if !self.symbol(next, b'(') => self.keep(at, 1, true),
            Category::Free | Category::Function if self.symbol(next, b'(') && self.one_of(at, UNQUOTED_CALLS) => {
                self.keep(at, 1, true)
            }
            Category::Free | Category::Column | Category::Function => self.name(at),
        }
    }

    /// A reserved word where an operand begins.
    fn reserved(&mut self, at: usize) -> usize {
        if self.word(at, "CASE") {
            self.push(Clause::Case);
            return at.saturating_add(1);
        }
        if self.word(at, "END") && self.clause() == Clause::Case {
            self.pop();
            return at.saturating_add(1);
        }
        if let Some(end) = self.clause_word(at) {
            return end;
        }
        let stands_alone = "null true false default user current_catalog current_date current_role current_time \
            current_timestamp current_user localtime localtimestamp session_user system_user";
        let ends = self.one_of(at, stands_alone);
        self.keep(at, 1, ends)
    }

    /// A word that begins a clause.
    fn clause_word(&mut self, at: usize) -> Option<usize> {
        let is_query = self.levels.last().is_some_and(|level| level.is_query);
        let clause = self.clause();
        let next = at.saturating_add(1);
        let begins = |reader: &mut Self, clause: Clause, count: usize| {
            reader.set(clause);
            Some(reader.keep(at, count, false))
        };
        if self.word(at, "SELECT") {
            begins(self, Clause::Targets, 1)
        } else if self.word(at, "FROM") && clause == Clause::Targets || self.word(at, "TABLE") {
            begins(self, Clause::From, 1)
        } else if self.word(at, "WITH") && !(clause == Clause::From && self.after_operand) {
            let is_word = self.word(next, "RECURSIVE")
                && !self.word(at.saturating_add(2), "AS")
                && !self.symbol(at.saturating_add(2), b'(');
            begins(self, Clause::With, if is_word { 2 } else { 1 })
        } else if self.one_of(at, "where having") {
            begins(self, Clause::Expression, 1)
        } else if self.words(at, &["GROUP", "BY"]) || self.words(at, &["ORDER", "BY"]) {
            let stays = matches!(clause, Clause::Window | Clause::Cast);
            begins(self, if stays { clause } else { Clause::Expression }, 2)
        } else if self.word(at, "WINDOW") {
            begins(self, Clause::WindowNames, 1)
        } else if self.one_of(at, "limit offset fetch") || self.word(at, "FOR") && is_query {
            begins(self, Clause::Tail, 1)
        } else if self.one_of(at, "union intersect except") {
            begins(self, Clause::Expression, 1)
        } else {
            None
        }
    }

    /// Where the list that opens here ends.
    fn after_list(&self, opening: usize) -> usize {
        let (mut at, mut depth) = (opening, 0_usize);
        while self.kind(at).is_some() {
            if self.symbol(at, b'(') {
                depth = depth.saturating_add(1);
            } else if self.symbol(at, b')') {
                depth = depth.saturating_sub(1);
            }
            at = at.saturating_add(1);
            if depth == 0 {
                break;
            }
        }
        at
    }

    /// Do these tokens name an operator, with or without its schema?
    fn is_operator_name(&self, tokens: Range<usize>) -> bool {
        let is_part = |at: usize| self.is_name(at) || self.symbol(at, b'.');
        let last = tokens.end.saturating_sub(1);
        self.kind(last) == Some(LexemeKind::Operator) && (tokens.start..last).all(is_part)
    }

    /// `OPERATOR(schema.+)`.
    fn operator(&mut self, at: usize) -> usize {
        let mut end = at.saturating_add(2);
        while self.kind(end).is_some() && !self.symbol(end, b')') {
            end = end.saturating_add(1);
        }
        self.after_operand = false;
        end.saturating_add(1)
    }
}
