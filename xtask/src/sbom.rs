//! `cargo xtask sbom`: what is in the binary, as CycloneDX 1.6 (ECMA-424).
//!
//! The same source gives the same bytes: no time, no serial number, no path.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::programs;
use crate::supply_chain::{self, Graph, Package};

/// The package that the binary is of.
const PRODUCT: &str = "control-plane";
/// What the binary is called.
const BINARY: &str = "vybe";

/// Where to write.
#[derive(clap::Args)]
pub struct Options {
    /// The file; target/vybe.cdx.json when not given
    #[arg(long)]
    out: Option<PathBuf>,
    /// The platform that the binary is for; the first in deny.toml when not given
    #[arg(long)]
    target: Option<String>,
    /// Ask the schema of CycloneDX whether it is well made (installs its library for Python under target/)
    #[arg(long)]
    validate: bool,
}

/// Whose library brings the schema.
const VALIDATOR: &str = "cyclonedx-python-lib[json-validation]==11.12.0";
const VALIDATE: &str = "import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
sys.exit(JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read()))";

/// Writes it.
pub fn run(options: &Options) -> Result<()> {
    let target = match &options.target {
        Some(target) => target.clone(),
        None => supply_chain::targets()?.into_iter().next().context("deny.toml names no target")?,
    };
    let graph = Graph::read(std::slice::from_ref(&target))?;
    let linked = built(&target, "normal,no-proc-macro")?;
    let used = built(&target, "normal,build")?;
    let document = document(&graph, &linked, &used);
    let file = options.out.clone().unwrap_or_else(|| programs::root().join("target/vybe.cdx.json"));
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&file, serde_json::to_string_pretty(&document)? + "\n")
        .with_context(|| file.display().to_string())?;
    println!(
        "sbom: {} components linked, {} more to build with; {}",
        linked.len() - 1,
        used.len() - linked.len(),
        file.display()
    );
    if options.validate {
        validate(&file)?;
    }
    Ok(())
}

fn validate(file: &Path) -> Result<()> {
    let environment = programs::root().join("target/cyclonedx");
    let python = environment.join("bin/python");
    if !python.exists() {
        programs::succeed(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
    }
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", VALIDATOR];
    programs::succeed(Command::new(&python).args(install))?;
    programs::succeed(Command::new(&python).args(["-c", VALIDATE]).arg(file))?;
    println!("sbom: as the schema of CycloneDX 1.6 wants it");
    Ok(())
}

/// Name and version of what cargo builds into the product, itself included.
fn built(target: &str, edges: &str) -> Result<BTreeSet<(String, String)>> {
    let mut cargo = programs::cargo();
    cargo.args(["tree", "--locked", "--quiet", "--package", PRODUCT, "--target", target, "--edges", edges]);
    cargo.args(["--prefix", "none", "--format", "{p}"]);
    let tree = programs::output(&mut cargo)?;
    let package = |line: &str| {
        let mut words = line.split(' ');
        let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
        Some((name.to_owned(), version.to_owned()))
    };
    Ok(tree.lines().filter_map(package).collect())
}

fn document(graph: &Graph, linked: &BTreeSet<(String, String)>, used: &BTreeSet<(String, String)>) -> Value {
    let key = |package: &Package| (package.name.clone(), package.version.clone());
    let inside: Vec<&Package> =
        graph.packages.iter().filter(|package| used.contains(&key(package))).collect();
    let references: BTreeMap<&str, String> =
        inside.iter().map(|package| (package.id.as_str(), reference(package))).collect();
    let components: Vec<Value> = inside
        .iter()
        .filter(|package| package.name != PRODUCT)
        .map(|package| component(package, linked.contains(&key(package))))
        .collect();
    let dependencies: Vec<Value> = inside
        .iter()
        .map(|package| {
            let uses = graph.uses.get(&package.id).into_iter().flatten();
            let uses: BTreeSet<&String> = uses.filter_map(|id| references.get(id.as_str())).collect();
            json!({ "ref": reference(package), "dependsOn": uses })
        })
        .collect();
    let version = inside.iter().find(|package| package.name == PRODUCT).map(|package| &package.version);
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "lifecycles": [{ "phase": "build" }],
            "component": { "type": "application", "bom-ref": BINARY, "name": BINARY, "version": version },
        },
        "components": components,
        "dependencies": dependencies,
    })
}

/// What a package is called within the document: its package URL, or its name where it is ours.
fn reference(package: &Package) -> String {
    match &package.source {
        None if package.name == PRODUCT => BINARY.to_owned(),
        None => format!("{BINARY}/{}", package.name),
        Some(_) => format!("pkg:cargo/{}@{}", package.name, package.version.replace('+', "%2B")),
    }
}

fn component(package: &Package, is_linked: bool) -> Value {
    let mut component = json!({
        "type": "library",
        "bom-ref": reference(package),
        "name": package.name,
        "version": package.version,
        // What only takes part in the build is not in the binary.
        "scope": if is_linked { "required" } else { "excluded" },
    });
    if package.source.is_some() {
        component["purl"] = Value::from(reference(package));
    }
    if let Some(checksum) = &package.checksum {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    if let Some(license) = &package.license {
        let expression = license.replace(" / ", " OR ").replace('/', " OR ");
        component["licenses"] = json!([{ "expression": expression }]);
    }
    if let Some(repository) = &package.repository {
        component["externalReferences"] = json!([{ "type": "vcs", "url": repository }]);
    }
    component
}
