//! Which unquoted words are names, by PostgreSQL's grammar (gram.y).
//!
//! Most of PostgreSQL's keywords may name a column, a table, a function or a label, and what a word is follows from its
//! category and from where it stands. sqlparser reserves other words and in other places. One pass over the tokens, without
//! recursion, finds the words that are names; sqlparser is then given those in quotes and can take them for nothing else.
//!
//! A type before a constant (`inet '10.0.0.1'`) is found here as well: sqlparser reads few of them, and is given the constant
//! alone. So are other tokens that tell nothing of relations and that it does not read where they stand. A wrong finding ends in
//! a refusal, as any other respelling: what PostgreSQL reads is the text itself.

use std::ops::Range;

use sqlparser::tokenizer::Token;

use super::keywords::{self, Category, is_among};
use super::lexeme::{Lexeme, LexemeKind, StringForm};
use super::to_sqlparser;

/// Words between two operands, or behind one, that are labels only where a select list's item ends behind them.
const INFIX: &str = "\
    and or is in like ilike similar between not collate at operator escape isnull notnull overlaps filter over within";

/// What ends an item of a select list. None of these may be a label without AS.
const AFTER_ITEM: &str = "from into where group having window union intersect except order limit offset fetch for";

/// Types whose names no function shares.
const TYPE_WORDS: &str = "\
    bigint bit boolean char character dec decimal float int integer interval json national nchar numeric real smallint time \
    timestamp varchar";

/// Units behind an interval's constant or type; none may be a label without AS.
const INTERVAL_FIELDS: &str = "year month day hour minute second to";

/// Functions whose own syntax, or whose refusal by name, sqlparser knows by the word.
const UNQUOTED_CALLS: &str = "rollup cube unnest try_cast safe_cast xmltable json_table";

/// Types that sqlparser knows by the word as PostgreSQL has them.
const UNQUOTED_TYPES: &str = "\
    text date json jsonb uuid bytea bool int2 int4 int8 float4 float8 regclass tsvector tsquery varbit double";

/// What a bracket, a CASE or the statement itself is reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clause {
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

struct Level {
    clause: Clause,
    /// A SELECT was read in it.
    is_query: bool,
    /// An operand follows when it is closed: DISTINCT ON (..).
    is_prefix: bool,
}

impl Level {
    fn new(clause: Clause) -> Self {
        Self { clause, is_query: false, is_prefix: false }
    }
}

struct Reader<'a> {
    sql: &'a str,
    lexemes: &'a mut [Lexeme],
    major: u32,
    /// The innermost last; never empty.
    levels: Vec<Level>,
    /// The last token ended an operand.
    after_operand: bool,
}

/// Marks the words that are names, and the types before constants.
pub(super) fn mark(sql: &str, lexemes: &mut [Lexeme], major: u32) {
    let levels = vec![Level::new(Clause::Expression)];
    let mut reader = Reader { sql, lexemes, major, levels, after_operand: false };
    let mut at = 0_usize;
    while at < reader.lexemes.len() {
        at = reader.step(at).max(at.saturating_add(1));
    }
}

