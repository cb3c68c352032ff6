//! What people give when they connect accounts.

use access_control::UsableBy;
use audit::Occasion;
use catalogue::Values;
use ids::RequestId;
use integrations::{AccountDescription, GivenAccount, GivenAttempt, GivenClient, GivenSecret};
use service_client::SecretText;
use time::OffsetDateTime;
use url::Url;

use crate::account_office::CODE;

/// Now, as exactly as PostgreSQL keeps it.
pub fn occasion() -> Occasion {
    let now = OffsetDateTime::now_utc();
    let now = now.replace_microsecond(now.microsecond()).unwrap();
    Occasion { request: RequestId::generate(), now }
}

pub fn description(name: &str) -> AccountDescription {
    AccountDescription { name: name.parse().unwrap(), usable_by: UsableBy::EveryApp, from_pages: false }
}

pub fn given(service: &str, name: &str, secrets: &[(&str, &str)]) -> GivenAccount {
    let secret = |(name, text): &(&str, &str)| ((*name).to_owned(), SecretText::from(*text));
    GivenAccount {
        service: service.parse().unwrap(),
        description: description(name),
        values: Values::new(),
        secrets: secrets.iter().map(secret).collect(),
        tested: true,
    }
}

pub fn attempt(name: &str) -> GivenAttempt {
    GivenAttempt {
        service: CODE.parse().unwrap(),
        description: description(name),
        values: Values::new(),
        scopes: None,
        return_to: None,
    }
}

pub fn client(client_id: &str, secret: GivenSecret) -> GivenClient {
    GivenClient { client_id: client_id.to_owned(), secret, scopes: Default::default() }
}

/// The whole query of an address.
pub fn query(address: &Url) -> Values {
    address.query_pairs().into_owned().collect()
}
