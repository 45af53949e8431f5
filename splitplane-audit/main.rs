//! `splitplane-audit`: was an audit log changed, is this the answer that was recorded?
//!
//! Needs no server and changes nothing. What it knows of the format is the extension's own `audit` module.
#![deny(unsafe_code)]

// A program uses no part of it that writes.
#[allow(dead_code, unused_imports, reason = "the extension uses what the program does not")]
#[path = "../src/audit/mod.rs"]
mod audit;

mod arguments;
mod commands;
mod logs;

use std::io::Write;
use std::process::ExitCode;

/// What a run found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    /// Nothing is wrong.
    Sound,
    /// Nothing can be said, or not of everything.
    Unreadable,
    /// Something was changed: the gravest of the three.
    Tampered,
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        Self::from(match verdict {
            Verdict::Sound => 0,
            Verdict::Tampered => 1,
            Verdict::Unreadable => 2,
        })
    }
}

fn main() -> ExitCode {
    let verdict = match arguments::parse(std::env::args_os().skip(1)) {
        Ok(arguments::Command::Help) => {
            say(include_str!("usage.txt").trim_end());
            Ok(Verdict::Sound)
        }
        Ok(arguments::Command::Version) => {
            say(concat!("splitplane-audit ", env!("CARGO_PKG_VERSION")));
            Ok(Verdict::Sound)
        }
        Ok(arguments::Command::Run(command)) => commands::run(&command),
        Err(problem) => Err(format!("{problem}; `splitplane-audit --help` tells more")),
    };
    verdict
        .unwrap_or_else(|problem| {
            // Nobody may be listening: the exit status tells it as well.
            let _ = writeln!(std::io::stderr(), "splitplane-audit: {problem}");
            Verdict::Unreadable
        })
        .into()
}

/// A line of output. Whoever closes it early still gets the exit status.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
