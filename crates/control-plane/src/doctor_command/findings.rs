//! What was found.

use std::fmt::{Display, Write as _};

use serde::Serialize;

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Warn,
    Fail,
}

/// One thing that was looked at.
#[derive(Serialize)]
struct Finding {
    state: State,
    subject: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<&'static str>,
}

/// Everything that was looked at, in order.
#[derive(Default, Serialize)]
pub(super) struct Findings {
    findings: Vec<Finding>,
}

impl Findings {
    pub(super) fn ok(&mut self, subject: &'static str, message: impl Display) {
        self.add(State::Ok, subject, &message, None);
    }

    /// Nothing is broken, and something should be done.
    pub(super) fn warn(&mut self, subject: &'static str, message: impl Display, advice: &'static str) {
        self.add(State::Warn, subject, &message, Some(advice));
    }

    /// The platform does not start, or something in it does not open.
    pub(super) fn fail(&mut self, subject: &'static str, message: impl Display, advice: &'static str) {
        self.add(State::Fail, subject, &message, Some(advice));
    }

    fn add(
        &mut self,
        state: State,
        subject: &'static str,
        message: &dyn Display,
        advice: Option<&'static str>,
    ) {
        // One line each.
        let message = message.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        self.findings.push(Finding { state, subject, message, advice });
    }

    pub(super) fn failures(&self) -> usize {
        self.findings.iter().filter(|finding| finding.state == State::Fail).count()
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for Finding { state, subject, message, advice } in &self.findings {
            let state = match state {
                State::Ok => "ok  ",
                State::Warn => "warn",
                State::Fail => "fail",
            };
            let line_end = if text.is_empty() { "" } else { "\n" };
            // Writing to a String cannot fail.
            let _ = write!(text, "{line_end}{state}  {subject}: {message}");
            if let Some(advice) = advice {
                let _ = write!(text, " -> {advice}");
            }
        }
        text
    }

    pub(super) fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_each_and_only_failures_count() {
        let mut findings = Findings::default();
        findings.ok("database", "answers");
        findings.warn("schema", "is\nbehind", "migrate");
        findings.fail("root key", "does not open", "restore");
        assert_eq!(
            findings.text(),
            "ok    database: answers\nwarn  schema: is behind -> migrate\nfail  root key: does not open -> restore"
        );
        assert_eq!(findings.failures(), 1);
        assert!(findings.json().contains("\"state\": \"warn\""));
    }
}
