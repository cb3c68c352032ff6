//! What came out.

use std::fmt;

/// The result of asking everything.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// How many endpoints are declared.
    pub endpoints: usize,
    /// How many kinds of caller asked each.
    pub callers: usize,
    /// How many endpoints are about an app.
    pub app_endpoints: usize,
    /// How many kinds of caller asked each of those once more.
    pub callers_by_level: usize,
    /// How many cells were asked.
    pub cells: usize,
    /// What is not as declared.
    pub differences: Vec<String>,
    /// What could not be asked, and why.
    pub not_asked: Vec<String>,
}

impl Report {
    /// Whether everything that was asked is as declared.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.differences.is_empty()
    }
}

impl fmt::Display for Report {
    /// Every difference, everything not asked, and the closing line.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.differences {
            writeln!(formatter, "{line}")?;
        }
        for line in &self.not_asked {
            writeln!(formatter, "not asked: {line}")?;
        }
        write!(
            formatter,
            "access: {} endpoints x {} callers + {} endpoints of apps x {} levels and grants = {} cells, {} differences",
            self.endpoints,
            self.callers,
            self.app_endpoints,
            self.callers_by_level,
            self.cells,
            self.differences.len()
        )
    }
}
