//! Answers that are longer than what is held back of them: they are passed on in pieces, as fast as they are read.
//!
//! What was cut must not look whole (docs/adr/0045): the pieces end without an error only if the answer ended well. What
//! an answer needs while it comes is given back as soon as it has ended, whoever still reads. This crate knows neither
//! where answers come from, nor what is in them, nor HTTP.

mod pieces;
mod source;

pub use pieces::{Pieces, SLOWEST_READER, joined, passed_on};
pub use source::{Ending, Source};
