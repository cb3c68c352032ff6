//! What the audit trail says of a connection: all that makes it what it is, nothing that opens it.

use cryptography::{digest, hexadecimal};
use serde_json::{Value, json};

use crate::Connection;

/// The definition, with a digest in place of certificates.
pub(crate) fn described(connection: &Connection) -> Value {
    let definition = &connection.definition;
    let mut described = json!({
        "name": definition.name,
        "kind": definition.kind.as_str(),
        "destination": definition.destination,
        "readOnly": definition.read_only,
        "limits": definition.limits,
        "usableBy": definition.usable_by,
        "version": connection.version,
    });
    if let Some(app) = definition.kind.app() {
        described["app"] = json!(app);
    }
    if let Some(authorities) = definition.destination.tls.authorities() {
        let sum = hexadecimal::encode(&digest(authorities.as_bytes()));
        described["destination"]["tls"]["authorities"] = json!(format!("sha256:{sum}"));
    }
    described
}
