//! Tokens, where they lie in the text, and how its bytes are read.

/// The spelling of a string constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StringForm {
    Plain,
    /// E'..'
    Escape,
    /// B'..'
    Bit,
    /// X'..'
    Hex,
    /// N'..'
    National,
    /// $tag$..$tag$
    Dollar,
}

/// The sort of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LexemeKind {
    /// An unquoted identifier or keyword.
    Word,
    /// ".."
    QuotedWord,
    Number,
    String(StringForm),
    /// Made of operator characters, cut as PostgreSQL cuts it.
    Operator,
    /// One of `( ) [ ] , . ; :`
    Symbol(u8),
    /// `::`
    DoubleColon,
    /// `:=`
    ColonEquals,
}

/// One token: where it lies in the text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lexeme {
    pub(super) kind: LexemeKind,
    pub(super) start: usize,
    pub(super) end: usize,
    /// An unquoted word that PostgreSQL takes as a name where it stands.
    pub(super) is_name: bool,
    /// Part of what the parser here is not given: the type before a constant, a prefix operator, and the like.
    pub(super) is_dropped: bool,
    /// A word between the arguments of SUBSTRING, of which the parser here knows one order only. It is given a comma.
    pub(super) is_comma: bool,
}

impl Lexeme {
    /// The token as it was written.
    pub(super) fn text<'a>(&self, sql: &'a str) -> &'a str {
        sql.get(self.start..self.end).unwrap_or_default()
    }

    /// Is it this keyword, unquoted and not in the place of a name?
    pub(super) fn is_keyword(&self, sql: &str, keyword: &str) -> bool {
        self.kind == LexemeKind::Word && !self.is_name && self.text(sql).eq_ignore_ascii_case(keyword)
    }

    pub(super) fn is_symbol(&self, symbol: u8) -> bool {
        self.kind == LexemeKind::Symbol(symbol)
    }
}

/// Reads the bytes; past the end it reads NUL, which the text was seen not to contain.
pub(super) struct Cursor<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) position: usize,
}

impl Cursor<'_> {
    pub(super) fn at(&self, ahead: usize) -> u8 {
        self.position.checked_add(ahead).and_then(|index| self.bytes.get(index)).copied().unwrap_or(0)
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.position >= self.bytes.len()
    }

    pub(super) fn skip(&mut self, count: usize) {
        self.position = self.position.saturating_add(count).min(self.bytes.len());
    }

    pub(super) fn skip_while(&mut self, wanted: impl Fn(u8) -> bool) {
        while !self.is_at_end() && wanted(self.at(0)) {
            self.skip(1);
        }
    }

    /// The bytes from here on start with this.
    pub(super) fn looks_at(&self, prefix: &[u8]) -> bool {
        self.bytes.get(self.position..).is_some_and(|rest| rest.starts_with(prefix))
    }
}

pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0c)
}

pub(super) fn is_identifier_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}
