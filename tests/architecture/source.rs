//! Sources in Rust: their code without comments and quotes, and the names in it.

use std::fs;
use std::path::{Path, PathBuf};

/// A source file: its path below src/, and its code.
pub struct Source {
    /// Below src/.
    pub path: String,
    /// Without comments and what stands in quotes.
    pub text: String,
}

/// The text without comments and without what stands in quotes, each line where it was.
fn code(text: &str) -> String {
    let (mut kept, mut rest) = (String::new(), text);
    while let Some(first) = rest.chars().next() {
        // The beginning, which is kept with the quote that closes it, and the length of what follows it and is not.
        let (beginning, closing, dropped) = if rest.starts_with("//") {
            ("", "", rest.find('\n').unwrap_or(rest.len()))
        } else if rest.starts_with("/*") {
            ("", "", block_comment(rest))
        } else if let Some(opening) = raw_opening(rest, kept.chars().next_back()) {
            let closing = format!("\"{}", "#".repeat(opening.matches('#').count()));
            let inside = rest.get(opening.len()..).unwrap_or_default();
            (opening, "\"", inside.find(&closing).map_or(inside.len(), |end| end + closing.len()))
        } else if first == '"' {
            ("\"", "\"", quoted(rest, '"'))
        } else if first == '\'' && is_character(rest) {
            ("'", "'", quoted(rest, '\''))
        } else {
            (rest.get(..first.len_utf8()).unwrap_or_default(), "", 0)
        };
        let (gone, left) = rest.get(beginning.len()..).unwrap_or_default().split_at(dropped);
        kept.push_str(beginning);
        kept.extend(gone.chars().filter(|character| *character == '\n'));
        kept.push_str(closing);
        rest = left;
    }
    kept
}

/// How long a comment between `/*` and `*/` is, with those that it holds.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut place) = (0_usize, 0);
    while let Some(rest) = text.get(place..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            (depth, place) = (depth + 1, place + 2);
        } else if rest.starts_with("*/") {
            (depth, place) = (depth - 1, place + 2);
            if depth == 0 {
                break;
            }
        } else {
            place += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    place
}

/// `r"` or `r#"` with any number of `#`, unless the `r` ends another word; `br"` and `cr"` are raw as well.
fn raw_opening(text: &str, before: Option<char>) -> Option<&str> {
    let hashes = text.strip_prefix('r')?;
    let length = 1 + hashes.len() - hashes.trim_start_matches('#').len();
    let is_word = before.is_some_and(|before| (before.is_alphanumeric() || before == '_') && !"bc".contains(before));
    (!is_word && text.get(length..)?.starts_with('"')).then(|| text.get(..=length)).flatten()
}

/// Whether a quote begins a character and no lifetime.
fn is_character(text: &str) -> bool {
    let mut characters = text.chars().skip(1);
    characters.next() == Some('\\') || characters.next() == Some('\'')
}

/// How much of a text in such quotes is behind the first of them.
fn quoted(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (place, character) in text.char_indices().skip(1) {
        if character == quote && !is_escaped {
            return place;
        }
        is_escaped = character == '\\' && !is_escaped;
    }
    text.len() - 1
}

