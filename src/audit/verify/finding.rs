//! What was found, and how much of it is said.

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// To know.
    Info,
    /// A crash or a full disk looks like this.
    Warning,
    /// The log is not what was written.
    Critical,
}

impl Severity {
    /// As `verify_audit()` and the program show it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// The entry that it is about, if it is about one.
    pub sequence: Option<u64>,
    /// A sentence.
    pub sentence: String,
}

/// Findings beyond this are counted only: a file that was exchanged has one in each line.
const MOST: u64 = 1000;

/// Hands findings on.
pub(in crate::audit) struct Findings<'f> {
    found: &'f mut dyn FnMut(Finding),
    told: u64,
    untold: u64,
    critical: u64,
}

impl<'f> Findings<'f> {
    pub(in crate::audit) fn new(found: &'f mut dyn FnMut(Finding)) -> Self {
        Self { found, told: 0, untold: 0, critical: 0 }
    }

    pub(in crate::audit) fn info(&mut self, sequence: Option<u64>, sentence: String) {
        self.add(Finding { severity: Severity::Info, sequence, sentence });
    }

    pub(in crate::audit) fn warning(&mut self, sequence: Option<u64>, sentence: String) {
        self.add(Finding { severity: Severity::Warning, sequence, sentence });
    }

    pub(in crate::audit) fn critical(&mut self, sequence: Option<u64>, sentence: String) {
        self.critical = self.critical.saturating_add(1);
        self.add(Finding { severity: Severity::Critical, sequence, sentence });
    }

    fn add(&mut self, finding: Finding) {
        if self.told < MOST {
            self.told = self.told.saturating_add(1);
            (self.found)(finding);
        } else {
            self.untold = self.untold.saturating_add(1);
        }
    }

    /// Says how many were not told, and gives the number of critical ones.
    pub(in crate::audit) fn end(&mut self) -> u64 {
        if self.untold > 0 {
            let severity = if self.critical > 0 { Severity::Critical } else { Severity::Info };
            let sentence = format!("{} more findings are not shown.", self.untold);
            (self.found)(Finding { severity, sequence: None, sentence });
        }
        self.critical
    }
}
