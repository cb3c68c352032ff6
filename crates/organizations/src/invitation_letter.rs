//! What an invitation's letter says, and whether it went out.

use std::fmt;
use std::str::FromStr;

use access_control::Role;
use async_trait::async_trait;
use ids::{EmailAddress, Name};
use maud::{DOCTYPE, html};
use schemars::JsonSchema;
use serde::Serialize;
use time::OffsetDateTime;
use time::macros::format_description;

/// A letter that invites somebody. Its link is the invitation's secret: never log it.
pub struct InvitationLetter {
    /// Whom it is for.
    pub to: EmailAddress,
    /// The organization's name.
    pub organization: Name,
    /// The e-mail address of whoever invites. Names can be chosen to deceive; this was verified.
    pub inviter: EmailAddress,
    /// What the person will be there.
    pub role: Role,
    /// Where to accept.
    pub link: String,
    /// Until when.
    pub expires_at: OffsetDateTime,
}

/// What became of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// The mail server took it.
    Sent,
    /// The mail server did not take it.
    Failed,
    /// There is no mail server.
    NotConfigured,
}

/// Whoever sends letters.
#[async_trait]
pub trait Letters: Send + Sync {
    /// Sends an invitation, within ten seconds. Why it failed is logged there, without the letter.
    async fn send_invitation(&self, letter: &InvitationLetter) -> Delivery;
}

impl InvitationLetter {
    /// Its subject.
    #[must_use]
    pub fn subject(&self) -> String {
        format!("Invitation to {}", self.organization)
    }

    /// What it says, as plain text.
    #[must_use]
    pub fn text(&self) -> String {
        format!(
            "{inviter} invites you to join the organization \"{organization}\" as {role}.\n\n\
             Accept the invitation here:\n\n{link}\n\n\
             Sign in with {to}: the invitation holds for no other address, works once, and ends on {ends}.\n\
             If you did not expect it, you can ignore this letter.\n",
            inviter = self.inviter,
            organization = self.organization,
            role = self.role,
            link = self.link,
            to = self.to,
            ends = self.ends(),
        )
    }

    /// The same as HTML. It loads nothing from anywhere.
    #[must_use]
    pub fn html(&self) -> String {
        let whole = html! {
            (DOCTYPE)
            html lang="en" {
                head { meta charset="utf-8"; title { (self.subject()) } }
                body {
                    p { (self.inviter) " invites you to join the organization “" (self.organization) "” as " (self.role) "." }
                    p { a href=(self.link) { "Accept the invitation" } }
                    p { "Sign in with " (self.to) ": the invitation holds for no other address, works once, and ends on " (self.ends()) "." }
                    p { "If you did not expect it, you can ignore this letter." }
                }
            }
        };
        whole.into_string()
    }

    fn ends(&self) -> String {
        let format = format_description!("[day padding:none] [month repr:long] [year], [hour]:[minute] UTC");
        self.expires_at.to_offset(time::UtcOffset::UTC).format(format).unwrap_or_default()
    }
}

impl Delivery {
    /// Its name in tables and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::NotConfigured => "not_configured",
        }
    }

    /// One sentence for whoever invited.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Sent => "The letter was handed to the mail server.",
            Self::Failed => {
                "The mail server did not take the letter. Send it again later, or pass the link on yourself."
            }
            Self::NotConfigured => "No mail server is configured. Pass the link on yourself.",
        }
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A text that is no delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected sent, failed or not_configured")]
pub struct DeliveryError;

impl FromStr for Delivery {
    type Err = DeliveryError;

    fn from_str(text: &str) -> Result<Self, DeliveryError> {
        [Self::Sent, Self::Failed, Self::NotConfigured]
            .into_iter()
            .find(|delivery| delivery.as_str() == text)
            .ok_or(DeliveryError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_text_in_html() {
        let letter = InvitationLetter {
            to: "bob@example.com".parse().unwrap(),
            organization: "<img src=x> & \"Co\"".parse().unwrap(),
            inviter: "ada@example.com".parse().unwrap(),
            role: Role::Editor,
            link: "https://vybe.example/invitations/accept?token=t".to_owned(),
            expires_at: time::macros::datetime!(2026-12-06 09:05:00 +01:00),
        };
        let html = letter.html();
        assert!(html.contains("&lt;img src=x&gt; &amp; &quot;Co&quot;"), "{html}");
        assert!(!html.contains("<img"), "{html}");
        assert!(html.contains("<a href=\"https://vybe.example/invitations/accept?token=t\">"), "{html}");
        assert!(letter.text().contains("\n\nhttps://vybe.example/invitations/accept?token=t\n\n"));
        assert!(letter.text().contains("ends on 6 December 2026, 08:05 UTC."), "{}", letter.text());
    }
}
