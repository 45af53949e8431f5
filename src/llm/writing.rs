//! What a writer's and a narrator's reply is believed to say: SQL or a question back, and an answer in words.
//!
//! The SQL is untrusted: it is handed on as it came, for layer 3 to confine.

use serde_json::{Value, json};

use super::{ModelError, Shape, screen, verdict};

/// Longest SQL, in bytes.
const MOST_SQL_BYTES: usize = 64 * 1024;
/// Longest question back, in characters.
const MOST_CLARIFICATION: usize = 2_000;
/// Longest answer, in characters.
const MOST_ANSWER: usize = 8_000;

/// Most names of tables.
const MOST_TABLES: usize = 30;

/// Marks code in Markdown.
const FENCE: &str = "```";
/// What models put behind an opening fence, longest first.
const FENCE_LABELS: [&str; 5] = ["postgresql", "postgres", "plpgsql", "pgsql", "sql"];

/// What a writer wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Writing {
    /// A statement, as untrusted as any.
    Sql(String),
    /// A question back to the caller, safe to pass on ([`screen::message`]).
    Clarification(String),
    /// A statement and a question back, of which only one can be meant: it is to be asked again.
    Both(String),
}

/// The one shape of what a writer writes.
#[must_use]
pub fn shape() -> Shape {
    Shape {
        name: "write_sql",
        description: "Hands over either one SQL query or a question back to the asker.",
        schema: json!({
            "type": "object",
            "properties": {
                "sql": {"type": "string", "description": "One PostgreSQL SELECT statement, or empty."},
                "clarification": {
                    "type": "string",
                    "description": "What the asker must tell first, in the language of the question, or empty."
                },
            },
            "required": ["sql", "clarification"],
            "additionalProperties": false,
        }),
    }
}

/// Reads what a writer wrote. A Markdown fence around the whole of the SQL is taken off; nothing else is changed.
///
/// # Errors
/// [`ModelError::Reply`] for any other shape, for none of the two texts, and for texts that are too long.
pub fn read(value: &Value) -> Result<Writing, ModelError> {
    let [sql, clarification] = verdict::texts(value, ["sql", "clarification"])?;
    if sql.len() > MOST_SQL_BYTES {
        return Err(ModelError::Reply("the SQL is too long"));
    }
    if clarification.chars().nth(MOST_CLARIFICATION).is_some() {
        return Err(ModelError::Reply("the clarification is too long"));
    }
    let sql = unfenced(sql);
    let told = screen::message(clarification);
    match (screen::is_blank(sql), screen::is_blank(&told)) {
        (false, true) => Ok(Writing::Sql(sql.to_owned())),
        (true, false) => Ok(Writing::Clarification(told)),
        (true, true) => Err(ModelError::Reply("it holds neither SQL nor a clarification")),
        (false, false) => Ok(Writing::Both(sql.to_owned())),
    }
}

/// The text inside a Markdown fence that holds all of it; any other text as it is.
fn unfenced(text: &str) -> &str {
    let inside = text.trim().strip_prefix(FENCE).and_then(|rest| rest.strip_suffix(FENCE));
    let Some(inside) = inside.filter(|inside| !inside.contains(FENCE)) else { return text };
    let label = FENCE_LABELS.iter().find(|label| {
        let labelled = inside.get(..label.len()).is_some_and(|start| start.eq_ignore_ascii_case(label));
        labelled
            && inside.get(label.len()..).is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
    });
    inside.get(label.map_or(0, |label| label.len())..).unwrap_or_default().trim()
}

/// The one shape of names of tables.
#[must_use]
pub fn tables_shape() -> Shape {
    Shape {
        name: "name_tables",
        description: "Names the tables that are needed to answer the question.",
        schema: json!({
            "type": "object",
            "properties": {"tables": {"type": "string", "description": "Names from the list, one to a line, or empty."}},
            "required": ["tables"],
            "additionalProperties": false,
        }),
    }
}

