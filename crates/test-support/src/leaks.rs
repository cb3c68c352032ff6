//! Looks for planted values where they should not be: in bytes, in files, in a folder, in the memory of a
//! process.
//!
//! A value is looked for piece by piece, so that a part of it is found, too, and each piece in every form in
//! which programs write bytes down ([`Form`]). What is compressed or encrypted is not looked into.

mod forms;
mod memory;
mod search;

pub use forms::Form;
pub use memory::{Memory, Region, RegionKind};
pub use search::{Finding, Search};
