//! Which crate of ours may depend on which.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::Violation;
use crate::programs;

/// The house, bottom up: a crate and those it may know. An arrow that is not here does not exist.
const ALLOWED: &[(&str, &[&str])] = &[
    ("ids", &[]),
    ("access-control", &["ids"]),
    ("cryptography", &[]),
    // What time it is; no I/O.
    ("clock", &[]),
    ("audit", &["clock", "cryptography", "ids"]),
    ("migrations", &[]),
    // Every table, whatever it is for.
    ("backup", &["cryptography", "migrations"]),
    ("mail", &["ids"]),
    // Black-box: knows a platform by its addresses only.
    ("proof", &[]),
    // Several processes on one store; knows nothing of what changes.
    ("replicas", &["audit", "ids"]),
    ("endpoint", &["access-control", "audit", "clock", "ids"]),
    // What taking something away did, in every process.
    ("revocations", &["access-control", "audit", "clock", "endpoint", "ids", "replicas"]),
    ("audit-trail", &["access-control", "audit", "clock", "cryptography", "endpoint", "ids"]),
    ("secrets-vault", &["access-control", "audit", "clock", "cryptography", "endpoint", "ids"]),
    // A server for tests and the demo; knows nothing of ours.
    ("local-postgres", &[]),
    // Corpora of the fuzzer for tests; knows nothing of ours.
    ("hostile-input", &[]),
    ("outbound", &[]),
    ("ssh-tunnel", &["cryptography", "outbound"]),
    ("query-guard", &[]),
    ("databases", &["cryptography", "outbound", "query-guard", "ssh-tunnel"]),
    // What records and long answers have in common, whatever is used or answered.
    ("streamed-answers", &[]),
    ("usage-records", &["clock"]),
    (
        "data-gateway",
        &[
            "access-control",
            "audit",
            "clock",
            "cryptography",
            "databases",
            "endpoint",
            "ids",
            "outbound",
            "query-guard",
            "secrets-vault",
            "ssh-tunnel",
            "streamed-answers",
            "usage-records",
        ],
    ),
    // Data about services; no I/O.
    ("catalogue", &[]),
    // How services are spoken to: tokens and calls. Knows no table and no permit.
    ("service-client", &["catalogue", "cryptography", "outbound"]),
    (
        "integrations",
        &[
            "access-control",
            "audit",
            "catalogue",
            "clock",
            "cryptography",
            "endpoint",
            "ids",
            "outbound",
            "secrets-vault",
            "service-client",
            "streamed-answers",
            "usage-records",
        ],
    ),
    // One remote provider of master keys; whoever reviews the vault need not read HTTP.
    ("transit", &["cryptography", "secrets-vault"]),
    (
        "identity",
        &["access-control", "audit", "cryptography", "endpoint", "ids", "revocations", "secrets-vault"],
    ),
    (
        "organizations",
        &["access-control", "audit", "clock", "cryptography", "endpoint", "ids", "revocations"],
    ),
    (
        "apps",
        &[
            "access-control",
            "audit",
            "clock",
            "cryptography",
            "endpoint",
            "ids",
            "outbound",
            "revocations",
            "secrets-vault",
        ],
    ),
    ("directory", &["access-control", "apps", "audit", "ids", "organizations"]),
    ("decisions", &["access-control", "clock", "cryptography", "endpoint", "ids"]),
    (
        "policy",
        &[
            "access-control",
            "apps",
            "audit",
            "decisions",
            "directory",
            "endpoint",
            "ids",
            "organizations",
            "cryptography",
        ],
    ),
    (
        "middleware",
        &[
            "access-control",
            "apps",
            "audit",
            "clock",
            "decisions",
            "directory",
            "endpoint",
            "identity",
            "ids",
            "outbound",
            "revocations",
        ],
    ),
    (
        "console",
        &[
            "access-control",
            "apps",
            "catalogue",
            "cryptography",
            "data-gateway",
            "databases",
            "directory",
            "endpoint",
            "identity",
            "ids",
            "integrations",
            "organizations",
            "secrets-vault",
            "service-client",
        ],
    ),
    (
        "development",
        &[
            "access-control",
            "apps",
            "audit",
            "data-gateway",
            "databases",
            "endpoint",
            "identity",
            "ids",
            "local-postgres",
            "organizations",
            "cryptography",
            "secrets-vault",
        ],
    ),
    (
        "control-plane",
        &[
            "access-control",
            "apps",
            "audit",
            "audit-trail",
            "backup",
            "clock",
            "console",
            "decisions",
            "development",
            "directory",
            "endpoint",
            "identity",
            "ids",
            "mail",
            "middleware",
            "migrations",
            "organizations",
            "policy",
            "proof",
            "replicas",
            "catalogue",
            "cryptography",
            "data-gateway",
            "databases",
            "integrations",
            "outbound",
            "revocations",
            "secrets-vault",
            "service-client",
            "transit",
        ],
    ),
    ("test-support", &["local-postgres", "migrations"]),
    ("xtask", &["hostile-input", "local-postgres"]),
];

/// Every crate may use these in its tests.
const FOR_EVERY_TEST: &[&str] = &["hostile-input", "test-support"];

