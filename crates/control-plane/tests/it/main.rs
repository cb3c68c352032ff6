//! Black-box tests of the whole platform.

#![cfg(test)]

mod access_matrix;
mod api_description;
mod audit_commands;
mod audit_trail;
mod backups;
mod browser;
mod canaries;
mod catalog;
mod changes_bite;
mod configuration;
mod connecting;
mod crypto_shred;
mod data_gateway;
mod data_query_pages;
mod database_pages;
mod deleted_organizations;
mod demo;
mod deployments;
mod doctor;
mod fleet;
mod foreign_identifiers;
mod import_pages;
mod independent_provider;
mod installation;
mod invitations;
mod kept_decisions;
mod key_pages;
mod key_rotations;
mod letters;
mod links;
mod mass_assignment;
mod master_keys;
mod metrics_page;
mod named_secrets;
mod organization_page;
mod platform;
mod policy;
mod programs;
mod read_only_proof;
mod receivers;
mod recycled_hosts;
mod replicas;
mod rotations_by_api;
mod secrecy;
mod secret_pages;
mod security_txt;
mod service_calls;
mod service_manager;
mod service_pages;
mod service_revocations;
mod sign_in;
mod sign_in_age;
mod slow_bodies;
mod starting;
mod store_lost;
mod streams;
mod telemetry;
mod upgrades;
mod user_tokens;

/// As in the binary: what is freed is erased. One test looks at the memory of a process of this one.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<mimalloc::MiMalloc> =
    zeroizing_alloc::ZeroAlloc(mimalloc::MiMalloc);
