//! Apps, on both stores.

mod addresses;
mod grants;
mod hosts;
mod house;
mod levels;
mod names;
mod path_rules;
mod records;
mod server_secrets;
mod upstreams;
