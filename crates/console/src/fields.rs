//! The fields of a form.

use access_control::Environment;
use cryptography::SecretBytes;
use endpoint::{Call, Problem, sentence};
use integrations::{Multipart, MultipartError, form_boundary};
use secrets_vault::{GivenParts, GivenValue};

/// The largest form that may hold a secret, in bytes: 64 KiB of which every byte is escaped, and the rest.
const LARGEST_WITH_SECRET: usize = 256 * 1024;

/// The largest form that may hold a document, in bytes. Larger documents are given by their address.
pub(crate) const LARGEST_WITH_DOCUMENT: usize = 8 << 20;

/// What was filled in. It is never shown again as a whole: some of it may be secret.
pub(crate) struct Fields {
    pairs: Vec<(String, String)>,
}

impl Fields {
    /// The fields of this request.
    pub(crate) async fn of(call: &mut Call) -> Result<Self, Problem> {
        Ok(Self { pairs: call.form().await? })
    }

    /// The fields of this request, with a secret among them.
    pub(crate) async fn with_secret(call: &mut Call) -> Result<Self, Problem> {
        Ok(Self { pairs: call.form_up_to(LARGEST_WITH_SECRET).await? })
    }

    /// The fields of this request, with a document among them, which may be a file (RFC 7578).
    pub(crate) async fn with_document(call: &mut Call) -> Result<Self, Problem> {
        let Some(boundary) = call.header("content-type").and_then(form_boundary) else {
            return Ok(Self { pairs: call.form_up_to(LARGEST_WITH_DOCUMENT).await? });
        };
        let unreadable = |error: MultipartError| Problem::malformed(sentence(&error));
        let boundary = boundary.map_err(unreadable)?;
        let body = call.bytes_up_to(LARGEST_WITH_DOCUMENT).await?;
        let form = Multipart::read(boundary, &body).map_err(unreadable)?;
        let text = |(name, content): (&str, &[u8])| {
            let text = std::str::from_utf8(content);
            let text =
                text.map_err(|_| Problem::malformed(format!("The field {name} is no text in UTF-8.")))?;
            Ok((name.to_owned(), text.to_owned()))
        };
        let pairs = form.contents().map(|(name, content)| text((name, &content[..])));
        Ok(Self { pairs: pairs.collect::<Result<_, Problem>>()? })
    }

    /// A field without the white space around it; empty if it is missing.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.pairs.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim())
    }

    /// Every value of a field that may be there several times.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.trim())
    }

    /// Several lines, as they were typed; empty if the field is missing.
    pub(crate) fn lines(&self, name: &str) -> String {
        self.text(name).replace("\r\n", "\n")
    }

    /// A secret, which is not among the fields any more; none if it was left empty.
    pub(crate) fn take_secret(&mut self, name: &str) -> Option<SecretBytes> {
        let position = self.pairs.iter().position(|(key, _)| key == name)?;
        let (_, text) = self.pairs.swap_remove(position);
        given(SecretBytes::copy_of(&as_typed(text)))
    }

    /// A whole number.
    pub(crate) fn number<T: std::str::FromStr>(&self, name: &'static str) -> Result<T, Problem> {
        let number = self.text(name).parse();
        number.map_err(|_| {
            Problem::invalid("invalid_number", format!("{name} is a whole number in its range."))
        })
    }

    /// The field `environment`.
    pub(crate) fn environment(&self) -> Result<Environment, Problem> {
        let known = Environment::ALL.into_iter().find(|known| known.as_str() == self.text("environment"));
        known.ok_or_else(|| Problem::invalid("invalid_environment", "environment is preview or production."))
    }

    /// The field `environment`, where a form has one.
    pub(crate) fn environment_if_given(&self) -> Result<Option<Environment>, Problem> {
        if self.text("environment").is_empty() { Ok(None) } else { self.environment().map(Some) }
    }

    /// The value of a secret: one text in `value`, or its parts.
    pub(crate) fn into_value(self) -> GivenValue {
        let mut parts = GivenParts::default();
        for (name, text) in self.pairs {
            let secret = || SecretBytes::copy_of(&as_typed(text));
            match name.as_str() {
                "value" => return GivenValue::Text(secret()),
                "user" => parts.user = Some(secret()),
                "password" => parts.password = Some(secret()),
                "private_key" => parts.private_key = Some(secret()),
                "passphrase" => parts.passphrase = given(secret()),
                "access_token" => parts.access_token = Some(secret()),
                "refresh_token" => parts.refresh_token = given(secret()),
                _ => {}
            }
        }
        GivenValue::Parts(Box::new(parts))
    }
}

/// Browsers send every end of a line as CR LF (HTML, section 4.10.21.4), whatever was typed or pasted.
fn as_typed(text: String) -> zeroize::Zeroizing<Vec<u8>> {
    let text = zeroize::Zeroizing::new(text);
    zeroize::Zeroizing::new(text.replace("\r\n", "\n").into_bytes())
}

/// A field that may be left empty.
fn given(secret: SecretBytes) -> Option<SecretBytes> {
    (!secret.reveal().is_empty()).then_some(secret)
}
