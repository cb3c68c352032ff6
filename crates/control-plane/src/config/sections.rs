//! The sections of the configuration, with their defaults.
//!
//! What stands above a section and a key here is what operators read: `vybe config example`, `vybe config schema`
//! and docs/reference/configuration.md are made of it.

mod foundations;
mod keys;
mod limits;
mod operation;
mod outgoing;
mod people;
mod records;
mod security_txt;
mod telemetry;

pub use foundations::{CertificateSection, DatabaseSection, ListenSection, PlatformSection};
pub use keys::{SecretsSection, TransitSection};
pub use limits::LimitsSection;
pub use operation::{LogFormat, LogSection, ServerSection};
pub use outgoing::{DatabaseConnectionsSection, MailSection, MailTls, ServicesSection, UpstreamsSection};
pub use people::{
    GoogleSection, OrganizationsSection, ProviderSection, Reauthentication, SessionsSection, SignInSection,
    UserTokensSection,
};
pub use records::{AuditSection, DecisionsSection, RecordedDecisions, WebhookSection};
pub use security_txt::SecurityTxtSection;
pub use telemetry::TelemetrySection;

use super::{Period, Secret};
