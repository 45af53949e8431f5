//! Layer 1: who is asking, and did anyone change the request?
//!
//! Pure Rust: the clock, the keys, the registered principals and the replay horizon are arguments. Nothing here does
//! IO, reads the time or knows PostgreSQL, so all of it is tested and fuzzed without a server.
//!
//! The stages are types, each built only by the one before it and handed over by value:
//!
//! ```text
//! JSON text --parse--> SignedContext --verify--> VerifiedIdentity --resolve--> Principal
//! ```
//!
//! A [`SignedContext`] reveals only the key id it claims; tenant, business and subject can be read only from a
//! [`VerifiedIdentity`], after the signature over them has been checked. The caller then has three duties that need the
//! server: cap the payload's size before calling, count the use of the signature in the replay ledger (see [`replay`])
//! and fetch the candidate rows for [`Principal::resolve`].

mod authorization;
mod canonical;
mod context;
mod error;
mod header;
pub mod principal;
pub mod replay;
pub mod seal;
mod sign;
mod timestamp;
mod verify;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod vectors;

pub use context::{MAX_CONTEXT_BYTES, SignedContext};
pub use error::ContextError;
pub use header::{check_audience, check_identity_value, check_ids, is_key_id};
pub use principal::{Claim, Principal, PrincipalRow};
pub use sign::{SigningRequest, sign};
pub use verify::{Key, Policy, VerifiedIdentity};
