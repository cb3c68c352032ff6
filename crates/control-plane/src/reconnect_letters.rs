//! Letters to people whose accounts at services have to be connected again.

use async_trait::async_trait;
use identity::{IdentityError, Users};
use integrations::{Notices, ReconnectNotice};
use mail::{Letter, Mailer};

/// Tells people by letter, if there is a mail server. The audit trail tells it in any case.
pub(crate) struct ReconnectLetters {
    pub(crate) users: Users,
    pub(crate) mailer: Option<Mailer>,
    /// The platform's own.
    pub(crate) origin: String,
}

#[async_trait]
impl Notices for ReconnectLetters {
    async fn needs_reconnect(&self, notice: &ReconnectNotice) -> bool {
        let Some(mailer) = &self.mailer else { return true };
        let person = match self.users.person(notice.to).await {
            Ok(person) => person,
            // Whoever is gone needs no letter.
            Err(IdentityError::NotFound) => return true,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a letter waits: its reader cannot be looked up"
                );
                return false;
            }
        };
        let text = self.text(notice);
        let letter = Letter {
            to: person.email,
            subject: format!("Connect “{}” at {} again", notice.name, notice.service),
            html: html(&text),
            text,
        };
        match mailer.send(&letter).await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a letter was not sent");
                false
            }
        }
    }
}

impl ReconnectLetters {
    fn text(&self, notice: &ReconnectNotice) -> String {
        let (whose, accounts) = if notice.personal {
            ("Your account", "own-accounts")
        } else {
            ("The shared account", "accounts")
        };
        format!(
            "{whose} “{}” at {} does not work any more.\n\n{}\n\nApps that use it fail until somebody connects it \
             again:\n{}/organizations/{}/{accounts}/{}\n",
            notice.name,
            notice.service,
            notice.cause.sentence(),
            self.origin,
            notice.organization,
            notice.account,
        )
    }
}

/// The same as HTML. It loads nothing from anywhere.
fn html(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let paragraphs: String =
        escaped.split("\n\n").map(|part| format!("<p>{}</p>", part.replace('\n', "<br>"))).collect();
    format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"></head><body>{paragraphs}</body></html>"
    )
}
