//! What the servers of a cluster share: the keys in a file that each of them has, and the token by which a call's claims
//! travel from the one that was asked to those that keep the rows; and where a plan's tasks are placed. Knows nothing of PostgreSQL.

pub mod keys;
pub mod placements;
pub mod token;
