//! The settings of layer 2 and generation (`splitplane.provider` and what belongs to it).

use super::{text, unsigned};
use crate::llm::prompts::{ANSWER_TOKENS, SQL_TOKENS, VERDICT_TOKENS};
use crate::llm::{ModelSettings, MostTokens, Provider, StructuredOutput};
use pgrx::PostgresGucEnum;
use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting};
use std::ffi::{CStr, CString};

/// `splitplane.provider`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PostgresGucEnum)]
enum ProviderSetting {
    #[name = c"none"]
    None,
    #[name = c"bedrock"]
    Bedrock,
    #[name = c"openai"]
    OpenAi,
}

/// `splitplane.validation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PostgresGucEnum)]
enum ValidationSetting {
    #[name = c"required"]
    Required,
    #[name = c"off"]
    Off,
}

/// `splitplane.narrate`: which rows may be sent to the model for an answer in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PostgresGucEnum)]
pub enum Narrate {
    /// None.
    #[name = c"off"]
    Off,
    /// Small results of queries that aggregate.
    #[name = c"aggregate"]
    Aggregate,
    /// Small results of any query.
    #[name = c"rows"]
    Rows,
}

/// `splitplane.structured_output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PostgresGucEnum)]
enum StructuredOutputSetting {
    #[name = c"auto"]
    Auto,
    #[name = c"tool"]
    Tool,
    #[name = c"native"]
    Native,
    #[name = c"json_object"]
    JsonObject,
}

static PROVIDER: GucSetting<ProviderSetting> = GucSetting::<ProviderSetting>::new(ProviderSetting::None);
static VALIDATION: GucSetting<ValidationSetting> = GucSetting::<ValidationSetting>::new(ValidationSetting::Required);
static NARRATE: GucSetting<Narrate> = GucSetting::<Narrate>::new(Narrate::Off);
static STRUCTURED_OUTPUT: GucSetting<StructuredOutputSetting> =
    GucSetting::<StructuredOutputSetting>::new(StructuredOutputSetting::Auto);
static MODEL: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static VALIDATOR_MODEL: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static REGION: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static ENDPOINT: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static GUARDRAIL: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static GUARDRAIL_VERSION: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c"DRAFT"));
static REASONING_EFFORT: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static SERVICE_TIER: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static REQUEST_FIELDS: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static SEQUENTIAL_MODEL_CALLS: GucSetting<bool> = GucSetting::<bool>::new(false);
static MAX_VERDICT_TOKENS: GucSetting<i32> = GucSetting::<i32>::new(VERDICT_TOKENS.cast_signed());
static MAX_SQL_TOKENS: GucSetting<i32> = GucSetting::<i32>::new(SQL_TOKENS.cast_signed());
static MAX_ANSWER_TOKENS: GucSetting<i32> = GucSetting::<i32>::new(ANSWER_TOKENS.cast_signed());
static API_KEY_FILE: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static MAX_REPAIRS: GucSetting<i32> = GucSetting::<i32>::new(2);
static MAX_QUESTION_BYTES: GucSetting<i32> = GucSetting::<i32>::new(8_192);
static PROMPT_BUDGET: GucSetting<i32> = GucSetting::<i32>::new(12_000);
static VERDICT_CACHE_SIZE: GucSetting<i32> = GucSetting::<i32>::new(4_096);
static VERDICT_LIFETIME: GucSetting<i32> = GucSetting::<i32>::new(3_600);
static CONVERSATION_RETENTION: GucSetting<i32> = GucSetting::<i32>::new(86_400);
static MAX_CONVERSATION_TURNS: GucSetting<i32> = GucSetting::<i32>::new(1_000);
static VALIDATE_CONCURRENCY: GucSetting<i32> = GucSetting::<i32>::new(4);

/// Defines them; called once by `settings::init`.
pub(super) fn define() {
    define_choices();
    define_texts();
    define_numbers();
}

