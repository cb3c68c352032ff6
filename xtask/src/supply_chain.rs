//! What may come in with a dependency: bans, licences and sources of `deny.toml`, checked in seconds and without a
//! network (docs/adr/0060).
//!
//! `cargo deny check` reads the same file, knows more (advisories, yanked crates), and is a job of its own.

mod graph;
mod licence;

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

pub(crate) use graph::{Graph, Package};

use crate::programs;

const RULES: &str = "deny.toml";
/// Where crates come from, as `Cargo.lock` calls it.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// What is read here of `deny.toml`.
#[derive(Deserialize)]
struct Rules {
    graph: Reach,
    licenses: Licences,
    bans: Bans,
}

#[derive(Deserialize)]
struct Reach {
    targets: Vec<String>,
}

#[derive(Deserialize)]
struct Licences {
    allow: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Banned>,
}

#[derive(Deserialize)]
struct Banned {
    name: String,
    reason: String,
}

fn rules() -> Result<Rules> {
    let text = fs::read_to_string(programs::root().join(RULES)).context(RULES)?;
    toml::from_str(&text).context(RULES)
}

/// The platforms that the product is built for.
pub(crate) fn targets() -> Result<Vec<String>> {
    Ok(rules()?.graph.targets)
}

/// Checks every dependency, those of tests and of builds, too.
pub fn check() -> Result<()> {
    let rules = rules()?;
    let graph = Graph::read(&rules.graph.targets)?;
    let wrong = violations(&rules, &graph.packages);
    for line in &wrong {
        println!("{line}");
    }
    let foreign = graph.packages.iter().filter(|package| package.source.is_some()).count();
    println!("supply chain: {foreign} crates, {} violations", wrong.len());
    if !wrong.is_empty() {
        bail!("{} violations of {RULES}", wrong.len());
    }
    Ok(())
}

fn violations(rules: &Rules, packages: &[Package]) -> Vec<String> {
    let mut wrong = Vec::new();
    for package in packages {
        let name = format!("{} {}", package.name, package.version);
        if let Some(banned) = rules.bans.deny.iter().find(|banned| banned.name == package.name) {
            wrong.push(format!("{name} is banned: {}", banned.reason));
        }
        let Some(source) = &package.source else {
            let wildcards = package
                .dependencies
                .iter()
                .filter(|dependency| dependency.req == "*" && dependency.source.is_some());
            wrong.extend(
                wildcards.map(|dependency| format!("{name} takes any version of {}", dependency.name)),
            );
            continue;
        };
        if source != REGISTRY {
            wrong.push(format!("{name} comes from {source}"));
        } else if package.checksum.is_none() {
            wrong.push(format!("{name} has no checksum in Cargo.lock"));
        }
        match &package.license {
            None => wrong.push(format!("{name} states no licence")),
            Some(expression) => match licence::is_allowed(expression, &rules.licenses.allow) {
                Some(true) => {}
                Some(false) => wrong.push(format!("{name} has the licence {expression}")),
                None => wrong.push(format!("{name}: {expression:?} is no licence expression")),
            },
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_not_come_in_is_named() {
        let rules: Rules = toml::from_str(
            "[graph]\ntargets = []\n[licenses]\nallow = [\"MIT\"]\n[bans]\ndeny = [{ name = \"openssl\", reason = \"rustls\" }]",
        )
        .unwrap();
        let good = Package {
            name: "good".to_owned(),
            version: "1.0.0".to_owned(),
            id: "good".to_owned(),
            source: Some(REGISTRY.to_owned()),
            license: Some("MIT".to_owned()),
            repository: None,
            checksum: Some("00".to_owned()),
            dependencies: Vec::new(),
        };
        let found = |change: &dyn Fn(&mut Package)| {
            let mut package = good.clone();
            change(&mut package);
            violations(&rules, &[package])
        };
        assert!(found(&|_| {}).is_empty());
        let check = |words: &str, change: &dyn Fn(&mut Package)| {
            let found = found(change);
            assert!(matches!(found.as_slice(), [line] if line.contains(words)), "{words}: {found:?}");
        };
        check("is banned: rustls", &|package| package.name = "openssl".to_owned());
        check("comes from git+", &|package| package.source = Some("git+https://example.org/x".to_owned()));
        check("no checksum", &|package| package.checksum = None);
        check("states no licence", &|package| package.license = None);
        check("has the licence GPL-3.0", &|package| package.license = Some("GPL-3.0".to_owned()));
        check("is no licence expression", &|package| package.license = Some("MIT OR".to_owned()));
        check("takes any version of other", &|package| {
            package.source = None;
            package.dependencies = vec![graph::Dependency {
                name: "other".to_owned(),
                req: "*".to_owned(),
                source: Some(REGISTRY.to_owned()),
            }];
        });
    }
}
