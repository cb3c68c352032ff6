//! The reference of the configuration in the repository: what `vybe config` prints of its types.

use std::fs;

use anyhow::{Context as _, Result};

use crate::programs;

/// What is printed by which command, and where it is kept.
const FORMS: [(&str, &str); 3] = [
    ("example", "deploy/vybe.example.toml"),
    ("reference", "docs/reference/configuration.md"),
    ("schema", "deploy/vybe.schema.json"),
];

/// Writes them. A test of `control-plane` fails when they are stale.
pub fn write() -> Result<()> {
    for (form, file) in FORMS {
        let mut vybe = programs::cargo();
        vybe.args(["run", "--quiet", "--package", "control-plane", "--bin", "vybe", "--", "config", form]);
        let text = programs::output(&mut vybe)?;
        fs::write(programs::root().join(file), text).with_context(|| file.to_owned())?;
        println!("wrote {file}");
    }
    Ok(())
}
