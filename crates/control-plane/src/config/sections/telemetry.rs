//! Traces.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Secret;

/// `[telemetry]`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TelemetrySection {
    /// The collector that gets traces: OTLP over HTTP in its JSON encoding. /v1/traces is appended.
    #[schemars(example = &"http://127.0.0.1:4318")]
    pub otlp_endpoint: String,
    /// The value of `Authorization` for the collector, which has to be https then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otlp_authorization: Option<Secret>,
    /// How many requests in a hundred are traced. Clients do not decide it, whatever they send.
    #[serde(default = "ten")]
    pub sample_percent: u8,
}

fn ten() -> u8 {
    10
}
