//! Where models are called: a base URL that was checked once, and never again read from text.
//!
//! Guarantees that nothing leaves this machine unencrypted, that no credential stands in the URL, and that what is
//! printed here is what an HTTP client parses: the text is the URL library's own spelling.

use url::{Host, Url};

use super::ModelError;

/// Longest base URL, in bytes.
const MAX_BYTES: usize = 2_048;

/// By a region's prefix: the DNS suffix of AWS service endpoints there, and that of dual-stack endpoints. The first
/// that fits; everything else is in the commercial partition.
const PARTITIONS: [(&str, &str, &str); 6] = [
    ("cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    ("eusc-", "amazonaws.eu", "api.amazonwebservices.eu"),
    ("us-iso-", "c2s.ic.gov", "api.aws.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov", "api.aws.scloud"),
    ("eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    ("us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
];

/// A checked base URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Without a trailing slash.
    base: String,
    host: String,
}

impl Endpoint {
    /// Checks a base URL: https, or http to this machine (127.0.0.0/8, `[::1]`, `localhost`); printable ASCII; no
    /// user info, query or fragment.
    ///
    /// # Errors
    /// `ModelError::Configuration`, which never repeats the text: it may hold a password.
    pub fn parse(text: &str) -> Result<Self, ModelError> {
        if text.is_empty() || text.len() > MAX_BYTES {
            return Err(refused("it must have between 1 and 2048 bytes"));
        }
        // The URL library drops line breaks, trims blanks and takes `\` for `/`. A URL that needs such repair was
        // not written by an author who knew where it leads. International names are given in their xn-- form.
        if !text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&byte)) {
            return Err(refused("it must be printable ASCII without blanks"));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(refused("it must begin with https://"));
        };
        let scheme = scheme.to_ascii_lowercase();
        if scheme != "https" && scheme != "http" {
            return Err(refused("it must begin with https://"));
        }
        if rest.contains(['?', '#']) {
            return Err(refused("it must have no query and no fragment"));
        }
        if rest.split('/').next().is_none_or(|authority| authority.contains('@')) {
            return Err(refused("it must hold no user name or password"));
        }
        if rest.starts_with('/') {
            return Err(refused("it names no host"));
        }
        let url = Url::parse(text).map_err(|_| refused("it is not a URL"))?;
        let Some(host) = url.host() else {
            return Err(refused("it names no host"));
        };
        let is_loopback = match &host {
            Host::Domain(name) => *name == "localhost",
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        };
        if url.scheme() != "https" && !is_loopback {
            return Err(refused("it must begin with https:// (http:// reaches only this machine)"));
        }
        Ok(Self { base: url.as_str().trim_end_matches('/').to_owned(), host: host.to_string() })
    }

    /// Amazon Bedrock's own endpoint in a region.
    ///
    /// # Errors
    /// `ModelError::Configuration` for a region that is not made of 1 to 32 of `a-z`, `0-9` and `-`.
    pub fn bedrock(region: &str, use_fips: bool, use_dual_stack: bool) -> Result<Self, ModelError> {
        let is_label = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=32).contains(&region.len()) || !region.bytes().all(is_label) {
            return Err(ModelError::Configuration("the AWS region is not a region's name".to_owned()));
        }
        let (suffix, dual_stack_suffix) = PARTITIONS
            .iter()
            .find(|(prefix, _, _)| region.starts_with(prefix))
            .map_or(("amazonaws.com", "api.aws"), |(_, suffix, dual_stack)| (suffix, dual_stack));
        let service = if use_fips { "bedrock-runtime-fips" } else { "bedrock-runtime" };
        let suffix = if use_dual_stack { dual_stack_suffix } else { suffix };
        Self::parse(&format!("https://{service}.{region}.{suffix}"))
    }

    /// OpenAI's own endpoint.
    #[must_use]
    pub fn openai() -> Self {
        Self { base: "https://api.openai.com/v1".to_owned(), host: "api.openai.com".to_owned() }
    }

    /// The URL of a path that starts with `/` and is percent-encoded as it shall be sent: what is signed is what is
    /// sent.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Host name or address, in lower case, without the port.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }
}

