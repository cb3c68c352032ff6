//! What was found out about a statement that may be sent.

pub(crate) struct Findings {
    pub(crate) kind: &'static str,
    pub(crate) writes: bool,
    pub(crate) calls_unknown_functions: bool,
    pub(crate) relations: Vec<String>,
}
