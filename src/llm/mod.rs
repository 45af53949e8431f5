//! Layer 2 and generation: what a language model is asked, over which wire format, and what of its reply is believed.
//!
//! Pure but for `http`, `signing`, `credentials` and `client` (feature `http`), which know the network and nothing of
//! PostgreSQL. A model's reply is untrusted text: it is a typed verdict, a text that layer 3 confines, or an error.

pub mod bedrock;
mod capabilities;
pub mod endpoint;
pub mod extras;
pub mod failure;
pub mod guardrail;
pub mod lessons;
pub mod matching;
pub mod meter;
pub mod openai;
mod ordered;
mod path;
pub mod prompts;
pub mod refused;
pub mod relevance;
pub mod screen;
mod strict;
pub mod variation;
pub mod verdict;
pub mod writing;

#[cfg(test)]
mod wire_tests;

#[cfg(feature = "http")]
pub mod client;
#[cfg(feature = "http")]
pub mod credentials;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "http")]
pub mod signing;

pub use failure::ModelError;

use extras::Extras;
use serde_json::Value;
use variation::{Members, Variation};

/// One request to a model: the texts, and the one shape of reply that is accepted.
#[derive(Debug, Clone)]
pub struct Prompt {
    /// Our instructions. Holds nothing untrusted.
    pub system: String,
    /// The material that is the same for every question, such as the plane: pieces as in `user`. May be empty.
    pub lasting: String,
    /// The material of this question: delimited untrusted text, each piece a JSON string between tags with a nonce.
    pub user: String,
    /// What the reply must look like.
    pub shape: Shape,
    /// Most tokens of the reply.
    pub max_tokens: u32,
}

impl Prompt {
    /// Most bytes of a request with it, however its form has it.
    #[must_use]
    pub fn most_bytes(&self) -> usize {
        /// Names of fields, of the model and of its options.
        const AROUND: usize = 2_048;
        let quoted = |text: &str| Value::from(text).to_string().len();
        // A schema may stand in it as text as well as in full.
        let shape = self.shape.schema.to_string().len().saturating_mul(2);
        let material = quoted(&self.lasting).saturating_add(quoted(&self.user));
        let texts = quoted(&self.system).saturating_add(material).saturating_add(self.shape.description.len());
        texts.saturating_add(shape).saturating_add(AROUND)
    }
}

/// The shape of a reply: a flat JSON object.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Name of the tool or of the JSON schema: `record_verdict`, `write_sql`, `tell_answer`.
    pub name: &'static str,
    /// One sentence for the model.
    pub description: &'static str,
    /// A JSON Schema: an object with every property required and `additionalProperties: false`. Its `required` has the
    /// properties in the order in which a model is to write them (see `ordered`).
    pub schema: Value,
}

/// How a reply is held to its shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One tool, and the model is forced to call it.
    Tool,
    /// The endpoint's own structured output.
    Native,
    /// A JSON object, with its schema beside the type: what servers take that know no `json_schema`.
    Object,
}

/// Tokens of one or more calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
}

/// What a reply says that it took; `None` where it says nothing that is a count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reported {
    /// Tokens read.
    pub input_tokens: Option<u64>,
    /// Tokens written.
    pub output_tokens: Option<u64>,
}

impl From<Reported> for Usage {
    fn from(reported: Reported) -> Self {
        Usage { input_tokens: reported.input_tokens.unwrap_or(0), output_tokens: reported.output_tokens.unwrap_or(0) }
    }
}

/// What a model replied, in the requested shape as far as the wire format can check it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The object. Its fields are not checked yet: `verdict::read` and `writing::read` do that.
    pub value: Value,
    /// What it cost.
    pub usage: Usage,
}

/// One wire format: how a prompt becomes the body of a POST, and what a response means.
pub trait Dialect {
    /// Path below the endpoint's base path, percent-encoded as it is sent, such as `/model/a%3A0/converse`.
    fn path(&self) -> String;

    /// The JSON body.
    fn body(&self, prompt: &Prompt, form: Form) -> Value;

    /// Reads the body of a 200.
    ///
    /// # Errors
    /// `ModelError::Reply` for anything but exactly one object in the asked form and the matching stop reason.
    fn reply(&self, prompt: &Prompt, form: Form, body: &[u8]) -> Result<Reply, ModelError>;

    /// The machine-readable error code of a response that is no 200, such as `ThrottlingException`; empty when there
    /// is none. `header` looks a response header up by its lower-case name.
    fn error_code(&self, header: &dyn Fn(&str) -> Option<String>, body: &[u8]) -> String;

    /// What a 200 says that it took.
    fn reported(&self, body: &[u8]) -> Reported;

    /// Changes a body as was learned, and adds what is configured; `most`: most tokens of the reply.
    fn adjust(&self, body: &mut Value, variation: Variation, extras: &Extras, most: u32);

    /// What a body has of what may be left out or renamed.
    fn sent(&self, body: &Value) -> Members;

    /// Whether what an error says, in lower case, names a parameter that this form needs. A complaint about the schema
    /// does not count: it is ours.
    fn names_form(&self, form: Form, told: &str) -> bool;

    /// Whether a 200 came to its end and took no notice of the form: no call of any tool, or no object of that shape.
    fn disregards(&self, form: Form, shape: &Shape, body: &[u8]) -> bool;
}

/// What is configured about models, as plain values; `client::Client::open` makes a client of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModelSettings {
    /// Wire format.
    pub provider: Provider,
    /// Model that writes SQL and answers: a model id, inference profile or ARN. None is built in.
    pub model: String,
    /// Model that validates questions; empty means `model`.
    pub validator_model: String,
    /// AWS region; empty means the environment's or the profile's.
    pub region: String,
    /// Base URL; empty means the environment's or the provider's own.
    pub endpoint: String,
    /// Guardrail id or ARN; empty means none.
    pub guardrail: String,
    /// Guardrail version; empty means `DRAFT`.
    pub guardrail_version: String,
    /// How replies are held to their shape.
    pub structured_output: StructuredOutput,
    /// Most tokens of a reply, by purpose.
    pub most_tokens: MostTokens,
    /// Reasoning effort; empty means the model's own.
    pub effort: String,
    /// Service tier; empty means the endpoint's own.
    pub service_tier: String,
    /// A JSON object of fields of the endpoint's own; empty means none.
    pub request_fields: String,
    /// File that holds the bearer key; empty means the environment's (`AWS_BEARER_TOKEN_BEDROCK`, `OPENAI_API_KEY`).
    pub api_key_file: String,
}

impl ModelSettings {
    /// Whether a model may be asked at all: a provider is chosen, and a model is named.
    #[must_use]
    pub fn names_a_model(&self) -> bool {
        self.provider != Provider::None && !self.model.is_empty()
    }
}

/// Most tokens of a reply; 0 means what the prompt says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MostTokens {
    /// Of a verdict, and of names of tables.
    pub verdict: u32,
    /// Of SQL or a question back.
    pub sql: u32,
    /// Of an answer in words.
    pub answer: u32,
}

/// Which wire format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Provider {
    /// No model: only verified queries and metrics answer questions.
    #[default]
    None,
    /// Amazon Bedrock.
    Bedrock,
    /// An OpenAI-compatible endpoint.
    OpenAi,
}

/// How replies are held to their shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StructuredOutput {
    /// By what is known of the model, and by what the endpoint rejects.
    #[default]
    Auto,
    /// Forced tool use.
    Tool,
    /// The endpoint's own structured output.
    Native,
    /// A JSON object, with its schema beside the type. Bedrock has no such form, and is asked for its own.
    JsonObject,
}
