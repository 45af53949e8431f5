//! What a front database and its data servers say to one another: the token of a call, what the fences of a data server rest on, and
//! the SQL that postgres_fdw sends there. Pure; the tests need no server.

pub mod document;
pub mod script;
pub mod sent;
pub mod token;

/// Why a thing of a data server is not as it has to be, in words for the server log and doctor().
pub type Problem = String;

/// A table of a data server, as a leaf of the directory names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RemoteName {
    /// Its schema there.
    pub schema: String,
    /// Its name there.
    pub table: String,
    /// The tenant's column there.
    pub column: String,
}
