//! The pages under `docs/reference/` that are made of the code: error codes, metrics, audit events.
//!
//! They are read from the source as tokens, not by running anything: this crate links none of the others. A test of
//! `control-plane` compares the metrics with what a running platform answers.

mod actions;
mod codes;
mod events;
mod metrics;
mod scan;

use std::fs;

use anyhow::{Context as _, Result, bail};

use crate::programs;

/// What is made, and where it is kept.
fn pages() -> Result<[(&'static str, String); 3]> {
    let files = scan::product()?;
    Ok([
        ("docs/reference/errors.md", codes::page(&files)?),
        ("docs/reference/metrics.md", metrics::page(&files)?),
        ("docs/reference/audit-events.md", events::page(&files)?),
    ])
}

/// Writes the pages.
pub fn write() -> Result<()> {
    for (file, text) in pages()? {
        fs::write(programs::root().join(file), text).with_context(|| file.to_owned())?;
        println!("wrote {file}");
    }
    Ok(())
}

/// Fails when a page is not what would be written.
pub fn check() -> Result<()> {
    let mut stale = 0;
    for (file, text) in pages()? {
        if fs::read_to_string(programs::root().join(file)).unwrap_or_default() != text {
            stale += 1;
            println!("{file} is stale; run `cargo xtask write-reference`");
        }
    }
    if stale > 0 {
        bail!("{stale} pages of the reference are stale");
    }
    Ok(())
}

/// A text in a cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|").replace('<', "&lt;")
}
