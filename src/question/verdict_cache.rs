//! The verdict cache: which questions were allowed lately, in shared memory, so that any backend profits.
//!
//! Only positive verdicts are kept, by a digest of everything they rest on: database, tenant, model, guardrail, and the validation
//! prompt to the letter, hence question, earlier turns, plane and prompt version. Another tenant's question of the same words
//! has another digest, so that not even the time of an answer reveals it.

use crate::identity::principal::Principal;
use crate::llm::{ModelSettings, Prompt, Provider};
use crate::pgx::server;
use crate::pgx::shmem::map::{Entry, LockedMap, VERDICTS};
use crate::settings;
use sha2::{Digest, Sha256};

/// What a verdict rests on, as a digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct VerdictKey([u8; 32]);

impl VerdictKey {
    /// `prompt` must be made with constant nonces.
    pub(super) fn new(principal: &Principal, model: &ModelSettings, validator: &str, prompt: &Prompt) -> Self {
        let provider = match model.provider {
            Provider::None => "none",
            Provider::Bedrock => "bedrock",
            Provider::OpenAi => "openai",
        };
        let version = crate::llm::prompts::VERSION.to_string();
        let database = server::database_oid().to_string();
        let pieces = [
            version.as_str(),
            database.as_str(),
            principal.tenant(),
            provider,
            &model.endpoint,
            &model.region,
            validator,
            &model.guardrail,
            &model.guardrail_version,
            &model.effort,
            &model.request_fields,
            &prompt.system,
            &prompt.lasting,
            &prompt.user,
        ];
        let mut digest = Sha256::new();
        for piece in pieces {
            // With its length, so that no two lists of pieces give one text.
            digest.update((piece.len() as u64).to_be_bytes());
            digest.update(piece.as_bytes());
        }
        VerdictKey(digest.finalize().into())
    }
}

fn lock() -> Option<LockedMap> {
    if settings::model::verdict_cache_size() == 0 { None } else { VERDICTS.lock() }
}

/// Whether the question was allowed within `splitplane.verdict_lifetime`.
pub(super) fn is_allowed(key: &VerdictKey) -> bool {
    let now = server::now();
    let lifetime = settings::model::verdict_lifetime();
    lock().is_some_and(|mut map| {
        // A lifetime that was shortened counts at once; a clock that was set back does not prolong one.
        map.get(&key.0).is_some_and(|entry| {
            entry.keep_until > now && entry.dated <= now && now.saturating_sub(entry.dated) < lifetime
        })
    })
}

/// Remembers a positive verdict. Full of fresh ones, the cache forgets the older half.
pub(super) fn allow(key: &VerdictKey) {
    let now = server::now();
    let keep_until = now.saturating_add(settings::model::verdict_lifetime());
    let Some(mut map) = lock() else { return };
    if let Some(entry) = map.get(&key.0) {
        (entry.dated, entry.keep_until) = (now, keep_until);
        return;
    }
    if map.is_full() {
        make_room(&mut map, now);
    }
    if !map.is_full() {
        map.insert(Entry { key: key.0, dated: now, keep_until, uses: 0, holder: [0; 32] });
    }
}

fn make_room(map: &mut LockedMap, now: i64) {
    let (mut count, mut sum) = (0i64, 0i64);
    map.remove_where(|entry| {
        let gone = entry.keep_until <= now;
        if !gone {
            count += 1;
            sum = sum.saturating_add(entry.dated);
        }
        gone
    });
    if map.is_full() {
        // The mean stands for the median: one pass, no memory. Of equal dates every one goes.
        let middle = sum.checked_div(count).unwrap_or(now);
        map.remove_where(|entry| entry.dated <= middle);
    }
}
