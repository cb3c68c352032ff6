//! What recording a decision costs the request.
fn main() {}