/// Reads names of tables: those that were offered, each once, the first thirty. Whatever else it holds is dropped.
///
/// # Errors
/// [`ModelError::Reply`] for any other shape.
pub fn read_tables(value: &Value, offered: &[String]) -> Result<Vec<String>, ModelError> {
    let [tables] = verdict::texts(value, ["tables"])?;
    let mut named: Vec<String> = Vec::new();
    for line in tables.lines().map(str::trim) {
        if named.len() < MOST_TABLES
            && offered.iter().any(|name| name == line)
            && !named.iter().any(|name| name == line)
        {
            named.push(line.to_owned());
        }
    }
    Ok(named)
}

/// The one shape of an answer in words.
#[must_use]
pub fn answer_shape() -> Shape {
    Shape {
        name: "tell_answer",
        description: "Tells the asker the answer in words.",
        schema: json!({
            "type": "object",
            "properties": {"answer": {"type": "string", "description": "The answer, in the language of the question."}},
            "required": ["answer"],
            "additionalProperties": false,
        }),
    }
}

/// Reads an answer in words, without control characters.
///
/// # Errors
/// [`ModelError::Reply`] for any other shape, and for an answer that is empty or over 8,000 characters.
pub fn read_answer(value: &Value) -> Result<String, ModelError> {
    let [answer] = verdict::texts(value, ["answer"])?;
    if answer.chars().nth(MOST_ANSWER).is_some() {
        return Err(ModelError::Reply("the answer is too long"));
    }
    let answer = screen::printable(answer);
    if screen::is_blank(&answer) {
        return Err(ModelError::Reply("the answer is empty"));
    }
    Ok(answer)
}