impl<'a> Reader<'a> {
    fn text(&self, at: usize) -> &'a str {
        self.lexemes.get(at).map_or("", |lexeme| lexeme.text(self.sql))
    }

    fn kind(&self, at: usize) -> Option<LexemeKind> {
        self.lexemes.get(at).map(|lexeme| lexeme.kind)
    }

    /// Is the token here this word, unquoted?
    fn word(&self, at: usize, word: &str) -> bool {
        self.kind(at) == Some(LexemeKind::Word) && self.text(at).eq_ignore_ascii_case(word)
    }

    fn one_of(&self, at: usize, words: &str) -> bool {
        self.kind(at) == Some(LexemeKind::Word) && is_among(words, self.text(at))
    }

    /// Do these words stand here, unquoted?
    fn words(&self, at: usize, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(index, word)| self.word(at.saturating_add(index), word))
    }

    /// Do these words stand right before?
    fn follows(&self, at: usize, words: &[&str]) -> bool {
        at.checked_sub(words.len()).is_some_and(|start| self.words(start, words))
    }

    fn symbol(&self, at: usize, symbol: u8) -> bool {
        self.kind(at) == Some(LexemeKind::Symbol(symbol))
    }

    fn is_name(&self, at: usize) -> bool {
        matches!(self.kind(at), Some(LexemeKind::Word | LexemeKind::QuotedWord))
    }

    /// Is the token here an unquoted word that was not found to be a name?
    fn is_keyword(&self, at: usize) -> bool {
        self.lexemes.get(at).is_some_and(|lexeme| lexeme.kind == LexemeKind::Word && !lexeme.is_name)
    }

    fn is_constant(&self, at: usize) -> bool {
        let forms = [StringForm::Plain, StringForm::Escape, StringForm::Dollar];
        matches!(self.kind(at), Some(LexemeKind::String(form)) if forms.contains(&form))
    }

    fn category(&self, at: usize) -> Category {
        keywords::category(self.text(at), self.major)
    }

    fn clause(&self) -> Clause {
        self.levels.last().map_or(Clause::Expression, |level| level.clause)
    }

    fn set(&mut self, clause: Clause) {
        if let Some(level) = self.levels.last_mut() {
            level.clause = clause;
            level.is_query |= clause == Clause::Targets;
        }
    }

    fn push(&mut self, clause: Clause) {
        self.levels.push(Level::new(clause));
        self.after_operand = false;
    }

    /// Leaves a level; the statement itself is never left.
    fn pop(&mut self) {
        self.after_operand = true;
        if self.levels.len() > 1
            && let Some(level) = self.levels.pop()
        {
            self.after_operand = !level.is_prefix;
        }
    }

    fn mark_name(&mut self, at: usize) {
        if let Some(lexeme) = self.lexemes.get_mut(at) {
            lexeme.is_name = lexeme.kind == LexemeKind::Word;
        }
    }

    /// Keeps these tokens from the parser here.
    fn drop_tokens(&mut self, tokens: Range<usize>) {
        for lexeme in self.lexemes.get_mut(tokens).unwrap_or_default() {
            lexeme.is_dropped = true;
        }
    }

    /// Takes `count` tokens as they are.
    fn keep(&mut self, at: usize, count: usize, after_operand: bool) -> usize {
        self.after_operand = after_operand;
        at.saturating_add(count)
    }

    /// Takes one word as a name.
    fn name(&mut self, at: usize) -> usize {
        self.mark_name(at);
        self.keep(at, 1, true)
    }

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

    /// A word behind an operand.
    fn word_behind(&mut self, at: usize) -> usize {
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
    fn clause_word_behind(&mut self, at: usize) -> usize {
        if self.words(at, &["WITHIN", "GROUP"]) {
            return self.keep(at, 2, false);
        }
        match self.clause_word(at) {
            Some(end) => end,
            None => self.infix(at),
        }
    }

    /// A word behind a table or function of FROM, or behind its alias.
    fn word_behind_table(&mut self, at: usize) -> usize {
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
    fn infix(&mut self, at: usize) -> usize {
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
    fn test(&mut self, at: usize) -> usize {
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
    fn comma(&mut self, at: usize) -> usize {
        if let Some(lexeme) = self.lexemes.get_mut(at) {
            lexeme.is_comma = true;
        }
        self.keep(at, 1, false)
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

    /// A type before a constant: marks it, and says where the whole ends.
    fn typed_constant(&mut self, at: usize) -> Option<usize> {
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
    fn after_interval_fields(&self, from: usize) -> usize {
        let mut at = from;
        while self.one_of(at, INTERVAL_FIELDS) {
            at = self.after_modifiers(at.saturating_add(1));
        }
        at
    }

    /// `(10, 2)`.
    fn after_modifiers(&self, at: usize) -> usize {
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
    fn type_end(&self, at: usize) -> usize {
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
    fn after_brackets(&self, from: usize) -> usize {
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
    fn type_name(&mut self, at: usize) -> usize {
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
