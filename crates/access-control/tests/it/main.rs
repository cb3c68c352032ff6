//! What the decision promises, shown from outside: the whole table against an oracle written in Cedar,
//! a million sampled requests against a naive model, and the reading of paths case by case.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "the number of cases is part of the result")]

mod app_requests;
mod app_table;
mod management;
mod naive_model;
mod oracle;
mod path_properties;
mod paths;
mod sampled_requests;
mod situation;
mod visible_apps;