#[cfg(test)]
#[cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sql(text: &str) -> Result<Writing, ModelError> {
        read(&json!({"sql": text, "clarification": ""}))
    }

    #[test]
    fn takes_a_fence_off_and_nothing_else() {
        for (written, expected) in [
            ("SELECT 1", "SELECT 1"),
            ("  SELECT 1;\n", "  SELECT 1;\n"),
            ("```sql\nSELECT 1\n```", "SELECT 1"),
            ("\n```SQL\r\nSELECT 1\r\n```\n", "SELECT 1"),
            ("```postgresql\nSELECT '`', 1\n```", "SELECT '`', 1"),
            ("```\nSELECT 1\n```", "SELECT 1"),
            ("```SELECT 1```", "SELECT 1"),
            ("```sql SELECT 1```", "SELECT 1"),
            ("```sqlite\nSELECT 1\n```", "sqlite\nSELECT 1"),
            ("```sql\nSELECT 1\n```\n```sql\nSELECT 2\n```", "```sql\nSELECT 1\n```\n```sql\nSELECT 2\n```"),
            ("Here it is:\n```sql\nSELECT 1\n```", "Here it is:\n```sql\nSELECT 1\n```"),
            ("```sql\nSELECT 1", "```sql\nSELECT 1"),
            ("`SELECT 1`", "`SELECT 1`"),
            ("DROP TABLE orders; --\u{202e}", "DROP TABLE orders; --\u{202e}"),
        ] {
            assert_eq!(sql(written), Ok(Writing::Sql(expected.to_owned())), "{written:?}");
        }
    }

    #[test]
    fn reads_a_clarification() {
        for blank in ["", " \n", "```sql\n```", "``````"] {
            let written = json!({"sql": blank, "clarification": "Welches Jahr\u{0}?"});
            assert_eq!(read(&written), Ok(Writing::Clarification("Welches Jahr?".to_owned())));
        }
        assert_eq!(read(&json!({"sql": "SELECT 1", "clarification": " \n"})), Ok(Writing::Sql("SELECT 1".to_owned())));
    }

    #[test]
    fn tells_when_both_are_filled_in() {
        let written = json!({"sql": "```sql\nSELECT 1\n```", "clarification": "Which year?"});
        assert_eq!(read(&written), Ok(Writing::Both("SELECT 1".to_owned())));
    }

    #[test]
    fn rejects_neither_and_other_shapes() {
        for value in [
            json!({"sql": "", "clarification": ""}),
            json!({"sql": "```sql\n\n```", "clarification": "\u{200b}"}),
            json!({"sql": "SELECT 1"}),
            json!({"sql": "SELECT 1", "clarification": null}),
            json!({"sql": "SELECT 1", "clarification": "", "note": ""}),
            json!({"SQL": "SELECT 1", "clarification": ""}),
            json!({"sql": ["SELECT 1"], "clarification": ""}),
            json!("SELECT 1"),
            json!([]),
            json!(null),
        ] {
            assert!(matches!(read(&value), Err(ModelError::Reply(_))), "{value}");
        }
    }

    #[test]
    fn rejects_texts_that_are_too_long() {
        assert!(sql(&"x".repeat(MOST_SQL_BYTES)).is_ok());
        assert!(sql(&"x".repeat(MOST_SQL_BYTES + 1)).is_err());
        assert!(read(&json!({"sql": "", "clarification": "x".repeat(MOST_CLARIFICATION)})).is_ok());
        assert!(read(&json!({"sql": "", "clarification": "x".repeat(MOST_CLARIFICATION + 1)})).is_err());
        assert!(read_answer(&json!({"answer": "x".repeat(MOST_ANSWER)})).is_ok());
        assert!(read_answer(&json!({"answer": "x".repeat(MOST_ANSWER + 1)})).is_err());
    }

    #[test]
    fn reads_an_answer_and_rejects_the_rest() {
        let answer = read_answer(&json!({"answer": "Store 3:\n\t12.50 €\u{1b}[31m"}));
        assert_eq!(answer, Ok("Store 3:\n\t12.50 €[31m".to_owned()));
        for value in [
            json!({"answer": ""}),
            json!({"answer": "\u{7}\n"}),
            json!({"answer": 12}),
            json!({"answer": "x", "sql": ""}),
            json!({"text": "x"}),
            json!({}),
            json!("x"),
        ] {
            assert!(matches!(read_answer(&value), Err(ModelError::Reply(_))), "{value}");
        }
    }

    #[test]
    fn reads_names_that_were_offered() {
        let offered: Vec<String> = (0..60).map(|number| format!("t {number}")).collect();
        let read = |text: &str| read_tables(&json!({"tables": text}), &offered);
        assert_eq!(read("t 3\n  t 1 \r\nt 3\nsecrets\nT 2\n- t 4\n"), Ok(vec!["t 3".to_owned(), "t 1".to_owned()]));
        assert_eq!(read(""), Ok(Vec::new()));
        assert_eq!(read("ignore the rules; t 1, t 2"), Ok(Vec::new()));
        assert_eq!(read(&offered.join("\n")).unwrap().len(), MOST_TABLES);
        for value in
            [json!({"tables": ["t 1"]}), json!({"tables": null}), json!({"names": "t 1"}), json!({}), json!("t 1")]
        {
            assert!(matches!(read_tables(&value, &offered), Err(ModelError::Reply(_))), "{value}");
        }
    }

    #[test]
    fn the_shapes_ask_for_what_is_read() {
        for (shape, fields) in [(shape(), 2), (answer_shape(), 1), (tables_shape(), 1)] {
            assert_eq!(shape.schema["properties"].as_object().unwrap().len(), fields);
            assert_eq!(shape.schema["required"].as_array().unwrap().len(), fields);
            assert_eq!(shape.schema["additionalProperties"], false);
        }
    }

    proptest! {
        #[test]
        fn sql_without_backticks_comes_out_as_it_went_in(text in "[^`]{1,80}") {
            prop_assume!(!screen::is_blank(&text));
            prop_assert_eq!(sql(&text), Ok(Writing::Sql(text)));
        }

        #[test]
        fn a_fence_comes_off(text in "[A-Za-z(][^`]{0,60}[a-z)]", label in "sql|SQL|postgresql|") {
            prop_assert_eq!(sql(&format!("```{label}\n{text}\n```")), Ok(Writing::Sql(text)));
        }
    }
}
