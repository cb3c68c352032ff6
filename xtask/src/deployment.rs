//! Whether what stands in `deploy/` is what systemd, HAProxy, Compose, Helm and Kubernetes take, without any of them
//! running: the unit by `systemd-analyze`, the balancer's configuration by HAProxy, the container file by hadolint, the
//! Compose file by the schema of its specification, the chart by Helm's own library and Kubernetes' schemas, and every
//! configuration in it by `deploy/vybe.schema.json`. No image is built and nothing is deployed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::programs;

const REQUIREMENTS: &str = include_str!("deployment/requirements.txt");
const CHARTS: &str = include_str!("deployment/charts.py");
/// What systemd counts as the unit's exposure at most, in tenths: 0 is perfect, 100 has no protection.
const EXPOSURE: &str = "12";
/// Lines of values and comments may be longer than yamllint's 80 characters.
const YAML_RULES: &str = "{extends: default, rules: {line-length: {max: 130}, document-start: disable, \
braces: {max-spaces-inside: 1}}}";

/// Checks everything.
pub fn run() -> Result<()> {
    let root = programs::root();
    let deploy = root.join("deploy");
    units(&deploy.join("systemd"))?;
    balancer(&deploy.join("compose/haproxy.cfg"))?;
    let tools = tools(&root)?;
    let run = |tool: &str, arguments: &[&str]| {
        programs::succeed(Command::new(tools.join(tool)).current_dir(&deploy).args(arguments))
    };
    run("hadolint", &["container/Containerfile"])?;
    run("check-jsonschema", &["--builtin-schema", "vendor.compose-spec", "compose/compose.yaml"])?;
    let configurations = ["vybe.example.toml", "compose/vybe.toml"];
    run("check-jsonschema", &[&["--schemafile", "vybe.schema.json"][..], &configurations].concat())?;
    let documents = ["compose", "helm/vybe/values.yaml", "helm/vybe/Chart.yaml"];
    run("yamllint", &[&["--strict", "--config-data", YAML_RULES][..], &documents].concat())?;
    run("python", &["-c", CHARTS, "helm/vybe", "vybe.schema.json"])
}

/// Whether systemd understands the units, and how exposed it finds the service.
fn units(folder: &Path) -> Result<()> {
    let copies = tempfile::tempdir()?;
    let mut units = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let copy = copies.path().join(path.file_name().unwrap_or_default());
        // systemd looks whether the program is there.
        let text = fs::read_to_string(&path)?.replace("/usr/bin/vybe", "/bin/true");
        fs::write(&copy, text)?;
        units.push(copy);
    }
    programs::succeed(Command::new("systemd-analyze").args(["verify", "--man=no"]).args(&units))?;
    let mut security = Command::new("systemd-analyze");
    security.args(["security", "--offline=true", "--no-pager", "--threshold", EXPOSURE]);
    let report = programs::output(security.arg(folder.join("vybe.service")))?;
    println!("{}", report.lines().last().unwrap_or_default());
    Ok(())
}

/// Whether HAProxy understands its configuration.
fn balancer(configuration: &Path) -> Result<()> {
    let mut haproxy = Command::new(programs::find("haproxy").context("haproxy is not installed")?);
    haproxy.env("VYBE_LISTEN", "127.0.0.1:8443");
    for name in ["VYBE_ONE", "VYBE_TWO"] {
        haproxy.env(name, "127.0.0.1:8444").env(format!("{name}_ADMIN_PORT"), "9180");
    }
    programs::succeed(haproxy.arg("-c").arg("-q").arg("-f").arg(configuration))
}

/// The folder of the tools, in an environment of their own, installed once per list of packages.
fn tools(root: &Path) -> Result<PathBuf> {
    let folder = root.join("target/deployment-tools");
    let finished = folder.join("installed-requirements.txt");
    let programs_folder = folder.join("bin");
    if fs::read_to_string(&finished).is_ok_and(|installed| installed == REQUIREMENTS) {
        return Ok(programs_folder);
    }
    programs::succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let requirements = folder.join("requirements.txt");
    fs::write(&requirements, REQUIREMENTS)?;
    let mut install = Command::new(programs_folder.join("python"));
    install.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--requirement",
    ]);
    programs::succeed(install.arg(&requirements))?;
    fs::write(&finished, REQUIREMENTS)?;
    Ok(programs_folder)
}