fn refused(why: &str) -> ModelError {
    ModelError::Configuration(format!("the endpoint's URL is refused: {why}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn base(text: &str) -> String {
        Endpoint::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).url("")
    }

    #[test]
    fn accepts_https_and_spells_it_as_it_is_sent() {
        for (text, expected, host) in [
            ("https://example.com", "https://example.com", "example.com"),
            ("https://example.com/", "https://example.com", "example.com"),
            ("https://example.com///", "https://example.com", "example.com"),
            ("HTTPS://EXAMPLE.com/V1/", "https://example.com/V1", "example.com"),
            ("https://example.com:443/v1", "https://example.com/v1", "example.com"),
            ("https://example.com:8443/v1", "https://example.com:8443/v1", "example.com"),
            ("https://x.openai.azure.com/openai/v1/", "https://x.openai.azure.com/openai/v1", "x.openai.azure.com"),
            ("https://example.com/a%2Fb/", "https://example.com/a%2Fb", "example.com"),
            ("https://example.com/a/../b", "https://example.com/b", "example.com"),
            ("https://example.com/@v1", "https://example.com/@v1", "example.com"),
            ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("https://10.0.0.7/v1", "https://10.0.0.7/v1", "10.0.0.7"),
            ("https://[2001:DB8::1]/v1", "https://[2001:db8::1]/v1", "[2001:db8::1]"),
            (
                "https://vpce-0a1b.bedrock-runtime.eu-west-1.vpce.amazonaws.com",
                "https://vpce-0a1b.bedrock-runtime.eu-west-1.vpce.amazonaws.com",
                "vpce-0a1b.bedrock-runtime.eu-west-1.vpce.amazonaws.com",
            ),
        ] {
            let endpoint = Endpoint::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((endpoint.url("").as_str(), endpoint.host()), (expected, host), "{text}");
        }
    }

    #[test]
    fn accepts_http_to_this_machine_alone() {
        for (text, expected) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://127.255.3.4/v1", "http://127.255.3.4/v1"),
            ("http://localhost:11434/v1/", "http://localhost:11434/v1"),
            ("HTTP://LocalHost/", "http://localhost"),
            ("http://[::1]:8080/", "http://[::1]:8080"),
            ("http://[0:0:0:0:0:0:0:1]/", "http://[::1]"),
            // Old spellings of 127.0.0.1: what is kept, and connected to, is the address.
            ("http://0x7f.1/", "http://127.0.0.1"),
            ("http://2130706433/", "http://127.0.0.1"),
            ("http://127.1/", "http://127.0.0.1"),
        ] {
            assert_eq!(base(text), expected, "{text}");
        }
        for text in [
            "http://example.com",
            "http://127.0.0.1.evil.com",
            "http://localhost.evil.com",
            "http://evil-localhost",
            "http://localhost.",
            "http://notlocalhost",
            "http://0.0.0.0",
            "http://128.0.0.1",
            "http://10.0.0.1",
            "http://169.254.169.254/latest",
            "http://0xa9.254.43518",
            "http://[::]",
            "http://[::2]",
            "http://[::ffff:127.0.0.1]",
            "http://[fe80::1]",
            "http://127.0.0.1@evil.com",
            "http://evil.com/127.0.0.1",
            "http://%65vil.com",
        ] {
            assert!(matches!(Endpoint::parse(text), Err(ModelError::Configuration(_))), "{text}");
        }
    }

    #[test]
    fn rejects_what_is_no_plain_base_url() {
        for text in [
            "",
            " ",
            "https://",
            "https:///v1",
            "https:////evil.com",
            "https:example.com",
            "https:/example.com",
            "example.com",
            "//example.com",
            "/v1",
            "ftp://example.com",
            "file:///etc/passwd",
            "ws://127.0.0.1",
            "unix:///tmp/socket",
            "javascript://example.com",
            "httpss://example.com",
            " https://example.com",
            "https://example.com ",
            "https://exam ple.com",
            "https://example.com/a b",
            "https://example.com\n",
            "https://exam\nple.com",
            "https://exam\tple.com",
            "ht\ntps://example.com",
            "https://example.com\r\nhost: evil",
            "https://example.com\0",
            "https://exam\0ple.com",
            "https://user@example.com",
            "https://user:secret@example.com",
            "https://:secret@example.com",
            "https://@example.com",
            "https://example.com\\@evil.com",
            "https:\\\\example.com",
            "https://example.com?",
            "https://example.com/v1?key=secret",
            "https://example.com#",
            "https://example.com/#fragment",
            "https://example.com:99999",
            "https://example.com:port",
            "https://[::1",
            "https://256.1.1.1",
            "https://b\u{fc}cher.example",
            "https://\u{430}pple.com",
            "https://127\u{3002}0.0.1",
            "https://example.com/\u{202e}",
        ] {
            match Endpoint::parse(text) {
                Err(ModelError::Configuration(why)) => assert!(!why.contains("secret"), "{text}"),
                other => panic!("{text:?}: {other:?}"),
            }
        }
        assert!(Endpoint::parse(&format!("https://example.com/{}", "a".repeat(MAX_BYTES))).is_err());
    }

    #[test]
    fn sends_a_path_exactly_as_given() {
        let endpoint = Endpoint::parse("https://example.com/base/").unwrap();
        let path = "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A%3Afoundation-model%2Fa.b-v1%3A0/converse";
        let url = endpoint.url(path);
        assert_eq!(url, format!("https://example.com/base{path}"));
        // The HTTP client parses it again and must not change it.
        assert_eq!(Url::parse(&url).unwrap().as_str(), url);
        assert_eq!(Endpoint::openai().url("/chat/completions"), "https://api.openai.com/v1/chat/completions");
        assert_eq!(Endpoint::openai(), Endpoint::parse("https://api.openai.com/v1").unwrap());
    }

    #[test]
    fn knows_bedrock_in_every_partition() {
        for (region, fips, dual_stack, host) in [
            ("us-east-1", false, false, "bedrock-runtime.us-east-1.amazonaws.com"),
            ("us-east-1", true, false, "bedrock-runtime-fips.us-east-1.amazonaws.com"),
            ("us-east-1", false, true, "bedrock-runtime.us-east-1.api.aws"),
            ("us-east-1", true, true, "bedrock-runtime-fips.us-east-1.api.aws"),
            ("us-gov-west-1", true, false, "bedrock-runtime-fips.us-gov-west-1.amazonaws.com"),
            ("cn-north-1", false, false, "bedrock-runtime.cn-north-1.amazonaws.com.cn"),
            ("cn-north-1", false, true, "bedrock-runtime.cn-north-1.api.amazonwebservices.com.cn"),
            ("eusc-de-east-1", false, false, "bedrock-runtime.eusc-de-east-1.amazonaws.eu"),
            ("us-iso-east-1", false, false, "bedrock-runtime.us-iso-east-1.c2s.ic.gov"),
            ("us-isob-east-1", false, false, "bedrock-runtime.us-isob-east-1.sc2s.sgov.gov"),
        ] {
            let endpoint = Endpoint::bedrock(region, fips, dual_stack).unwrap();
            assert_eq!(endpoint.host(), host);
            assert_eq!(endpoint.url("/x"), format!("https://{host}/x"));
        }
    }

    #[test]
    fn rejects_what_is_no_region() {
        let long = "a".repeat(33);
        for region in [
            "",
            " ",
            "us-east-1 ",
            "US-EAST-1",
            "evil.com/",
            "x.evil",
            "us_east",
            "us-east-1\n",
            "@evil",
            "\u{e4}",
            &long,
        ] {
            assert!(matches!(Endpoint::bedrock(region, false, false), Err(ModelError::Configuration(_))), "{region}");
        }
    }
}
