//! Follow-up questions: the earlier questions and SQL of the same principal.
//!
//! A conversation belongs to the principal that began it. Turns lie in a table of the extension's own and are written in
//! the caller's transaction: a call that was rolled back was never part of the conversation.

use crate::error::{Refusal, StageResult, State};
use crate::identity::principal::Principal;
use crate::llm::prompts::Turn;
use crate::pgx::spi::read::Lookup;
use crate::pgx::spi::write;
use crate::settings;

thread_local! {
    static TURNS: Lookup = const { Lookup::new("SELECT question, sql FROM splitplane._conversation_turns($1, $2, $3, $4, $5)", 5) };
}

const KEEP: &str = "SELECT splitplane._keep_turn($1, $2, $3, $4, $5, $6, $7, $8)";

/// A conversation that is the principal's own, or new.
pub(super) struct Conversation {
    id: String,
    turns: Vec<Turn>,
    retention: String,
}

impl Conversation {
    /// Reads the latest turns.
    ///
    /// # Errors
    /// 42501 when it belongs to another principal; 55000 where none can be kept.
    pub(super) fn open(id: String, principal: &Principal) -> StageResult<Self> {
        let retention = settings::model::conversation_retention().ok_or_else(|| {
            Refusal::new(State::Unsafe, "conversations are switched off (splitplane.conversation_retention is 0)")
        })?;
        if write::is_read_only() {
            return Err(Refusal::new(
                State::Unsafe,
                "a conversation is kept in a table, and this transaction is read-only; ask without one",
            ));
        }
        let retention = retention.to_string();
        let arguments = [id.as_str(), principal.tenant(), principal.business(), principal.subject(), &retention];
        let rows = TURNS.with(|lookup| lookup.rows(&arguments))?;
        let turns = rows
            .into_iter()
            .map(|row| {
                let mut columns = row.into_iter();
                Turn { question: columns.next().flatten().unwrap_or_default(), sql: columns.next().flatten() }
            })
            .collect();
        Ok(Conversation { id, turns, retention })
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Oldest first.
    pub(super) fn turns(&self) -> &[Turn] {
        &self.turns
    }

    /// Adds a turn.
    pub(super) fn keep(&self, principal: &Principal, question: &str, sql: Option<&str>) -> StageResult<()> {
        let (tenant, business, subject) = (principal.tenant(), principal.business(), principal.subject());
        let most = settings::model::max_conversation_turns().to_string();
        let arguments = [
            Some(self.id.as_str()),
            Some(tenant),
            Some(business),
            Some(subject),
            Some(&self.retention),
            Some(&most),
            Some(question),
            sql,
        ];
        write::execute(KEEP, &arguments)
    }
}
