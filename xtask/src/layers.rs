//! Whether the house still looks as `docs/ARCHITECTURE.md` says: which crate may know which, and which file
//! of a crate may name what.

use anyhow::{Result, bail};

mod arrows;
mod names;
mod reach;
mod source;

use source::Source;

/// A rule that does not hold, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct Violation {
    place: String,
    rule: String,
}

impl Violation {
    fn new(place: impl Into<String>, rule: impl Into<String>) -> Self {
        Self { place: place.into(), rule: rule.into() }
    }
}

/// Checks everything and prints what was checked.
pub fn run() -> Result<()> {
    let packages = arrows::packages()?;
    let sources = source::all(&packages)?;
    let mut violations = arrows::check(&packages);
    for source in &sources {
        violations.extend(check(source, &packages));
    }
    for Violation { place, rule } in &violations {
        println!("{place}: {rule}");
    }
    let arrows: usize = packages.iter().map(|package| package.arrows.len()).sum();
    println!(
        "layers: {} crates, {arrows} arrows, {} files, {} violations",
        packages.len(),
        sources.len(),
        violations.len()
    );
    if !violations.is_empty() {
        bail!("{} layer violations", violations.len());
    }
    Ok(())
}

fn check(source: &Source, packages: &[arrows::Package]) -> Vec<Violation> {
    let mut violations = reach::check(source);
    violations.extend(names::check(source));
    violations.extend(names::check_exports(source, packages));
    violations
}
