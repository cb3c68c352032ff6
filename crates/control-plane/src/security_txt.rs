//! `/.well-known/security.txt`: whom to tell of a weakness (RFC 9116).

use std::sync::Arc;

use access_control::{Permit, ReadSecurityTxt};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Endpoint, Problem};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::config::SecurityTxtSection;

const PATH: &str = "/.well-known/security.txt";

/// The file, and until when it may be believed.
#[derive(Clone, Debug)]
pub struct SecurityTxt {
    text: String,
    expires: OffsetDateTime,
}

impl SecurityTxt {
    /// What the section says, as served at this origin.
    #[must_use]
    pub fn new(section: &SecurityTxtSection, origin: &str) -> Self {
        let mut lines: Vec<String> = section.contact.iter().map(|at| format!("Contact: {at}")).collect();
        // A date of the configuration has a year of four digits, which every format can hold.
        let expires = section.expires.format(&Rfc3339).unwrap_or_default();
        lines.push(format!("Expires: {expires}"));
        lines.push(format!("Canonical: {origin}{PATH}"));
        if !section.preferred_languages.is_empty() {
            lines.push(format!("Preferred-Languages: {}", section.preferred_languages.join(", ")));
        }
        let others = [
            ("Policy", &section.policy),
            ("Encryption", &section.encryption),
            ("Acknowledgments", &section.acknowledgments),
        ];
        for (name, value) in others {
            lines.extend(value.iter().map(|value| format!("{name}: {value}")));
        }
        Self { text: lines.join("\n") + "\n", expires: section.expires }
    }
}

/// Answers the file; 404 where there is none, and where it has expired: whoever reads it then may not rely on it
/// (RFC 9116, section 2.5.5).
pub(crate) fn endpoint(file: Option<SecurityTxt>) -> Endpoint {
    Endpoint::get(PATH, "read_security_txt")
        .requires::<ReadSecurityTxt>()
        .gives_media("text/plain")
        .refuses(&[StatusCode::NOT_FOUND])
        .answers(Arc::new(file), read)
}

async fn read(
    file: Arc<Option<SecurityTxt>>,
    _: Permit<ReadSecurityTxt>,
    _: Call,
) -> Result<Answer, Problem> {
    let now = clock::now();
    match file.as_ref() {
        Some(file) if now < file.expires => {
            Ok(Answer::bytes(StatusCode::OK, "text/plain; charset=utf-8", file.text.clone().into_bytes()))
        }
        _ => Err(Problem::not_found()),
    }
}
