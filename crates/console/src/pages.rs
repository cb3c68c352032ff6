//! The pages, one idea each.

pub(crate) mod api_tokens;
pub(crate) mod apps;
pub(crate) mod data_queries;
pub(crate) mod databases;
pub(crate) mod integrations;
pub(crate) mod invitation;
pub(crate) mod keys;
pub(crate) mod organization;
pub(crate) mod organizations;
pub(crate) mod query_records;
pub(crate) mod secrets;
pub(crate) mod server_secrets;
pub(crate) mod sessions;
pub(crate) mod set_up;
