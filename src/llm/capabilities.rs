//! What is known of models by their names: which parameters a request may carry.
//!
//! Names are free text of an administrator. A name that says nothing gets the request that works with most models; what
//! an endpoint then refuses is an error, never a wrong answer.

/// Version of a Claude model, from 3 on.
type Version = (u32, u32);

/// What a name says of a Claude model: its family (`sonnet`) and its version, if it has one.
struct Claude<'n> {
    family: &'n str,
    version: Option<Version>,
}

impl<'n> Claude<'n> {
    /// Reads `claude-3-5-sonnet-20240620`, `claude-sonnet-4-20250514-v1:0`, `claude-opus-4-6-v1`, `claude-opus-4.6`
    /// anywhere in a name.
    fn find(name: &'n str) -> Option<Self> {
        let (_, rest) = name.split_once("claude-")?;
        let name = rest.split(':').next().unwrap_or(rest);
        let mut family = "";
        let mut numbers = Vec::with_capacity(2);
        for part in name.split(|letter: char| !letter.is_ascii_alphanumeric()).take(3) {
            // A longer number is a date.
            match part.parse::<u32>() {
                Ok(number) if part.len() <= 2 => numbers.push(number),
                Err(_) if family.is_empty() => family = part,
                Ok(_) | Err(_) => break,
            }
        }
        let version = numbers.first().map(|major| (*major, numbers.get(1).copied().unwrap_or(0)));
        Some(Self { family, version })
    }
}

/// Whether the name is a Claude model that Amazon's model cards list with structured outputs on the bedrock-runtime
/// endpoint.
pub(super) fn has_native_claude(name: &str) -> bool {
    Claude::find(name).is_some_and(|claude| match claude.version {
        Some((4, 5)) => matches!(claude.family, "sonnet" | "opus" | "haiku"),
        Some((4, 6)) => matches!(claude.family, "sonnet" | "opus"),
        Some(_) | None => false,
    })
}

/// Whether the name is a Claude model.
pub(super) fn is_claude(name: &str) -> bool {
    name.contains("claude")
}

/// Whether the model answers a forced tool choice with an error: Claude from 5.1 on, but for Haiku.
pub(super) fn refuses_forced_tools(name: &str) -> bool {
    Claude::find(name)
        .is_some_and(|claude| claude.family != "haiku" && claude.version.is_some_and(|version| version >= (5, 1)))
}

/// Whether the model takes a temperature. Claude does up to 4.6 and OpenAI's models up to the fourth generation; later
/// ones answer any but their default with an error. Nearly every other model does.
pub(super) fn accepts_temperature(name: &str) -> bool {
    if let Some(claude) = Claude::find(name) {
        return match claude.version {
            Some(version) => version <= (4, 6),
            // claude-v2, claude-instant-v1.
            None => claude.family.starts_with('v') || claude.family == "instant",
        };
    }
    if !is_openai(name) {
        return true;
    }
    let name = bare(name);
    ["gpt-3", "gpt-4", "chatgpt-4"].iter().any(|prefix| name.starts_with(prefix))
}

/// Whether the model keeps the beginning of a prompt up to a cache point, by Amazon's list: Claude from 3.7 on with Haiku 3.5,
/// and Nova's text models. Others answer a cache point with an error.
pub(super) fn keeps_prompts(name: &str) -> bool {
    if let Some(claude) = Claude::find(name) {
        return claude
            .version
            .is_some_and(|version| version >= (3, 7) || claude.family == "haiku" && version >= (3, 5));
    }
    ["nova-micro", "nova-lite", "nova-pro", "nova-premier"].iter().any(|model| name.contains(model))
}

/// Whether the name is one of OpenAI's hosted models. Its open-weight models (gpt-oss) are served by everyone.
pub(super) fn is_openai(name: &str) -> bool {
    let name = bare(name);
    if name.starts_with("gpt-oss") {
        return false;
    }
    let is_o_series =
        name.strip_prefix('o').is_some_and(|rest| rest.bytes().next().is_some_and(|byte| byte.is_ascii_digit()));
    is_o_series || ["gpt-", "chatgpt-"].iter().any(|prefix| name.starts_with(prefix))
}

