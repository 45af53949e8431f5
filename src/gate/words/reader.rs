//! Where the pass over the tokens is, and what stands there.

use std::ops::Range;

use crate::gate::keywords::{self, Category, is_among};
use crate::gate::lexeme::{Lexeme, LexemeKind, StringForm};

/// What a bracket, a CASE or the statement itself is reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clause {
    /// Expressions, and whatever else has no names without AS in it.
    Expression,
    Targets,
    From,
    /// The condition of a join.
    On,
    With,
    Case,
    /// The arguments of CAST.
    Cast,
    /// The arguments of SUBSTRING, with words between them.
    Substring,
    /// The same, behind SIMILAR: ESCAPE follows.
    Similar,
    /// The functions of ROWS FROM.
    RowsFrom,
    /// A window in parentheses.
    Window,
    /// The frame in it.
    Frame,
    /// The WINDOW clause.
    WindowNames,
    /// LIMIT, OFFSET, FETCH and FOR UPDATE: words in it are its own.
    Tail,
}

pub(super) struct Level {
    pub(super) clause: Clause,
    /// A SELECT was read in it.
    pub(super) is_query: bool,
    /// An operand follows when it is closed: DISTINCT ON (..).
    pub(super) is_prefix: bool,
}

impl Level {
    pub(super) fn new(clause: Clause) -> Self {
        Self { clause, is_query: false, is_prefix: false }
    }
}

pub(super) struct Reader<'a> {
    pub(super) sql: &'a str,
    pub(super) lexemes: &'a mut [Lexeme],
    pub(super) major: u32,
    /// The innermost last; never empty.
    pub(super) levels: Vec<Level>,
    /// The last token ended an operand.
    pub(super) after_operand: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn text(&self, at: usize) -> &'a str {
        self.lexemes.get(at).map_or("", |lexeme| lexeme.text(self.sql))
    }

    pub(super) fn kind(&self, at: usize) -> Option<LexemeKind> {
        self.lexemes.get(at).map(|lexeme| lexeme.kind)
    }

    /// Is the token here this word, unquoted?
    pub(super) fn word(&self, at: usize, word: &str) -> bool {
        self.kind(at) == Some(LexemeKind::Word) && self.text(at).eq_ignore_ascii_case(word)
    }

    pub(super) fn one_of(&self, at: usize, words: &str) -> bool {
        self.kind(at) == Some(LexemeKind::Word) && is_among(words, self.text(at))
    }

    /// Do these words stand here, unquoted?
    pub(super) fn words(&self, at: usize, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(index, word)| self.word(at.saturating_add(index), word))
    }

    /// Do these words stand right before?
    pub(super) fn follows(&self, at: usize, words: &[&str]) -> bool {
        at.checked_sub(words.len()).is_some_and(|start| self.words(start, words))
    }

    pub(super) fn symbol(&self, at: usize, symbol: u8) -> bool {
        self.kind(at) == Some(LexemeKind::Symbol(symbol))
    }

    pub(super) fn is_name(&self, at: usize) -> bool {
        matches!(self.kind(at), Some(LexemeKind::Word | LexemeKind::QuotedWord))
    }

    /// Is the token here an unquoted word that was not found to be a name?
    pub(super) fn is_keyword(&self, at: usize) -> bool {
        self.lexemes.get(at).is_some_and(|lexeme| lexeme.kind == LexemeKind::Word && !lexeme.is_name)
    }

    pub(super) fn is_constant(&self, at: usize) -> bool {
        let forms = [StringForm::Plain, StringForm::Escape, StringForm::Dollar];
        matches!(self.kind(at), Some(LexemeKind::String(form)) if forms.contains(&form))
    }

    pub(super) fn category(&self, at: usize) -> Category {
        keywords::category(self.text(at), self.major)
    }

    pub(super) fn clause(&self) -> Clause {
        self.levels.last().map_or(Clause::Expression, |level| level.clause)
    }

    pub(super) fn set(&mut self, clause: Clause) {
        if let Some(level) = self.levels.last_mut() {
            level.clause = clause;
            level.is_query |= clause == Clause::Targets;
        }
    }

    pub(super) fn push(&mut self, clause: Clause) {
        self.levels.push(Level::new(clause));
        self.after_operand = false;
    }

    /// Leaves a level; the statement itself is never left.
    pub(super) fn pop(&mut self) {
        self.after_operand = true;
        if self.levels.len() > 1
            && let Some(level) = self.levels.pop()
        {
            self.after_operand = !level.is_prefix;
        }
    }

    pub(super) fn mark_name(&mut self, at: usize) {
        if let Some(lexeme) = self.lexemes.get_mut(at) {
            lexeme.is_name = lexeme.kind == LexemeKind::Word;
        }
    }

    /// Keeps these tokens from the parser here.
    pub(super) fn drop_tokens(&mut self, tokens: Range<usize>) {
        for lexeme in self.lexemes.get_mut(tokens).unwrap_or_default() {
            lexeme.is_dropped = true;
        }
    }

    /// Takes `count` tokens as they are.
    pub(super) fn keep(&mut self, at: usize, count: usize, after_operand: bool) -> usize {
        self.after_operand = after_operand;
        at.saturating_add(count)
    }

    /// Takes one word as a name.
    pub(super) fn name(&mut self, at: usize) -> usize {
        self.mark_name(at);
        self.keep(at, 1, true)
    }
}
