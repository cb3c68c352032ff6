//! Identity on both stores, against a provider that lies on demand, over real connections.

#![cfg(test)]

mod api_tokens;
mod certified_provider;
mod hand_off;
mod house;
mod http;
mod lost_store;
mod return_to;
mod sessions;
mod sign_in;
mod sign_in_age;
mod user_tokens;
