//! The proof, as far as it can be tested without a platform. `control-plane` has the rest.

#![cfg(test)]

mod documents;
