//! PostgreSQL's constructs that sqlparser 0.63 does not read, respelt in tokens so that it does.
//!
//! The tree is only looked at, never printed, and what PostgreSQL runs is the text itself, so a respelling need keep no
//! more than what the gate looks at: the relations that are named, in their scopes. A respelling that is wrong ends in
//! a refusal: the relations then differ from those that PostgreSQL finds.

use sqlparser::tokenizer::Token;

use super::error::{GateError, GateResult};
use super::keywords;
use super::lexeme::{Lexeme, LexemeKind};

/// What stands for the next `consumed` tokens.
pub(super) struct Respelt {
    pub(super) consumed: usize,
    pub(super) tokens: Vec<Token>,
}

impl Respelt {
    fn dropped(consumed: usize) -> Option<Self> {
        Some(Self { consumed, tokens: Vec::new() })
    }

    fn equals(consumed: usize) -> Option<Self> {
        Some(Self { consumed, tokens: vec![Token::Eq] })
    }

    fn words(consumed: usize, words: &[&str]) -> Option<Self> {
        Some(Self { consumed, tokens: words.iter().map(|word| Token::make_keyword(word)).collect() })
    }
}

/// The tokens around one place.
struct Place<'a> {
    sql: &'a str,
    before: &'a [Lexeme],
    rest: &'a [Lexeme],
}

/// Decides whether something at the start of `rest`, which follows `before`, is to be respelt.
pub(super) fn respell(sql: &str, before: &[Lexeme], rest: &[Lexeme]) -> Option<Respelt> {
    let place = Place { sql, before, rest };
    let first = rest.first()?;
    if first.is_symbol(b'.') {
        return place.whole_row();
    }
    if first.kind == LexemeKind::Operator {
        return place.compares_with_each(1).then(|| Respelt::equals(1)).flatten();
    }
    if first.kind != LexemeKind::Word || first.is_name {
        return None;
    }
    let word = first.text(sql);
    let is = |keyword: &str| word.eq_ignore_ascii_case(keyword);
    if is("TABLE") {
        place.table_command()
    } else if is("DISTINCT") || is("ALL") {
        // GROUP BY DISTINCT, GROUP BY ALL and SELECT ALL; the latter two are the default.
        (place.follows(&["GROUP", "BY"]) || is("ALL") && place.follows(&["SELECT"]))
            .then(|| Respelt::dropped(1))
            .flatten()
    } else if is("SELECT") {
        place.empty_list()
    } else if is("SYMMETRIC") || is("ASYMMETRIC") {
        place.follows(&["BETWEEN"]).then(|| Respelt::dropped(1)).flatten()
    } else if is("VARIADIC") {
        (place.follows_symbol(b'(') || place.follows_symbol(b',')).then(|| Respelt::dropped(1)).flatten()
    } else if is("COLLATE") {
        place.collation()
    } else if is("EXCLUDE") {
        place.frame_exclusion()
    } else if is("FROM") {
        place.trim_from()
    } else if is("FETCH") {
        place.fetch()
    } else if is("ROW") || is("ROWS") {
        place.end_of_fetch()
    } else if is("OPERATOR") {
        place.named_operator()
    } else if is("ISNULL") || is("NOTNULL") {
        (!place.symbol(1, b'(')).then(|| Respelt::words(1, &["IS", "NULL"])).flatten()
    } else if is("AS") {
        place.using_alias()
    } else if is("SEARCH") {
        place.search_clause()
    } else if is("CYCLE") {
        place.cycle_clause()
    } else {
        None
    }
}

/// What may follow the list of GROUP BY; none of these words can begin it.
const AFTER_GROUP_BY: [&str; 10] =
    ["EXCEPT", "FETCH", "FOR", "HAVING", "INTERSECT", "LIMIT", "OFFSET", "ORDER", "UNION", "WINDOW"];

/// Refuses GROUP BY ALL without a list: models write it, and PostgreSQL's own words for it help none to do better.
pub(super) fn refuse_group_by_all(sql: &str, statement: &[Lexeme]) -> GateResult<()> {
    let is_there = (0..statement.len()).any(|index| {
        let (before, rest) = statement.split_at(index);
        let place = Place { sql, before, rest };
        let ends =
            rest.len() == 1 || place.symbol(1, b')') || AFTER_GROUP_BY.iter().any(|keyword| place.keyword(1, keyword));
        ends && place.keyword(0, "ALL") && place.follows(&["GROUP", "BY"])
    });
    if is_there { Err(GateError::GroupByAll) } else { Ok(()) }
}

