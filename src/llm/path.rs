//! Paths of URLs.

/// A text as one segment of a path: everything but RFC 3986's unreserved letters is percent-encoded.
pub(super) fn encoded(text: &str) -> String {
    let mut path = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
    path
}
