//! The token in which the front database vouches for one tenant until a moment that is near. remote/splitplane_data_server.sql reads it.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// How every token begins: the version of its form.
const VERSION: &str = "splitplane1";

/// What a token says, and with what it is made.
#[derive(Clone, Copy)]
pub struct Token<'a> {
    /// The key's id on the data server.
    pub key_id: &'a str,
    /// The key's secret.
    pub secret: &'a str,
    /// The data servers that the key is of.
    pub audience: &'a str,
    /// Milliseconds since 1970.
    pub expires: i64,
    /// Whose rows.
    pub tenant: &'a str,
}

impl Token<'_> {
    /// The token as text of letters, digits, points, hyphens and underscores; `None` if the key cannot be used.
    pub fn text(&self) -> Option<String> {
        let (expires, tenant) = (self.expires.to_string(), hex::encode(self.tenant));
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()).ok()?;
        mac.update([VERSION, self.audience, self.key_id, &expires, &tenant].join("\n").as_bytes());
        let mac = hex::encode(mac.finalize().into_bytes());
        Some([VERSION, self.key_id, &expires, &tenant, &mac].join("."))
    }
}

#[cfg(test)]
#[cfg_attr(test, allow(clippy::unwrap_used))]
mod tests {
    use super::*;

    const TOKEN: Token<'_> =
        Token { key_id: "KEY2026", secret: "secret", audience: "orders-eu", expires: 1_795_829_814_000, tenant: "a b" };

    #[test]
    fn has_a_mac_over_all_of_it() {
        let text = TOKEN.text().unwrap();
        // As pgcrypto computes it: encode(hmac(E'splitplane1\norders-eu\nKEY2026\n1795829814000\n612062', 'secret', 'sha256'), 'hex').
        let (before, mac) = text.rsplit_once('.').unwrap();
        assert_eq!(before, "splitplane1.KEY2026.1795829814000.612062");
        assert_eq!(mac.len(), 64);
        for other in [
            Token { tenant: "a c", ..TOKEN },
            Token { expires: 1_795_829_814_001, ..TOKEN },
            Token { audience: "orders-us", ..TOKEN },
            Token { secret: "secrets", ..TOKEN },
            Token { key_id: "KEY2027", ..TOKEN },
        ] {
            assert!(!other.text().unwrap().ends_with(mac));
        }
    }
}