/// Arrows for tests only.
const ALLOWED_IN_TESTS: &[(&str, &[&str])] = &[
    // The decision's tables are compared with facts as the stores hold them.
    ("directory", &["cryptography", "migrations", "endpoint", "outbound", "secrets-vault"]),
    ("audit", &["migrations"]),
    ("replicas", &["migrations"]),
    ("revocations", &["migrations"]),
    ("data-gateway", &["local-postgres"]),
    ("databases", &["local-postgres"]),
    ("data-gateway", &["local-postgres", "migrations"]),
    ("integrations", &["migrations"]),
    ("control-plane", &["local-postgres"]),
    ("policy", &["cryptography", "outbound"]),
    ("middleware", &["apps", "development", "organizations", "cryptography", "secrets-vault"]),
];

/// One package of the workspace.
#[derive(Debug)]
pub struct Package {
    pub name: String,
    pub folder: PathBuf,
    pub arrows: Vec<Arrow>,
    /// Every crate it depends on, ours or not, as code names it.
    pub dependencies: BTreeSet<String>,
}

/// A dependency on a package of the workspace.
#[derive(Debug)]
pub struct Arrow {
    pub to: String,
    pub in_tests_only: bool,
}

/// The packages of the workspace.
pub fn packages() -> Result<Vec<Package>> {
    let metadata = programs::output(programs::cargo().args([
        "metadata",
        "--no-deps",
        "--offline",
        "--format-version",
        "1",
    ]))?;
    read(&serde_json::from_str(&metadata).context("cargo metadata")?)
}

fn read(metadata: &Value) -> Result<Vec<Package>> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    list(&metadata["packages"])
        .iter()
        .map(|package| {
            let manifest = PathBuf::from(package["manifest_path"].as_str().context("manifest_path")?);
            let dependencies = list(&package["dependencies"]);
            let name_of = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
            Ok(Package {
                name: name_of(package),
                folder: manifest.parent().context("a package's folder")?.to_path_buf(),
                arrows: dependencies
                    .iter()
                    .filter(|dependency| dependency["path"].is_string())
                    .map(|dependency| Arrow {
                        to: name_of(dependency),
                        in_tests_only: dependency["kind"] == "dev",
                    })
                    .collect(),
                dependencies: dependencies
                    .iter()
                    .map(|dependency| {
                        let name = dependency["rename"].as_str().map(str::to_owned);
                        name.unwrap_or_else(|| name_of(dependency)).replace('-', "_")
                    })
                    .collect(),
            })
        })
        .collect()
}

/// Compares the arrows with the table.
pub fn check(packages: &[Package]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for package in packages {
        let Some(allowed) = row(ALLOWED, &package.name) else {
            violations
                .push(Violation::new(&package.name, "the crate has no row in xtask/src/layers/arrows.rs"));
            continue;
        };
        let in_tests = row(ALLOWED_IN_TESTS, &package.name).unwrap_or_default();
        for arrow in &package.arrows {
            let to = arrow.to.as_str();
            let fine = allowed.contains(&to)
                || arrow.in_tests_only && (FOR_EVERY_TEST.contains(&to) || in_tests.contains(&to));
            if !fine {
                let kind = if arrow.in_tests_only { ", not even in tests" } else { "" };
                violations.push(Violation::new(&package.name, format!("must not depend on `{to}`{kind}")));
            }
        }
    }
    for (name, _) in ALLOWED {
        if !packages.iter().any(|package| package.name == *name) {
            violations.push(Violation::new(*name, "has a row in the table of arrows, but does not exist"));
        }
    }
    violations
}

fn row(table: &'static [(&str, &[&str])], name: &str) -> Option<&'static [&'static str]> {
    table.iter().find(|(crate_name, _)| *crate_name == name).map(|(_, allowed)| *allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn house_with(name: &str, to: &str, in_tests_only: bool) -> Vec<Package> {
        ALLOWED
            .iter()
            .map(|(existing, _)| Package {
                name: (*existing).to_owned(),
                folder: PathBuf::new(),
                arrows: if *existing == name {
                    vec![Arrow { to: to.to_owned(), in_tests_only }]
                } else {
                    Vec::new()
                },
                dependencies: BTreeSet::new(),
            })
            .collect()
    }

    #[test]
    fn an_arrow_upwards_is_a_violation() {
        assert_eq!(check(&house_with("endpoint", "identity", false)).len(), 1);
        assert_eq!(check(&house_with("identity", "organizations", true)).len(), 1);
        assert_eq!(check(&house_with("identity", "endpoint", false)), []);
    }

    #[test]
    fn test_support_is_for_tests_only() {
        assert_eq!(check(&house_with("audit", "test-support", true)), []);
        assert_eq!(check(&house_with("audit", "test-support", false)).len(), 1);
    }

    #[test]
    fn a_crate_without_a_row_and_a_row_without_a_crate_are_violations() {
        let mut packages = house_with("ids", "ids", true);
        packages[0].name = "newcomer".to_owned();
        let rules: Vec<_> = check(&packages).into_iter().map(|violation| violation.place).collect();
        assert_eq!(rules, ["newcomer", "ids"]);
    }

    #[test]
    fn the_table_has_no_cycle() {
        for (position, (name, allowed)) in ALLOWED.iter().enumerate() {
            for to in *allowed {
                let below = ALLOWED.iter().position(|(other, _)| other == to);
                assert!(below.is_some_and(|below| below < position), "{name} -> {to}");
            }
        }
    }
}
