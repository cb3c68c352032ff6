//! The middleware from outside: raw bytes in, and what really reached the app.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "the number of cases is part of the result")]

mod app_table;
mod bodies;
mod headers;
mod house;
mod kept_decisions;
mod paths;
mod sign_in;
mod streams;
mod upstream;
mod upstreams;
