//! What may be sent to a database: one statement, understood by a parser of that database's language, with as many
//! placeholders as parameters, that leaves nothing behind in the session; on a read-only connection only what reads.
//!
//! Whatever is not understood is refused. This crate is pure: no I/O, no database, no HTTP.
