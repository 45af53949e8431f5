//! What a front database and its data servers say to one another: the token of a call, what the fences of a data server rest on, and
//! the SQL that postgres_fdw sends there. Pure; the tests need no server.

pub mod catalog;
pub mod document;
pub mod script;
pub mod sent;
pub mod token;

/// Why a thing of a data server is not as it has to be, in words for the server log and doctor().
pub type Problem = String;

/// What a data server does for the fences of its tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// It has the script's policies, and looks at the claim of each call.
    Claimed,
    /// It has security barrier views, which fix the order of conditions and nothing else.
    Barrier,
    /// Nothing: it is asked for the tenant's rows alone, and everything else is computed here.
    Materialized,
}

impl Form {
    /// By the name that `use_data_server` knows it by.
    pub fn named(name: &str) -> Option<Self> {
        [Form::Claimed, Form::Barrier, Form::Materialized].into_iter().find(|form| form.name() == name)
    }

    /// That name.
    pub fn name(self) -> &'static str {
        match self {
            Form::Claimed => "claimed",
            Form::Barrier => "barrier",
            Form::Materialized => "materialized",
        }
    }
}

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
