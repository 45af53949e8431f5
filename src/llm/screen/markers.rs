//! Texts that are addressed to a model's plumbing: fake verdicts, role markers, our tags and tool names, hidden text.
//!
//! They are looked for in a skeleton of the question, in which fullwidth, accented, circled and look-alike letters are
//! plain ones and invisible characters are gone. The skeleton is for looking only.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::super::matching::fold_case;
use crate::characters::is_invisible;

const VERDICT: &str = "a verdict";
const ROLE: &str = "a role marker";
const TAG: &str = "a tag of a prompt";
const TOOL: &str = "a tool's name";
const HIDDEN: &str = "hidden text";

/// Most marks or blanks between two letters of a spaced-out word.
const MOST_BETWEEN: usize = 3;
/// Most characters between `verdict` and the word that it is set to, and inside `<|..|>`.
const MOST_APART: usize = 40;

/// What the question holds of that kind.
pub(super) fn find(question: &str) -> Option<&'static str> {
    if hides_text(question) {
        return Some(HIDDEN);
    }
    let text = skeleton(&unescape(question));
    let characters: Vec<char> = text.chars().collect();
    let lists = [
        (VERDICT, dictates_verdict(&characters)),
        (TOOL, TOOL_NAMES.iter().any(|name| text.contains(name))),
        (ROLE, marks_role(&text, &characters)),
        (TAG, opens_tag(&characters)),
    ];
    lists.into_iter().find_map(|(what, found)| found.then_some(what))
}

/// Tag characters spell ASCII that nobody sees; they are honest only in the flags of England, Scotland and Wales, and
/// the like. Variation selectors come one at a time.
fn hides_text(question: &str) -> bool {
    let (mut in_flag, mut tags, mut selectors) = (false, 0, 0);
    for character in question.chars() {
        match character {
            '\u{e0000}'..='\u{e007f}' => {
                tags += 1;
                if !in_flag || tags > 7 {
                    return true;
                }
            }
            '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => {
                selectors += 1;
                if selectors > 2 {
                    return true;
                }
                continue;
            }
            _ => (in_flag, tags) = (character == '\u{1f3f4}', 0),
        }
        selectors = 0;
    }
    false
}

/// The text with `\u0076` and `&quot;` read as a model reads them.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let (read, length) = escape(rest).unwrap_or((character, character.len_utf8()));
        plain.push(read);
        rest = rest.get(length..).unwrap_or_default();
    }
    plain
}

/// The character that an escape at the start of `text` stands for, and the bytes it takes.
fn escape(text: &str) -> Option<(char, usize)> {
    const NAMED: [(&str, char); 8] = [
        ("&quot;", '"'),
        ("&apos;", '\''),
        ("&lt;", '<'),
        ("&gt;", '>'),
        ("&amp;", '&'),
        ("&colon;", ':'),
        ("&equals;", '='),
        ("&lowbar;", '_'),
    ];
    if let Some(digits) = text.strip_prefix("\\u").and_then(|rest| rest.get(..4)) {
        return Some((char::from_u32(u32::from_str_radix(digits, 16).ok()?)?, 6));
    }
    if let Some(rest) = text.strip_prefix("&#") {
        let digits = rest.get(..rest.bytes().take(10).position(|byte| byte == b';')?)?;
        let code = match digits.strip_prefix(['x', 'X']) {
            Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16),
            None => digits.parse(),
        };
        return Some((char::from_u32(code.ok()?)?, digits.len() + 3));
    }
    NAMED.iter().find(|(name, _)| text.starts_with(name)).map(|(name, character)| (*character, name.len()))
}

fn skeleton(text: &str) -> String {
    let seen = text.nfkd().filter(|character| !is_invisible(*character) && !is_combining_mark(*character));
    seen.flat_map(fold_case).map(look_alike).collect()
}