/// Where the item that begins here ends: behind its closing brace or its semicolon.
fn item_end(text: &str) -> usize {
    let (mut depth, mut is_open) = (0_usize, false);
    for (place, character) in text.char_indices() {
        let end = place + character.len_utf8();
        match character {
            '(' | '[' | '{' => (depth, is_open) = (depth + 1, is_open || depth == 0 && character == '{'),
            ')' | ']' | '}' => {
                depth = depth.saturating_sub(1);
                // `use a::{b};` and `const A: B = B {};` go on to the semicolon.
                if depth == 0 && is_open && character == '}' {
                    let behind = text.get(end..).unwrap_or_default();
                    return if behind.trim_start().starts_with(';') {
                        end + behind.find(';').unwrap_or(0) + 1
                    } else {
                        end
                    };
                }
            }
            ';' if depth == 0 => return end,
            _ => {}
        }
    }
    text.len()
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        Source { path: path.to_owned(), text: code(text) }
    }

    /// The words of its code.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.text.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
    }

    /// Whether such a word stands in its code.
    pub fn has_word(&self, word: &str) -> bool {
        self.words().any(|known| known == word)
    }

    /// What it uses, one path for each name: its visibility, which is empty for what is private, and the path as it is written.
    pub fn uses(&self) -> Vec<(String, Vec<String>)> {
        let mut found = Vec::new();
        for (start, _) in self.text.match_indices("use ") {
            let before = self.text.get(..start).unwrap_or_default();
            let visibility = before.rsplit([';', '}', '{', ']', '\n']).next().unwrap_or_default().trim();
            if !visibility.is_empty() && !visibility.starts_with("pub") {
                continue;
            }
            let tree = self.text.get(start + "use ".len()..).unwrap_or_default();
            let tree = format!("{}}}", tree.split(';').next().unwrap_or_default());
            found.extend(branches(&tree).into_iter().map(|path| (visibility.to_owned(), path)));
        }
        found
    }

    /// Its module as path segments below the crate; empty for lib.rs.
    pub fn module(&self) -> Vec<&str> {
        let path = self.path.trim_end_matches(".rs");
        let path = path.strip_suffix("/mod").unwrap_or(path);
        if path == "lib" { Vec::new() } else { path.split('/').collect() }
    }

    /// Every path below the crate that it names, by `crate::` or by `super::`.
    pub fn names(&self) -> Vec<Vec<String>> {
        let mut found = Vec::new();
        let is_part = |character: char| character.is_alphanumeric() || "_:".contains(character);
        for (start, _) in self.text.match_indices("crate::").chain(self.text.match_indices("super::")) {
            let before = self.text.get(..start).unwrap_or_default();
            if before.ends_with(|last: char| is_part(last) || last == '$') {
                continue;
            }
            let rest = self.text.get(start..).unwrap_or_default();
            let end = rest.find(|character| !is_part(character)).unwrap_or(rest.len());
            let (path, behind) = rest.split_at(end);
            let mut segments: Vec<String> =
                path.split("::").map(str::to_owned).filter(|part| !part.is_empty()).collect();
            let mut base: Vec<String> = self.module().into_iter().map(str::to_owned).collect();
            base.extend(self.inline_modules_around(start));
            if segments.first().is_some_and(|first| first == "crate") {
                segments.remove(0);
                base.clear();
            }
            while segments.first().is_some_and(|first| first == "super") {
                segments.remove(0);
                base.pop();
            }
            base.extend(segments);
            match behind.strip_prefix('{') {
                Some(tree) if path.ends_with("::") => {
                    found.extend(branches(tree).into_iter().map(|branch| [base.clone(), branch].concat()));
                }
                _ => found.push(base),
            }
        }
        found
    }

    /// The names of the modules within the file that a place lies in, the outermost first.
    fn inline_modules_around(&self, place: usize) -> Vec<String> {
        let mut open: Vec<(usize, String)> = Vec::new();
        for line in self.text.get(..place).unwrap_or_default().lines() {
            let indentation = line.len() - line.trim_start().len();
            if line.trim() == "}" {
                open.retain(|(opened, _)| *opened != indentation);
            } else if let Some((before, name)) = line.trim_end_matches(" {").rsplit_once("mod ")
                && line.ends_with('{')
                && before.trim_start().chars().all(|letter| "pub(crate)super ".contains(letter))
            {
                open.push((indentation, name.to_owned()));
            }
        }
        open.into_iter().map(|(_, name)| name).collect()
    }

    /// A file of tests, or of what they share.
    pub fn is_for_tests(&self) -> bool {
        self.module().iter().any(|part| ["tests", "testing", "properties", "vectors", "wire_tests"].contains(part))
    }

    /// The same file without its tests, which may look back.
    pub fn without_tests(&self) -> Self {
        const MARK: &str = "#[cfg(test)]";
        let (mut kept, mut rest) = (String::new(), self.text.as_str());
        while let Some((before, item)) = rest.split_once(MARK) {
            kept.push_str(before);
            rest = item.get(item_end(item)..).unwrap_or_default();
        }
        kept.push_str(rest);
        Source { path: self.path.clone(), text: kept }
    }
}

/// The paths of a use tree, from behind its opening brace.
fn branches(tree: &str) -> Vec<Vec<String>> {
    let (mut found, mut prefixes, mut current) = (Vec::new(), Vec::<Vec<String>>::new(), String::new());
    let path = |prefixes: &[Vec<String>], text: &str| -> Vec<String> {
        let own = text.split(" as ").next().unwrap_or_default();
        let parts =
            own.split("::").map(|part| part.trim().to_owned()).filter(|part| !part.is_empty() && part != "self");
        prefixes.iter().flatten().cloned().chain(parts).collect()
    };
    for character in tree.chars() {
        match character {
            '{' => prefixes.push(path(&[], &std::mem::take(&mut current))),
            ',' | '}' => {
                let text = std::mem::take(&mut current);
                if !text.trim().is_empty() {
                    found.push(path(&prefixes, &text));
                }
                if character == '}' && prefixes.pop().is_none() {
                    break;
                }
            }
            _ => current.push(character),
        }
    }
    found
}

/// The folder src.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// All of them.
pub fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    let mut open = vec![folder()];
    while let Some(folder_or_file) = open.pop() {
        if folder_or_file.is_dir() {
            open.extend(fs::read_dir(&folder_or_file).unwrap().map(|entry| entry.unwrap().path()));
        } else if folder_or_file.extension().is_some_and(|extension| extension == "rs") {
            let path = folder_or_file.strip_prefix(folder()).unwrap().to_str().unwrap().to_owned();
            found.push(Source::new(&path, &fs::read_to_string(&folder_or_file).unwrap()));
        }
    }
    assert!(found.len() > 150, "the sources were not found");
    found
}

#[test]
fn code_is_what_is_neither_comment_nor_quoted() {
    for (text, expected) in [
        ("a // b\nc", "a \nc"),
        ("a(\"//\"); b", "a(\"\"); b"),
        ("a(\"\\\"//\", 'x', '\"', '\\''); b", "a(\"\", '', '', ''); b"),
        ("fn f<'a>(b: &'a str) {}", "fn f<'a>(b: &'a str) {}"),
        ("a(r#\"//\"\n\"#, br\"\\\", c\"d\"); b", "a(r#\"\n\", br\"\", c\"\"); b"),
        ("a /* b /* c */ \n d */ e", "a \n e"),
    ] {
        assert_eq!(code(text), expected, "{text}");
    }
}