/// A name without the vendor in front: `openai/gpt-5`, `openai.gpt-5`, `us.openai.gpt-5`.
pub(super) fn bare(name: &str) -> &str {
    let name = name.rsplit('/').next().unwrap_or(name);
    name.split_once("openai.").map_or(name, |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_versions_of_claude() {
        for (name, family, version) in [
            ("anthropic.claude-3-haiku-20240307-v1:0", "haiku", Some((3, 0))),
            ("anthropic.claude-3-5-sonnet-20241022-v2:0", "sonnet", Some((3, 5))),
            ("us.anthropic.claude-3-7-sonnet-20250219-v1:0", "sonnet", Some((3, 7))),
            ("anthropic.claude-sonnet-4-20250514-v1:0", "sonnet", Some((4, 0))),
            ("anthropic.claude-opus-4-1-20250805-v1:0", "opus", Some((4, 1))),
            ("eu.anthropic.claude-haiku-4-5-20251001-v1:0", "haiku", Some((4, 5))),
            ("anthropic.claude-opus-4-6-v1", "opus", Some((4, 6))),
            ("us.anthropic.claude-opus-4-7", "opus", Some((4, 7))),
            ("anthropic/claude-opus-4.6", "opus", Some((4, 6))),
            ("global.anthropic.claude-sonnet-5", "sonnet", Some((5, 0))),
            ("anthropic.claude-opus-5-5", "opus", Some((5, 5))),
            ("anthropic.claude-v2:1", "v2", None),
            ("anthropic.claude-instant-v1", "instant", None),
            ("anthropic.claude-mythos-preview", "mythos", None),
        ] {
            let found = Claude::find(name).map(|claude| (claude.family, claude.version));
            assert_eq!(found, Some((family, version)), "{name}");
        }
        assert!(Claude::find("amazon.nova-lite-v1:0").is_none());
        for name in ["claude-", "claude-99999999999999", "claude-4-5-6-7-8", "claude--", "claude-\u{e9}-1"] {
            assert!(Claude::find(name).is_some(), "{name}");
        }
    }

    #[test]
    fn knows_the_models_that_keep_prompts() {
        for name in [
            "us.anthropic.claude-3-7-sonnet-20250219-v1:0",
            "anthropic.claude-3-5-haiku-20241022-v1:0",
            "anthropic.claude-opus-4-1-20250805-v1:0",
            "global.anthropic.claude-sonnet-5",
            "amazon.nova-lite-v1:0",
        ] {
            assert!(keeps_prompts(name), "{name}");
        }
        for name in [
            "anthropic.claude-3-haiku-20240307-v1:0",
            "anthropic.claude-3-5-sonnet-20240620-v1:0",
            "anthropic.claude-v2:1",
            "amazon.nova-sonic-v1:0",
            "meta.llama3-1-70b-instruct-v1:0",
            "application-inference-profile/abc",
            "",
        ] {
            assert!(!keeps_prompts(name), "{name}");
        }
    }

    #[test]
    fn sends_a_temperature_where_it_is_taken() {
        for name in [
            "anthropic.claude-sonnet-4-20250514-v1:0",
            "us.anthropic.claude-opus-4-6-v1",
            "anthropic.claude-v2",
            "anthropic.claude-instant-v1",
            "amazon.nova-pro-v1:0",
            "mistral.mistral-large-2407-v1:0",
            "openai.gpt-oss-120b-1:0",
            "openai/gpt-oss-20b",
            "gpt-oss:20b",
            "gpt-4o-mini",
            "gpt-4.1",
            "gpt-3.5-turbo",
            "chatgpt-4o-latest",
            "llama3.2",
            "olmo2",
            "",
        ] {
            assert!(accepts_temperature(name), "{name}");
        }
        for name in [
            "us.anthropic.claude-opus-4-7",
            "anthropic.claude-opus-4-8",
            "anthropic.claude-sonnet-5",
            "anthropic.claude-opus-5-5",
            "anthropic.claude-fable-5-1",
            "anthropic.claude-mythos-preview",
            "gpt-5",
            "gpt-5-mini",
            "openai/gpt-5.2",
            "openai.gpt-5.6-luna",
            "gpt-6",
            "o1",
            "o3-mini",
            "o4-mini",
        ] {
            assert!(!accepts_temperature(name), "{name}");
        }
    }

    #[test]
    fn knows_the_models_that_refuse_forced_tools() {
        for name in ["us.anthropic.claude-opus-5-5", "claude-sonnet-5-5", "anthropic.claude-fable-5-1"] {
            assert!(refuses_forced_tools(name), "{name}");
        }
        for name in [
            "anthropic.claude-opus-5",
            "us.anthropic.claude-haiku-5-5",
            "claude-sonnet-4-5-20250929",
            "amazon.nova-pro-v1:0",
            "gpt-5.5",
        ] {
            assert!(!refuses_forced_tools(name), "{name}");
        }
    }
}
