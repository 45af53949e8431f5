//! What an entry says of why a call was refused: nothing that somebody wrote, since an entry cannot be erased, and nothing that a
//! function or a policy has read, since a tenant is given its entries.

use crate::audit::text::without_quotations;
use crate::error::{Refusal, State, Words};

/// The word of a reason, and a sentence without its quotations. The server log has the whole.
pub fn sentence(refusal: &Refusal) -> String {
    let word = refusal.reason.as_str();
    let is_of_function = matches!(refusal.state, State::Server(_)) && refusal.words == Words::AsTheyAre;
    if is_of_function {
        return format!("{word}: an error of a function or a policy; the server log has its words");
    }
    let message = without_quotations(&refusal.message);
    // Of layer 1 the detail is the reason, in words of ours. Other details may be anybody's.
    match refusal.detail.as_ref().filter(|detail| refusal.state == State::Identity && !detail.is_empty()) {
        Some(detail) => format!("{word}: {message}: {}", without_quotations(detail)),
        None => format!("{word}: {message}"),
    }
}
