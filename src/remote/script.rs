//! The functions of the script for data servers, read from its own text.

/// remote/splitplane_data_server.sql.
const SCRIPT: &str = include_str!("../../remote/splitplane_data_server.sql");

/// A function as the script makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Function {
    /// Its name, without the schema.
    pub name: &'static str,
    /// What stands between its name and its text.
    pub head: &'static str,
    /// Its text.
    pub source: &'static str,
}

impl Function {
    /// Whether it runs as its owner.
    pub fn is_definer(&self) -> bool {
        self.head.contains("SECURITY DEFINER")
    }

    /// `provolatile`: none is immutable.
    pub fn volatility(&self) -> &'static str {
        if self.head.contains(" STABLE ") { "s" } else { "v" }
    }
}

/// All of them.
pub fn functions() -> impl Iterator<Item = Function> {
    SCRIPT.split("CREATE FUNCTION splitplane_remote.").skip(1).filter_map(|text| {
        let (head, rest) = text.split_once("AS $$")?;
        let (name, head) = head.split_once('(')?;
        Some(Function { name, head, source: rest.split_once("$$")?.0 })
    })
}

#[cfg(test)]
#[cfg_attr(test, allow(clippy::unwrap_used))]
mod tests {
    use super::*;

    #[test]
    fn reads_every_function_of_the_script() {
        let names: Vec<&str> = functions().map(|function| function.name).collect();
        assert_eq!(names.len(), SCRIPT.matches("CREATE FUNCTION ").count());
        assert!(["tenant", "remote_claim", "read_token", "fingerprint"].iter().all(|name| names.contains(name)));
        let tenant = functions().find(|function| function.name == "tenant").unwrap();
        assert!(tenant.is_definer() && tenant.volatility() == "s" && tenant.source.contains("read_token"));
        let protect = functions().find(|function| function.name == "protect").unwrap();
        assert!(!protect.is_definer() && protect.volatility() == "v");
    }
}
