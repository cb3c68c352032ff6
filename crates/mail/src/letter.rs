//! A letter, and how it is written down.

use ids::{EmailAddress, RequestId};
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, Message};

use crate::MailError;

/// A letter to one person.
pub struct Letter {
    /// Whom it is for.
    pub to: EmailAddress,
    /// Its subject, in one line.
    pub subject: String,
    /// What it says, as plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
}

/// RFC 3834, section 5: nobody's holiday notice answers this.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

impl Letter {
    /// The letter as it is sent.
    pub(crate) fn written(&self, from: &Mailbox) -> Result<Message, MailError> {
        if self.subject.chars().any(char::is_control) {
            return Err(MailError::Unwritable);
        }
        let (local, domain) = self.to.as_str().split_once('@').ok_or(MailError::Unwritable)?;
        let to = Address::new(local, domain).map_err(|_| MailError::Unwritable)?;
        Message::builder()
            .from(from.clone())
            .to(Mailbox::new(None, to))
            .subject(&self.subject)
            .message_id(Some(format!("<{}@{}>", RequestId::generate(), from.email.domain())))
            .header(AutoSubmitted)
            .multipart(MultiPart::alternative_plain_html(self.text.clone(), self.html.clone()))
            .map_err(|_| MailError::Unwritable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(subject: &str, text: &str) -> Letter {
        Letter {
            to: "ada@example.com".parse().unwrap(),
            subject: subject.to_owned(),
            text: text.to_owned(),
            html: "<p>Hello</p>".to_owned(),
        }
    }

    fn written(subject: &str, text: &str) -> String {
        let from = "Vybe <vybe@example.com>".parse().unwrap();
        String::from_utf8(letter(subject, text).written(&from).unwrap().formatted()).unwrap()
    }

    #[test]
    fn a_subject_cannot_begin_another_header() {
        let from = "vybe@example.com".parse().unwrap();
        for subject in ["a\r\nBcc: eve@evil.example", "a\nb", "a\rb", "a\0b", "a\u{85}b", "\r\n\r\nbody"] {
            assert!(letter(subject, "x").written(&from).is_err(), "{subject:?}");
        }
    }

    #[test]
    fn a_subject_in_any_script_stays_one_header() {
        for subject in ["Übermut & Söhne 漢字 🎉", "=?utf-8?q?Bcc:_x?=", &"long ".repeat(60), "a: b"] {
            let text = written(subject, "x");
            let head = text.split_once("\r\n\r\n").unwrap().0;
            let names: Vec<_> = head
                .split("\r\n")
                .filter(|line| !line.starts_with(' '))
                .map(|line| line.split(':').next().unwrap().to_ascii_lowercase())
                .collect();
            let mut sorted = names.clone();
            sorted.sort();
            assert_eq!(
                sorted,
                [
                    "auto-submitted",
                    "content-type",
                    "date",
                    "from",
                    "message-id",
                    "mime-version",
                    "subject",
                    "to"
                ],
                "{text}"
            );
        }
    }

    #[test]
    fn what_it_says_cannot_end_the_letter_or_begin_a_part() {
        let text = written("s", ".\r\n.\r\nQUIT\r\n--boundary--\r\n");
        assert_eq!(text.matches("Content-Type: text/plain").count(), 1);
        assert_eq!(text.matches("Content-Type: text/html").count(), 1);
    }
}
