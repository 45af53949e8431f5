//! Switches that take a fence away, so that tests can show that the others hold without it.
//!
//! Only a build with the feature `ablation` has them: without it `is_off` is the constant `false`. A build with
//! it is for `pg_test/ablation` only. It does not compile in a release profile, and its server does not start unless
//! the cluster is marked as a test's own and listens on no network.

#[cfg(all(feature = "ablation", not(debug_assertions)))]
compile_error!("a build with the feature `ablation` is for tests: it cannot be optimised or packaged");

/// What can be taken away. Each name says what is gone while it is off.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// All of layer 1 except the register: a context is accepted without proof. No other build has that code.
    #[cfg(feature = "ablation")]
    Signature,
    /// Layer 2: the screen and the model's verdict.
    Validation,
    /// The scope conditions of our common table expressions. The proof expects none either.
    Filter,
    /// The same, lost on the way: the proof still expects them.
    FilterText,
    /// NOT MATERIALIZED, so that the planner must compute a common table expression before anything above it.
    Inlining,
    /// The proof of fences, tree and row-level security.
    Proof,
    /// The check that closes the plane over a missing policy, which the test has dropped.
    RowSecurity,
    /// The switch to the reader role: untrusted SQL runs as the owner of `ask`.
    Role,
    /// The allowlist of functions and operators, by name and by OID.
    Functions,
    /// The refusal of functions that run as their owner, behind the allowlist.
    Definers,
    /// What puts behind the fence the expressions that PostgreSQL considers leakproof and that may raise an error.
    Leaks,
    /// The fence's claim to be free, by which PostgreSQL evaluates it before anything else.
    Free,
    /// The security barrier of views over hidden relations.
    Barriers,
    /// The plane's choice of columns: all of a table's are in the plane.
    Columns,
    /// Conditions for which the stage `trust` has another form: every row meets them.
    Conditions,
    /// The keys of parents' rows that a call collects: every key is one.
    #[cfg(feature = "ablation")]
    Keys,
    /// The comparison of a plane that another session has read with the catalog as it is now.
    Shared,
    /// The comparison of a statement with the one that was proved before: the last one is used, with the claims that it was proved with.
    Kept,
    /// What a node of a cluster adds by itself to what the reader asks: the policies of a shard are all that there is.
    Nodes,
    /// The look at what an index is searched for, before a fence is not asked of each row: it is asked of none.
    Searched,
}

/// Whether a fence is taken away.
#[cfg(not(feature = "ablation"))]
pub const fn is_off(_switch: Switch) -> bool {
    false
}

#[cfg(feature = "ablation")]
pub use switched::{finding, init, is_off, off};

/// The fences that are taken away, as the setting says it.
#[cfg(not(feature = "ablation"))]
pub const fn off() -> String {
    String::new()
}

#[cfg(feature = "ablation")]
mod switched {
    use super::Switch;
    use crate::error::{Refusal, State};
    use crate::pgx::{pg_try, server};
    use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting};
    use std::ffi::CString;
    use std::path::Path;

    /// In the data directory of a test's own cluster.
    const MARKER: &str = "splitplane.ablation-test-cluster";

    static ABLATE: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));

    const NAMES: [(&str, Switch); 20] = [
        ("signature", Switch::Signature),
        ("validation", Switch::Validation),
        ("filter", Switch::Filter),
        ("filter_text", Switch::FilterText),
        ("inlining", Switch::Inlining),
        ("proof", Switch::Proof),
        ("row_security", Switch::RowSecurity),
        ("role", Switch::Role),
        ("functions", Switch::Functions),
        ("definers", Switch::Definers),
        ("leaks", Switch::Leaks),
        ("free", Switch::Free),
        ("barriers", Switch::Barriers),
        ("columns", Switch::Columns),
        ("conditions", Switch::Conditions),
        ("keys", Switch::Keys),
        ("shared", Switch::Shared),
        ("kept", Switch::Kept),
        ("nodes", Switch::Nodes),
        ("searched", Switch::Searched),
    ];

    /// Refuses to load where this build does not belong (55000), then defines the setting. Once, from `_PG_init`.
    pub fn init() {
        let is_marked = Path::new(&server::data_directory()).join(MARKER).is_file();
        let is_offline = server::option(c"listen_addresses").is_some_and(|addresses| addresses.is_empty());
        if !is_marked || !is_offline {
            pg_try::raise(Refusal::new(
                State::Unsafe,
                "this build of splitplane has switches that take its fences away: it loads in test clusters only",
            ));
        }
        GucRegistry::define_string_guc(
            c"splitplane.ablate",
            c"Fences that are taken away, as a comma list.",
            c"Only in builds for tests.",
            &ABLATE,
            GucContext::Suset,
            GucFlags::default(),
        );
    }

    pub fn is_off(switch: Switch) -> bool {
        names_off().iter().any(|name| NAMES.iter().any(|(known, of)| known == name && *of == switch))
    }

    /// The fences that are taken away, as the setting says it.
    pub fn off() -> String {
        ABLATE.get().and_then(|list| list.into_string().ok()).unwrap_or_default()
    }

    fn names_off() -> Vec<String> {
        let list = off();
        list.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
    }

    /// What `doctor()` says of such a build, so that nobody takes it for another.
    pub fn finding() -> String {
        let names = names_off();
        let known: Vec<&str> =
            NAMES.iter().map(|(name, _)| *name).filter(|name| names.iter().any(|off| off == name)).collect();
        let off = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        format!("This build has switches that take fences away, for tests; off now: {off}.")
    }
}
