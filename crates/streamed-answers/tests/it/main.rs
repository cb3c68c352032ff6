//! Answers that are passed on in pieces.

#![cfg(test)]

mod endings;
mod tap;
