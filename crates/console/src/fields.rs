//! The fields of a form.

use access_control::Environment;
use endpoint::{Call, Problem};

/// What was filled in. It is never shown again as a whole: some of it may be secret.
pub(crate) struct Fields {
    pairs: Vec<(String, String)>,
}

impl Fields {
    /// The fields of this request.
    pub(crate) async fn of(call: &mut Call) -> Result<Self, Problem> {
        Ok(Self { pairs: call.form().await? })
    }

    /// A field without the white space around it; empty if it is missing.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.pairs.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim())
    }

    /// The field `environment`.
    pub(crate) fn environment(&self) -> Result<Environment, Problem> {
        let text = self.text("environment");
        let known = Environment::ALL.into_iter().find(|environment| environment.as_str() == text);
        known.ok_or_else(|| Problem::invalid("invalid_environment", "environment is preview or production."))
    }
}
