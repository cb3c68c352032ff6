//! A service of an organization's own.

use catalogue::Service;
use ids::{ImportedServiceId, OrganizationId, UserId};
use time::OffsetDateTime;

/// A service that an organization imported from a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedService {
    /// Its identifier.
    pub id: ImportedServiceId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// The entry. Its stable name begins with `imported-` and never changes.
    pub service: Service,
    /// The digest of everything in the entry that says where credentials go (`destination_digest`).
    pub digest: String,
    /// Where the document was fetched from; empty if it was handed in.
    pub source: String,
    /// How often it was written.
    pub version: i64,
    /// Who imported it first.
    pub created_by: UserId,
    /// When.
    pub created_at: OffsetDateTime,
    /// Who imported it last.
    pub updated_by: UserId,
    /// When.
    pub updated_at: OffsetDateTime,
}
