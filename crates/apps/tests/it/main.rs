//! Apps, on both stores.

#![cfg(test)]

mod agent_tokens;
mod endpoints;
mod grants;
mod hosts;
mod house;
mod levels;
mod orphaned_apps;
mod path_rules;
mod records;
mod server_secret_rotations;
mod server_secrets;
mod upstreams;
