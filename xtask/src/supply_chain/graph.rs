//! The packages that are built, as `cargo metadata` and `Cargo.lock` know them.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::programs;

/// A package, ours or another's.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) id: String,
    /// Where it comes from; ours come from nowhere.
    pub(crate) source: Option<String>,
    pub(crate) license: Option<String>,
    pub(crate) repository: Option<String>,
    /// SHA-256 of what was downloaded.
    #[serde(skip)]
    pub(crate) checksum: Option<String>,
    pub(crate) dependencies: Vec<Dependency>,
}

/// What a package asks for.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) req: String,
    pub(crate) source: Option<String>,
}

/// Packages, and which of them each was resolved to use.
pub(crate) struct Graph {
    /// In the order of name and version.
    pub(crate) packages: Vec<Package>,
    /// By identifier.
    pub(crate) uses: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    dependencies: Vec<String>,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    checksum: Option<String>,
}

impl Graph {
    /// What `Cargo.lock` says is built for these platforms, tests included.
    pub(crate) fn read(targets: &[String]) -> Result<Self> {
        let mut cargo = programs::cargo();
        cargo.args(["metadata", "--locked", "--quiet", "--format-version", "1"]);
        for target in targets {
            cargo.args(["--filter-platform", target]);
        }
        let metadata: Metadata = serde_json::from_str(&programs::output(&mut cargo)?)?;
        let lock = fs::read_to_string(programs::root().join("Cargo.lock")).context("Cargo.lock")?;
        let lock: Lock = toml::from_str(&lock).context("Cargo.lock")?;
        let checksums: BTreeMap<_, _> = lock
            .package
            .into_iter()
            .filter_map(|locked| Some(((locked.name, locked.version), locked.checksum?)))
            .collect();
        let mut packages = metadata.packages;
        for package in &mut packages {
            package.checksum = checksums.get(&(package.name.clone(), package.version.clone())).cloned();
        }
        packages.sort_by(|one, other| (&one.name, &one.version).cmp(&(&other.name, &other.version)));
        let uses = metadata.resolve.nodes.into_iter().map(|node| (node.id, node.dependencies)).collect();
        Ok(Self { packages, uses })
    }
}
