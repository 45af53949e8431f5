//! Words behind an operand: labels, clauses and operators.

use super::reader::{Clause, Reader};
use crate::gate::keywords::{self, Category};
use crate::gate::lexeme::LexemeKind;

/// Words between two operands, or behind one, that are labels only where a select list's item ends behind them.
const INFIX: &str = "\
    and or is in like ilike similar between not collate at operator escape isnull notnull overlaps filter over within";

/// What ends an item of a select list. None of these may be a label without AS.
const AFTER_ITEM: &str = "from into where group having window union intersect except order limit offset fetch for";

impl Reader<'_> {
    /// A word behind an operand.
    pub(super) fn word_behind(&mut self, at: usize) -> usize {
        let next = at.saturating_add(1);
        match self.clause() {
            Clause::Targets => {
                let ends = self.kind(next).is_none()
                    || self.symbol(next, b',')
                    || self.symbol(next, b')')
                    || self.symbol(next, b';')
                    || self.one_of(next, AFTER_ITEM);
                if keywords::is_bare_label(self.text(at), self.major) && (ends || !self.one_of(at, INFIX)) {
                    return self.name(at);
                }
                if self.word(at, "AS") && self.is_name(next) {
                    return self.name(next);
                }
            }
            Clause::From => return self.word_behind_table(at),
            Clause::On if self.one_of(at, "cross inner left right full natural") => {
                self.set(Clause::From);
                return self.keep(at, 1, true);
            }
            Clause::On if self.word(at, "JOIN") => {
                self.set(Clause::From);
                return self.keep(at, 1, false);
            }
            Clause::With => {
                if self.word(at, "AS") {
                    let not = usize::from(self.word(next, "NOT"));
                    let word = usize::from(self.word(next.saturating_add(not), "MATERIALIZED"));
                    return self.keep(at, not.saturating_add(word).saturating_add(1), false);
                }
                if self.word(at, "VALUES") {
                    return self.keep(at, 1, false);
                }
                // SEARCH and CYCLE, whose words are respelt by them.
                return self.clause_word(at).unwrap_or_else(|| {
                    let ends = !self.one_of(at, "by set using to default");
                    self.keep(at, 1, ends)
                });
            }
            Clause::Case if self.one_of(at, "when then else") => return self.keep(at, 1, false),
            Clause::Case if self.word(at, "END") => {
                self.pop();
                return next;
            }
            Clause::Cast if self.word(at, "AS") => return self.type_name(next),
            Clause::Substring if self.one_of(at, "from for") => return self.comma(at),
            Clause::Substring if self.word(at, "SIMILAR") && !self.word(next, "TO") => {
                self.set(Clause::Similar);
                return self.comma(at);
            }
            Clause::Similar if self.word(at, "ESCAPE") => return self.comma(at),
            // Names and types of columns, with no expression in them.
            Clause::RowsFrom if self.word(at, "AS") && self.symbol(next, b'(') => {
                let end = self.after_list(next);
                self.drop_tokens(at..end);
                return end;
            }
            Clause::Window if self.word(at, "PARTITION") => return self.keep(at, 2, false),
            Clause::Window if self.one_of(at, "range rows groups") => {
                self.set(Clause::Frame);
                return self.keep(at, 1, false);
            }
            Clause::Frame => {
                let ends = !self.one_of(at, "between and");
                return self.keep(at, 1, ends);
            }
            Clause::Tail => return self.keep(at, 1, true),
            _ => {}
        }
        self.clause_word_behind(at)
    }

    /// A clause that begins behind an operand, or an infix word.
    pub(super) fn clause_word_behind(&mut self, at: usize) -> usize {
        if self.words(at, &["WITHIN", "GROUP"]) {
            return self.keep(at, 2, false);
        }
        match self.clause_word(at) {
            Some(end) => end,
            None => self.infix(at),
        }
    }

    /// A word behind a table or function of FROM, or behind its alias.
    pub(super) fn word_behind_table(&mut self, at: usize) -> usize {
        let next = at.saturating_add(1);
        match self.category(at) {
            Category::Free | Category::Column => self.name(at),
            Category::Function if self.word(at, "JOIN") => self.keep(at, 1, false),
            Category::Function if self.word(at, "TABLESAMPLE") => {
                self.set(Clause::Tail);
                self.keep(at, 1, true)
            }
            Category::Function => self.keep(at, 1, true),
            Category::Reserved if self.word(at, "ON") => {
                self.set(Clause::On);
                self.keep(at, 1, false)
            }
            Category::Reserved if self.word(at, "AS") && self.is_name(next) => self.name(next),
            Category::Reserved if self.words(at, &["WITH", "ORDINALITY"]) => self.keep(at, 2, true),
            Category::Reserved if self.one_of(at, "as using") => self.keep(at, 1, true),
            Category::Reserved => self.clause_word_behind(at),
        }
    }

    /// An operator that is a word, or a word that belongs to one.
    pub(super) fn infix(&mut self, at: usize) -> usize {
        let next = at.saturating_add(1);
        if self.word(at, "IS") {
            return self.test(at);
        }
        if self.words(at, &["AT", "TIME", "ZONE"]) {
            return self.keep(at, 3, false);
        }
        if self.words(at, &["AT", "LOCAL"]) {
            return self.keep(at, 2, true);
        }
        if self.words(at, &["SIMILAR", "TO"]) || self.words(at, &["DISTINCT", "FROM"]) {
            return self.keep(at, 2, false);
        }
        if self.word(at, "NULLS") {
            return self.keep(at, 2, true);
        }
        if self.word(at, "OPERATOR") && self.symbol(next, b'(') {
            return self.operator(at);
        }
        if self.word(at, "COLLATE") {
            let mut end = at.saturating_add(2);
            while self.symbol(end, b'.') {
                end = end.saturating_add(2);
            }
            self.after_operand = true;
            return end;
        }
        if self.word(at, "OVER") && self.kind(next) == Some(LexemeKind::Word) {
            return self.name(next);
        }
        if self.word(at, "RETURNING") {
            return self.type_name(next);
        }
        let ends = self.one_of(at, "not isnull notnull asc desc ordinality")
            || !self.one_of(
                at,
                "and or in like ilike between overlaps escape from for placing using as on over filter within by to value",
            );
        self.keep(at, 1, ends)
    }

    /// IS with what it asks.
    pub(super) fn test(&mut self, at: usize) -> usize {
        let not = usize::from(self.word(at.saturating_add(1), "NOT"));
        let asked = at.saturating_add(1).saturating_add(not);
        let count = not.saturating_add(2);
        if self.words(asked, &["DISTINCT", "FROM"]) {
            return self.keep(at, count.saturating_add(1), false);
        }
        if self.one_of(asked, "nfc nfd nfkc nfkd") {
            return self.keep(at, count.saturating_add(1), true);
        }
        if self.word(asked, "JSON") {
            let mut end = asked.saturating_add(1);
            end = end.saturating_add(usize::from(self.one_of(end, "value array object scalar")));
            if self.one_of(end, "with without") && self.word(end.saturating_add(1), "UNIQUE") {
                end = end.saturating_add(2);
                end = end.saturating_add(usize::from(self.word(end, "KEYS")));
            }
            self.after_operand = true;
            return end;
        }
        self.keep(at, count, true)
    }

    /// A word between arguments.
    pub(super) fn comma(&mut self, at: usize) -> usize {
        if let Some(lexeme) = self.lexemes.get_mut(at) {
            lexeme.is_comma = true;
        }
        self.keep(at, 1, false)
    }
}
