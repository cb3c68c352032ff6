//! The HTTP side of integrations. The only room that knows JSON shapes.

mod call_problem;
mod calls;
mod custom_apis;
mod service_calls;
mod store_problem;

pub use calls::CallsApi;