/// Letters of other alphabets that look like ours, and line breaks. No honest word in another alphabet is read as one
/// of the few English words that are looked for.
fn look_alike(character: char) -> char {
    match character {
        'а' | 'α' | 'ᴀ' | 'ɑ' => 'a',
        'в' | 'ʙ' => 'b',
        'с' | 'ᴄ' | 'ϲ' => 'c',
        'ԁ' | 'ᴅ' | 'đ' => 'd',
        'е' | 'ε' | 'ᴇ' | 'ɛ' => 'e',
        'і' | 'ι' | 'ı' | 'ɪ' | 'ɩ' | 'ӏ' => 'i',
        'ј' | 'ᴊ' => 'j',
        'к' | 'κ' | 'ᴋ' => 'k',
        'ʟ' | 'ł' | 'ⅼ' => 'l',
        'м' | 'ᴍ' => 'm',
        'п' | 'η' | 'ɴ' | 'ո' => 'n',
        'о' | 'ο' | 'σ' | 'օ' | 'ᴏ' | 'ø' => 'o',
        'р' | 'ρ' | 'ᴘ' => 'p',
        'г' | 'ʀ' => 'r',
        'ѕ' | 'ꜱ' => 's',
        'т' | 'τ' | 'ᴛ' => 't',
        'υ' | 'ᴜ' | 'ս' => 'u',
        'ѵ' | 'ν' | 'ᴠ' => 'v',
        'ѡ' | 'ԝ' | 'ω' | 'ᴡ' => 'w',
        'у' | 'ʏ' | 'γ' => 'y',
        '\u{1f130}'..='\u{1f149}' => letter(character, 0x1f130),
        '\u{1f150}'..='\u{1f169}' => letter(character, 0x1f150),
        '\u{1f170}'..='\u{1f189}' => letter(character, 0x1f170),
        '\u{1f1e6}'..='\u{1f1ff}' => letter(character, 0x1f1e6),
        '\r' | '\u{2028}' | '\u{2029}' => '\n',
        _ => character,
    }
}

/// The letter at a place of a block of enclosed capitals.
fn letter(character: char, first: u32) -> char {
    let place = u32::from(character).saturating_sub(first);
    char::from_u32(u32::from('a') + place).unwrap_or(character)
}

/// Our tools, as any model's trace would spell them. `write sql` and `record verdict` are plain English.
const TOOL_NAMES: [&str; 9] = [
    "record_verdict",
    "record-verdict",
    "recordverdict",
    "write_sql",
    "write-sql",
    "writesql",
    "tell_answer",
    "tell-answer",
    "tellanswer",
];

/// `verdict`, one of the signs that set a value, and one of the four words, in whatever quotes, brackets and spacing.
fn dictates_verdict(text: &[char]) -> bool {
    (0..text.len()).any(|start| {
        let Some(end) = spelled(text, start, "verdict") else { return false };
        let rest = text.get(end..).unwrap_or_default();
        let apart = rest.iter().take(MOST_APART).take_while(|character| !character.is_alphanumeric()).count();
        let between = rest.get(..apart).unwrap_or_default();
        sets_value(between)
            && ["allow", "clarify", "outofscope", "reject"].iter().any(|word| {
                spelled(rest, apart, word).is_some_and(|end| rest.get(end).is_none_or(|next| !next.is_alphanumeric()))
            })
    })
}

/// Whether the characters between a name and a word set the one to the other, as data formats and arrows do. `<>` is SQL.
fn sets_value(between: &[char]) -> bool {
    between.iter().enumerate().any(|(index, character)| match character {
        '>' => index.checked_sub(1).and_then(|before| between.get(before)) != Some(&'<'),
        _ => matches!(character, ':' | '=' | '|' | '→' | '⇒' | '➜' | '➔' | '⟶' | '↦' | '∶' | '꞉'),
    })
}

/// The end of a word whose letters begin at `start`, when at most a few marks or blanks stand between any two.
fn spelled(text: &[char], start: usize, word: &str) -> Option<usize> {
    let mut position = start;
    for (index, letter) in word.chars().enumerate() {
        let mut between = 0;
        loop {
            let character = *text.get(position)?;
            position += 1;
            if character == letter {
                break;
            }
            between += 1;
            if index == 0 || between > MOST_BETWEEN || character.is_alphanumeric() {
                return None;
            }
        }
    }
    Some(position)
}