fn define_choices() {
    GucRegistry::define_enum_guc(
        c"splitplane.provider",
        c"Who answers questions in words: none, bedrock or openai.",
        c"none: only verified queries and metrics do. openai means any endpoint that speaks OpenAI's chat completions.",
        &PROVIDER,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_enum_guc(
        c"splitplane.validation",
        c"Whether a question must be found clear and in scope by the model before anything runs.",
        c"For the whole server. off leaves identity and the split plane; doctor() says so.",
        &VALIDATION,
        GucContext::Sighup,
        GucFlags::default(),
    );
    GucRegistry::define_enum_guc(
        c"splitplane.narrate",
        c"Which rows the model is shown so that it can answer in words: off, aggregate or rows.",
        c"off sends no row. aggregate sends results of at most 20 rows of queries that aggregate, rows small results of \
          any query; values of private columns are never sent.",
        &NARRATE,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_enum_guc(
        c"splitplane.structured_output",
        c"How a model's reply is held to its form: auto, tool, native or json_object.",
        c"auto goes by what is known of the model and tries another form when the endpoint rejects the first.",
        &STRUCTURED_OUTPUT,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_bool_guc(
        c"splitplane.sequential_model_calls",
        c"Whether SQL is asked for only after the verdict, and the verdict only after the guardrail.",
        c"For servers that answer one call at a time: a verdict that comes second waits behind the whole generation.",
        &SEQUENTIAL_MODEL_CALLS,
        GucContext::Suset,
        GucFlags::default(),
    );
}

/// Name, short and long description, static and flags of a text setting.
type TextSetting = (&'static CStr, &'static CStr, &'static CStr, &'static GucSetting<Option<CString>>, GucFlags);

fn define_texts() {
    let texts: [TextSetting; 10] = [
        (
            c"splitplane.model",
            c"Model that writes SQL and answers.",
            c"A model id, inference profile or ARN. Empty means that questions are refused, but for verified queries.",
            &MODEL,
            GucFlags::default(),
        ),
        (
            c"splitplane.validator_model",
            c"Model that validates questions.",
            c"A smaller one will do. Empty means splitplane.model.",
            &VALIDATOR_MODEL,
            GucFlags::default(),
        ),
        (
            c"splitplane.region",
            c"AWS region of Bedrock.",
            c"Empty means the server environment's, the profile's or the instance's.",
            &REGION,
            GucFlags::default(),
        ),
        (
            c"splitplane.endpoint",
            c"Base URL of the model endpoint.",
            c"https, or http to a loopback address. Empty means AWS_ENDPOINT_URL_BEDROCK_RUNTIME, AWS_ENDPOINT_URL, or \
              the provider's own.",
            &ENDPOINT,
            GucFlags::default(),
        ),
        (
            c"splitplane.guardrail",
            c"Id or ARN of a Bedrock guardrail that questions go through, and that every model call carries.",
            c"Questions of verified queries and metrics do not go through it, nor do those whose verdict is remembered \
              (splitplane.verdict_lifetime). Empty means none.",
            &GUARDRAIL,
            GucFlags::default(),
        ),
        (
            c"splitplane.guardrail_version",
            c"Version of the guardrail.",
            c"A number, or DRAFT.",
            &GUARDRAIL_VERSION,
            GucFlags::default(),
        ),
        (
            c"splitplane.reasoning_effort",
            c"Reasoning effort that models are asked for, such as low.",
            c"One word of the provider's. Empty means the model's own.",
            &REASONING_EFFORT,
            GucFlags::default(),
        ),
        (
            c"splitplane.service_tier",
            c"Service tier of model calls, such as flex or priority.",
            c"One word of the provider's. Empty means the endpoint's own.",
            &SERVICE_TIER,
            GucFlags::default(),
        ),
        (
            c"splitplane.request_fields",
            c"Fields that every model call carries besides those of splitplane, as a JSON object.",
            c"On Bedrock they go into additionalModelRequestFields. Those that splitplane writes itself are refused.",
            &REQUEST_FIELDS,
            GucFlags::default(),
        ),
        (
            c"splitplane.api_key_file",
            c"File that holds the model endpoint's bearer key.",
            c"Readable by the server's user only. Empty means AWS_BEARER_TOKEN_BEDROCK or OPENAI_API_KEY of the server's \
              environment, if set.",
            &API_KEY_FILE,
            GucFlags::SUPERUSER_ONLY,
        ),
    ];
    for (name, short, long, setting, flags) in texts {
        GucRegistry::define_string_guc(name, short, long, setting, GucContext::Suset, flags);
    }
}

fn define_numbers() {
    for (name, short, setting) in [
        (c"splitplane.max_verdict_tokens", c"Most tokens of a verdict, and of names of tables.", &MAX_VERDICT_TOKENS),
        (c"splitplane.max_sql_tokens", c"Most tokens of SQL that a model writes.", &MAX_SQL_TOKENS),
        (c"splitplane.max_answer_tokens", c"Most tokens of an answer in words.", &MAX_ANSWER_TOKENS),
    ] {
        let long = c"What a model reasons counts as well.";
        GucRegistry::define_int_guc(name, short, long, setting, 16, 131_072, GucContext::Suset, GucFlags::default());
    }
    GucRegistry::define_int_guc(
        c"splitplane.max_repairs",
        c"How often the model may correct SQL that was refused or failed.",
        c"It is shown an error without values.",
        &MAX_REPAIRS,
        0,
        5,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"splitplane.max_question_bytes",
        c"Longest question that is looked at.",
        c"Longer ones are refused with SQLSTATE 54001.",
        &MAX_QUESTION_BYTES,
        256,
        65_536,
        GucContext::Suset,
        GucFlags::UNIT_BYTE,
    );
    GucRegistry::define_int_guc(
        c"splitplane.prompt_budget",
        c"Most tokens of plane description, metrics and examples that a model is shown.",
        c"In a larger plane the tables that a question seems to be about are chosen.",
        &PROMPT_BUDGET,
        500,
        1_000_000,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"splitplane.verdict_cache_size",
        c"How many validated questions are remembered, in shared memory.",
        c"0 switches the cache off.",
        &VERDICT_CACHE_SIZE,
        0,
        1_048_576,
        GucContext::Postmaster,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"splitplane.verdict_lifetime",
        c"How long a validated question is remembered.",
        c"For the same tenant, model and plane only.",
        &VERDICT_LIFETIME,
        1,
        604_800,
        GucContext::Suset,
        GucFlags::UNIT_S,
    );
    GucRegistry::define_int_guc(
        c"splitplane.conversation_retention",
        c"How long the questions and SQL of a conversation are kept.",
        c"0 refuses conversations.",
        &CONVERSATION_RETENTION,
        0,
        31_536_000,
        GucContext::Suset,
        GucFlags::UNIT_S,
    );
    GucRegistry::define_int_guc(
        c"splitplane.max_conversation_turns",
        c"How many turns are kept of one principal, over all its conversations.",
        c"When there are more, the oldest are removed.",
        &MAX_CONVERSATION_TURNS,
        1,
        1_000_000,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"splitplane.validate_concurrency",
        c"How many questions splitplane.validate() has under way at once.",
        c"Mind the quota of the model endpoint.",
        &VALIDATE_CONCURRENCY,
        1,
        32,
        GucContext::Suset,
        GucFlags::default(),
    );
}

/// What is configured about models.
pub fn model() -> ModelSettings {
    ModelSettings {
        provider: match PROVIDER.get() {
            ProviderSetting::None => Provider::None,
            ProviderSetting::Bedrock => Provider::Bedrock,
            ProviderSetting::OpenAi => Provider::OpenAi,
        },
        model: text(&MODEL),
        validator_model: text(&VALIDATOR_MODEL),
        region: text(&REGION),
        endpoint: text(&ENDPOINT),
        guardrail: text(&GUARDRAIL),
        guardrail_version: text(&GUARDRAIL_VERSION),
        structured_output: match STRUCTURED_OUTPUT.get() {
            StructuredOutputSetting::Auto => StructuredOutput::Auto,
            StructuredOutputSetting::Tool => StructuredOutput::Tool,
            StructuredOutputSetting::Native => StructuredOutput::Native,
            StructuredOutputSetting::JsonObject => StructuredOutput::JsonObject,
        },
        most_tokens: MostTokens {
            verdict: tokens(&MAX_VERDICT_TOKENS),
            sql: tokens(&MAX_SQL_TOKENS),
            answer: tokens(&MAX_ANSWER_TOKENS),
        },
        effort: text(&REASONING_EFFORT),
        service_tier: text(&SERVICE_TIER),
        request_fields: text(&REQUEST_FIELDS),
        api_key_file: text(&API_KEY_FILE),
    }
}

fn tokens(setting: &GucSetting<i32>) -> u32 {
    u32::try_from(setting.get()).unwrap_or(0)
}

/// Whether one call of a question waits for the other.
pub fn calls_are_sequential() -> bool {
    SEQUENTIAL_MODEL_CALLS.get()
}

/// Whether a question must be validated before anything runs.
pub fn validation_is_required() -> bool {
    match VALIDATION.get() {
        ValidationSetting::Required => true,
        ValidationSetting::Off => false,
    }
}

/// Which rows may be sent to the model.
pub fn narrate() -> Narrate {
    NARRATE.get()
}

/// Rounds of repair.
pub fn max_repairs() -> usize {
    unsigned(&MAX_REPAIRS)
}

/// Bytes.
pub fn max_question_bytes() -> usize {
    unsigned(&MAX_QUESTION_BYTES)
}

/// Tokens.
pub fn prompt_budget() -> usize {
    unsigned(&PROMPT_BUDGET)
}

/// Entries; 0 when the cache is off.
pub fn verdict_cache_size() -> usize {
    unsigned(&VERDICT_CACHE_SIZE)
}

/// Seconds.
pub fn verdict_lifetime() -> i64 {
    i64::from(VERDICT_LIFETIME.get())
}

/// Seconds; `None` when conversations are refused.
pub fn conversation_retention() -> Option<i32> {
    let seconds = CONVERSATION_RETENTION.get();
    (seconds > 0).then_some(seconds)
}

/// Turns of one principal.
pub fn max_conversation_turns() -> i32 {
    MAX_CONVERSATION_TURNS.get()
}

/// Questions under way at once.
pub fn validate_concurrency() -> usize {
    unsigned(&VALIDATE_CONCURRENCY)
}