impl Place<'_> {
    /// Is the token this far ahead this keyword?
    fn keyword(&self, ahead: usize, keyword: &str) -> bool {
        self.rest.get(ahead).is_some_and(|lexeme| lexeme.is_keyword(self.sql, keyword))
    }

    fn symbol(&self, ahead: usize, symbol: u8) -> bool {
        self.rest.get(ahead).is_some_and(|lexeme| lexeme.is_symbol(symbol))
    }

    fn is_name(&self, ahead: usize) -> bool {
        self.rest.get(ahead).is_some_and(|lexeme| matches!(lexeme.kind, LexemeKind::Word | LexemeKind::QuotedWord))
    }

    /// Do these keywords stand right before?
    fn follows(&self, keywords: &[&str]) -> bool {
        let last = self.before.get(self.before.len().saturating_sub(keywords.len())..).unwrap_or_default();
        last.len() == keywords.len()
            && last.iter().zip(keywords).all(|(lexeme, keyword)| lexeme.is_keyword(self.sql, keyword))
    }

    fn follows_symbol(&self, symbol: u8) -> bool {
        self.before.last().is_some_and(|lexeme| lexeme.is_symbol(symbol))
    }

    /// `SELECT LIMIT (1)`, a query without columns, where sqlparser would read a call.
    fn empty_list(&self) -> Option<Respelt> {
        let clause = ["HAVING", "LIMIT", "OFFSET"].iter().any(|keyword| self.keyword(1, keyword));
        let tokens = || vec![Token::make_keyword("SELECT"), Token::Number("1".to_owned(), false)];
        clause.then(|| Respelt { consumed: 1, tokens: tokens() })
    }

    /// `(x).*` as an item of a list.
    fn whole_row(&self) -> Option<Respelt> {
        let star = self.rest.get(1).is_some_and(|lexeme| lexeme.text(self.sql) == "*");
        (self.follows_symbol(b')') && star).then(|| Respelt::dropped(2)).flatten()
    }

    /// `COLLATE "C"`, which sqlparser does not read after a cast. A label COLLATE is followed by a reserved word.
    fn collation(&self) -> Option<Respelt> {
        let name = self.rest.get(1)?;
        if !self.is_name(1) || (name.kind == LexemeKind::Word && !keywords::names_a_column(name.text(self.sql))) {
            return None;
        }
        let mut end = 2_usize;
        while self.symbol(end, b'.') && self.is_name(end.saturating_add(1)) {
            end = end.saturating_add(2);
        }
        Respelt::dropped(end)
    }

    /// `TABLE x`: `SELECT * FROM x`. sqlparser loses the quotes of x and swallows two tokens after it. The word is
    /// reserved; it starts a query at the beginning, after an opening parenthesis, after a set operation and after a
    /// WITH clause, and a name follows.
    fn table_command(&self) -> Option<Respelt> {
        let name = self.rest.get(1)?;
        let names_a_table = match name.kind {
            LexemeKind::Word => keywords::names_a_column(name.text(self.sql)) || name.is_keyword(self.sql, "ONLY"),
            LexemeKind::QuotedWord => true,
            _ => false,
        };
        let starts_a_query = self.before.is_empty()
            || self.follows_symbol(b'(')
            || self.follows_symbol(b')')
            || ["UNION", "INTERSECT", "EXCEPT", "ALL", "DISTINCT"].iter().any(|keyword| self.follows(&[keyword]));
        let tokens = || vec![Token::make_keyword("SELECT"), Token::Mul, Token::make_keyword("FROM")];
        (names_a_table && starts_a_query).then(|| Respelt { consumed: 1, tokens: tokens() })
    }

    /// `JOIN .. USING (a, b) AS j`: the alias names the merged columns, no relation.
    fn using_alias(&self) -> Option<Respelt> {
        let (closing, list) = self.before.split_last()?;
        let opening = list.iter().rposition(|lexeme| lexeme.is_symbol(b'('))?;
        let using = list.get(opening.checked_sub(1)?)?;
        let plain = list.get(opening.saturating_add(1)..).is_some_and(|names| {
            names.iter().all(|lexeme| {
                matches!(lexeme.kind, LexemeKind::Word | LexemeKind::QuotedWord) || lexeme.is_symbol(b',')
            })
        });
        let is_using = closing.is_symbol(b')') && plain && using.is_keyword(self.sql, "USING");
        (is_using && self.is_name(1)).then(|| Respelt::dropped(2)).flatten()
    }

    /// `EXCLUDE ..` at the end of a window frame.
    fn frame_exclusion(&self) -> Option<Respelt> {
        let two = (self.keyword(1, "CURRENT") && self.keyword(2, "ROW"))
            || (self.keyword(1, "NO") && self.keyword(2, "OTHERS"));
        let one = self.keyword(1, "GROUP") || self.keyword(1, "TIES");
        let consumed = if two { 3 } else { 2 };
        ((one || two) && self.symbol(consumed, b')')).then(|| Respelt::dropped(consumed)).flatten()
    }

    /// `trim(from x)`, `trim(both from x)`.
    fn trim_from(&self) -> Option<Respelt> {
        let sides = ["BOTH", "LEADING", "TRAILING"];
        let before = match self.before.split_last() {
            Some((side, before)) if sides.iter().any(|word| side.is_keyword(self.sql, word)) => before,
            _ => self.before,
        };
        let [.., trim, parenthesis] = before else { return None };
        (trim.is_keyword(self.sql, "TRIM") && parenthesis.is_symbol(b'(')).then(|| Respelt::dropped(1)).flatten()
    }

    /// `FETCH FIRST (a + b) ROWS ONLY` and `FETCH FIRST -2 ROWS ONLY`: sqlparser reads a constant there. The former is a LIMIT.
    fn fetch(&self) -> Option<Respelt> {
        if !self.keyword(1, "FIRST") && !self.keyword(1, "NEXT") {
            return None;
        }
        if self.sign(2) {
            return Respelt::words(3, &["FETCH", "FIRST"]);
        }
        let is_call = self.is_name(2) && self.symbol(3, b'(');
        (self.symbol(2, b'(') || is_call).then(|| Respelt::words(2, &["LIMIT"])).flatten()
    }

    fn sign(&self, ahead: usize) -> bool {
        self.rest.get(ahead).is_some_and(|lexeme| matches!(lexeme.text(self.sql), "+" | "-"))
    }

    /// What follows such an expression, and nothing else that ends in a parenthesis.
    fn end_of_fetch(&self) -> Option<Respelt> {
        let is_ties = self.keyword(1, "WITH") && self.keyword(2, "TIES");
        let consumed = if is_ties { 3 } else { 2 };
        let ends = is_ties || self.keyword(1, "ONLY");
        (self.follows_symbol(b')') && ends).then(|| Respelt::dropped(consumed)).flatten()
    }

    /// `ANY (..)` and the like, which sqlparser reads behind some operators only.
    fn compares_with_each(&self, ahead: usize) -> bool {
        ["ANY", "SOME", "ALL"].iter().any(|word| self.keyword(ahead, word))
            && self.symbol(ahead.saturating_add(1), b'(')
    }

    /// `OPERATOR(pg_catalog.=) ANY (..)`.
    fn named_operator(&self) -> Option<Respelt> {
        // Two parts at most, so the rest need not be looked through.
        let closing = self.rest.iter().take(6).position(|lexeme| lexeme.is_symbol(b')'))?;
        let is_operator = closing > 2 && self.rest.get(closing.checked_sub(1)?)?.kind == LexemeKind::Operator;
        let schema = self.rest.get(2..closing.checked_sub(1)?)?.iter().enumerate();
        let is_qualified =
            schema.map(|(place, _)| place.saturating_add(2)).all(|at| self.is_name(at) || self.symbol(at, b'.'));
        let consumed = closing.saturating_add(1);
        let is_whole = self.symbol(1, b'(') && is_operator && is_qualified;
        (is_whole && self.compares_with_each(consumed)).then(|| Respelt::equals(consumed)).flatten()
    }

    /// `SEARCH DEPTH FIRST BY a, b SET c` after a CTE.
    fn search_clause(&self) -> Option<Respelt> {
        let order = self.keyword(1, "DEPTH") || self.keyword(1, "BREADTH");
        if !self.follows_symbol(b')') || !order || !self.keyword(2, "FIRST") || !self.keyword(3, "BY") {
            return None;
        }
        let set = self.after_names(4)?;
        (self.keyword(set, "SET") && self.is_name(set.saturating_add(1)))
            .then(|| Respelt::dropped(set.saturating_add(2)))
            .flatten()
    }

    /// `CYCLE a, b SET c [TO true DEFAULT false] USING d` after a CTE or its SEARCH clause.
    fn cycle_clause(&self) -> Option<Respelt> {
        let [.., set, _] = self.before else { return None };
        if !self.follows_symbol(b')') && !set.is_keyword(self.sql, "SET") {
            return None;
        }
        let set = self.after_names(1)?;
        if !self.keyword(set, "SET") || !self.is_name(set.saturating_add(1)) {
            return None;
        }
        let mut using = set.saturating_add(2);
        // Constants only, so no name of a relation is lost; a typed one has two tokens.
        while !self.keyword(using, "USING") && using < set.saturating_add(8) {
            if self.symbol(using, b'(') {
                return None;
            }
            using = using.saturating_add(1);
        }
        (self.keyword(using, "USING") && self.is_name(using.saturating_add(1)))
            .then(|| Respelt::dropped(using.saturating_add(2)))
            .flatten()
    }

    /// Where a list of names that starts here ends.
    fn after_names(&self, from: usize) -> Option<usize> {
        let mut at = from;
        loop {
            if !self.is_name(at) {
                return None;
            }
            at = at.saturating_add(1);
            if !self.symbol(at, b',') {
                return Some(at);
            }
            at = at.saturating_add(1);
        }
    }
}
