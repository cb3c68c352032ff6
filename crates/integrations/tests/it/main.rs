//! Integrations, from outside.

#![cfg(test)]

mod account_office;
mod account_requests;
mod accounts;
mod connect_attempts;
mod foreign_servers;
mod imported_services;
mod oauth_clients;
mod refresh_crashes;
mod refresh_house;
mod refresh_replica;
mod refresh_storm;
mod refreshes;
mod service_revocations;