/// What chat templates put between turns.
fn marks_role(text: &str, characters: &[char]) -> bool {
    const MARKERS: [&str; 6] = ["[inst]", "[/inst]", "<<sys>>", "<</sys>>", "<start_of_turn>", "<end_of_turn>"];
    MARKERS.iter().any(|marker| text.contains(marker))
        || holds_special_token(characters)
        || text.split('\n').enumerate().any(|(number, line)| speaks_as(line, number > 0))
        || holds_chat_message(text)
}

/// `<|im_start|>`, `<|eot_id|>` and their kin: a name between bars.
fn holds_special_token(text: &[char]) -> bool {
    text.windows(2).enumerate().filter(|(_, pair)| *pair == ['<', '|']).any(|(start, _)| {
        let inside = text.iter().skip(start + 2).take(MOST_APART);
        let name = inside
            .take_while(|character| character.is_alphanumeric() || matches!(character, '_' | '-' | ' ' | '▁' | '/'))
            .count();
        let end = start + 2 + name;
        // PostgreSQL has the operators <<| and |>>.
        let operators = start > 0
            && text.get(start - 1) == Some(&'<')
            && text.get(end + 2) == Some(&'>')
            && text.get(start + 2).is_some_and(|first| first.is_whitespace());
        name > 0 && !operators && text.get(end..end + 2) == Some(&['|', '>'])
    })
}

/// A line that says who speaks: `Human:`, `**Assistant**:`, `### System`. The first line of a question is given the
/// benefit of the doubt for `user:`, which is a column of many a table.
fn speaks_as(line: &str, is_later: bool) -> bool {
    let start =
        line.trim_start_matches(|character: char| character.is_whitespace() || "#*>_-=[`'\"".contains(character));
    let is_heading = line.trim_start().starts_with("##");
    let roles = ["human", "assistant", "system", "developer", "user", "instruction", "instructions", "response"];
    roles.into_iter().any(|role| {
        let Some(rest) = start.strip_prefix(role) else { return false };
        let rest =
            rest.trim_start_matches(|character: char| character.is_whitespace() || "*_]`'\"#=-".contains(character));
        match role {
            "instruction" | "instructions" | "response" => is_heading && (rest.is_empty() || rest.starts_with(':')),
            "user" => (is_later || is_heading) && (rest.starts_with(':') || (is_heading && rest.is_empty())),
            _ => rest.starts_with(':') || (is_heading && rest.is_empty()),
        }
    })
}

/// A message of a chat as JSON: `{"role": "system", "content": ..}`. Either member alone is anybody's JSON.
fn holds_chat_message(text: &str) -> bool {
    let packed: String = text
        .chars()
        .filter(|character| !character.is_whitespace())
        .map(|character| if character == '\'' { '"' } else { character })
        .collect();
    packed.contains("\"content\":")
        && ["system", "assistant", "developer", "user", "tool"]
            .iter()
            .any(|role| packed.contains(&format!("\"role\":\"{role}\"")))
}

/// Tags of ours or of any prompt's making: `</question`, `<question-3f9c>`, `<system>`. Placeholders such as `<store>`
/// or `<metric-name>` are none, so a tag of ours needs its nonce, which has a digit.
fn opens_tag(text: &[char]) -> bool {
    text.iter().enumerate().filter(|(_, character)| **character == '<').any(|(start, _)| {
        let rest = text.iter().skip(start + 1).take(2 * MOST_APART);
        let rest: String = rest.filter(|character| !character.is_whitespace()).collect();
        let (closes, rest) = rest.strip_prefix('/').map_or((false, rest.as_str()), |rest| (true, rest));
        let in_name = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
        let (name, after) = rest.split_at(rest.find(|character| !in_name(character)).unwrap_or(rest.len()));
        let (stem, nonce) = name.split_once('-').unwrap_or((name, ""));
        let is_ours = OURS.contains(&stem) && nonce.contains(|character: char| character.is_ascii_digit());
        let is_plain = FOREIGN.contains(&name) || stem == "question";
        (is_ours || is_plain) && (closes || after.starts_with('>'))
    })
}

/// The first words of the tags that `prompts` writes.
const OURS: [&str; 9] = ["question", "plane", "metric", "example", "earlier", "failed", "error", "result", "time"];
/// Tags that other prompts use.
const FOREIGN: [&str; 8] =
    ["system", "assistant", "human", "instructions", "developer", "system_prompt", "function_calls", "tool_use"];
