//! Types: before constants, which sqlparser is given alone, and in casts.

use super::reader::Reader;
use crate::gate::keywords::Category;
use crate::gate::lexeme::LexemeKind;

/// Types whose names no function shares.
const TYPE_WORDS: &str = "\
    bigint bit boolean char character dec decimal float int integer interval json national nchar numeric real smallint time \
    timestamp varchar";

/// Units behind an interval's constant or type; none may be a label without AS.
const INTERVAL_FIELDS: &str = "year month day hour minute second to";

/// Types that sqlparser knows by the word as PostgreSQL has them.
const UNQUOTED_TYPES: &str = "\
    text date json jsonb uuid bytea bool int2 int4 int8 float4 float8 regclass tsvector tsquery varbit double";

impl Reader<'_> {
    /// A type before a constant: marks it, and says where the whole ends.
    pub(super) fn typed_constant(&mut self, at: usize) -> Option<usize> {
        let category = self.category(at);
        let is_word = self.kind(at) == Some(LexemeKind::Word);
        if is_word && (category == Category::Reserved || category == Category::Column && !self.one_of(at, TYPE_WORDS)) {
            return None;
        }
        let end = self.type_end(at);
        if !self.is_constant(end) || self.symbol(end.saturating_sub(1), b']') {
            return None;
        }
        let mut after = end.saturating_add(1);
        if self.word(at, "INTERVAL") {
            after = self.after_interval_fields(after);
        }
        self.drop_tokens(at..end);
        self.drop_tokens(end.saturating_add(1)..after);
        self.after_operand = true;
        Some(after)
    }

    /// YEAR, DAY TO SECOND(3) and the like.
    pub(super) fn after_interval_fields(&self, from: usize) -> usize {
        let mut at = from;
        while self.one_of(at, INTERVAL_FIELDS) {
            at = self.after_modifiers(at.saturating_add(1));
        }
        at
    }

    /// `(10, 2)`.
    pub(super) fn after_modifiers(&self, at: usize) -> usize {
        if !self.symbol(at, b'(') {
            return at;
        }
        let mut end = at.saturating_add(1);
        while self.kind(end).is_some() && !self.symbol(end, b')') && !self.symbol(end, b'(') {
            end = end.saturating_add(1);
        }
        if self.symbol(end, b')') { end.saturating_add(1) } else { at }
    }

    /// Where a type's name with its modifiers ends.
    pub(super) fn type_end(&self, at: usize) -> usize {
        if self.word(at, "INTERVAL") {
            let end = self.after_modifiers(at.saturating_add(1));
            return self.after_brackets(self.after_interval_fields(end));
        }
        let mut end = at.saturating_add(1);
        if self.word(at, "DOUBLE") && self.word(end, "PRECISION") {
            end = end.saturating_add(1);
        } else if self.word(at, "NATIONAL") && self.one_of(end, "char character") {
            end = end.saturating_add(1);
            end = end.saturating_add(usize::from(self.word(end, "VARYING")));
        } else if self.one_of(at, "char character nchar bit") {
            end = end.saturating_add(usize::from(self.word(end, "VARYING")));
        } else {
            while self.symbol(end, b'.') && self.is_name(end.saturating_add(1)) {
                end = end.saturating_add(2);
            }
        }
        end = self.after_modifiers(end);
        if self.one_of(at, "time timestamp")
            && self.one_of(end, "with without")
            && self.words(end.saturating_add(1), &["TIME", "ZONE"])
        {
            end = end.saturating_add(3);
        }
        self.after_brackets(end)
    }

    /// `[]`, `[3]`, `ARRAY[3]`.
    pub(super) fn after_brackets(&self, from: usize) -> usize {
        let mut at = from.saturating_add(usize::from(self.word(from, "ARRAY")));
        while self.symbol(at, b'[') {
            let closing = at
                .saturating_add(1)
                .saturating_add(usize::from(self.kind(at.saturating_add(1)) == Some(LexemeKind::Number)));
            if !self.symbol(closing, b']') {
                break;
            }
            at = closing.saturating_add(1);
        }
        at
    }

    /// A type behind `::` or CAST's AS.
    pub(super) fn type_name(&mut self, at: usize) -> usize {
        let end = self.type_end(at);
        let is_free = matches!(self.category(at), Category::Free | Category::Function);
        if is_free && !self.one_of(at, UNQUOTED_TYPES) {
            self.mark_name(at);
        }
        // The words of which sqlparser reads `character varying` and a type of one word.
        if self.word(at, "NATIONAL") && self.one_of(at.saturating_add(1), "char character") {
            self.drop_tokens(at..at.saturating_add(1));
        } else if self.words(at, &["NCHAR", "VARYING"]) {
            self.drop_tokens(at.saturating_add(1)..at.saturating_add(2));
        }
        for place in at..end {
            if self.symbol(place, b'.') {
                self.mark_name(place.saturating_add(1));
            }
        }
        self.after_operand = true;
        end
    }
}
