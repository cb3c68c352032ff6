//! Identity on both stores, against a provider that lies on demand, over real connections.

#![cfg(test)]

mod hand_off;
mod house;
mod http;
mod return_to;
mod sessions;
mod sign_in;
mod user_tokens;
