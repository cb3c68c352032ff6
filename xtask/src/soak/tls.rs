//! G16: what testssl.sh, sslyze, the HTTP Observatory and csp_evaluator say of `vybe serve`.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::{installation, programs};

const HOST: &str = "vybe.localhost";
const SSLYZE: &str = "sslyze==6.3.1";
const NODE_PACKAGES: [&str; 2] = ["@mdn/mdn-http-observatory@1.4.8", "csp_evaluator@1.1.8"];
const HEADERS: &str = include_str!("tls/headers.mjs");
const CERTIFICATE: &str = include_str!("tls/certificate.sh");
/// What testssl.sh says of every certificate that is made here.
const OF_THE_TEST_CERTIFICATE: [&str; 3] = ["cert_expirationStatus", "cert_notAfter", "cert_revocation"];

/// A process that ends with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs all four; fails for whatever is worse than low, or less than all points.
pub fn run() -> Result<()> {
    installation::install_for_scans()?;
    programs::succeed(programs::cargo().args([
        "build",
        "--quiet",
        "--package",
        "control-plane",
        "--bin",
        "vybe",
    ]))?;
    let tools = programs::root().join("target/scanners");
    fs::create_dir_all(&tools)?;
    let folder = tempfile::tempdir()?;
    let (https, redirect) = (free_port()?, free_port()?);
    let _running = serve(folder.path(), https, redirect)?;
    let certificates = folder.path().join("ca.pem");

    println!("testssl.sh:");
    let findings = folder.path().join("testssl.json");
    let mut testssl = Command::new("testssl");
    testssl.args(["--ip", "127.0.0.1", "--quiet", "--color", "0", "--warnings", "off", "--add-ca"]);
    testssl.arg(&certificates).arg("--jsonfile").arg(&findings).arg(format!("{HOST}:{https}"));
    // Its exit code counts findings.
    testssl.stdout(Stdio::null()).status().context("testssl")?;
    let findings: Vec<Value> = serde_json::from_str(&fs::read_to_string(&findings)?)?;
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let mut worse = 0;
    for finding in &findings {
        let (id, severity) = (text(finding, "id"), text(finding, "severity"));
        if matches!(severity.as_str(), "MEDIUM" | "HIGH" | "CRITICAL" | "FATAL") {
            let expected = OF_THE_TEST_CERTIFICATE.contains(&id.as_str());
            worse += usize::from(!expected);
            let note = if expected { " (the test certificate)" } else { "" };
            println!("  {severity} {id}: {}{note}", text(finding, "finding"));
        }
    }
    println!("  {} findings, {worse} above low", findings.len());

    println!("sslyze, Mozilla's intermediate configuration:");
    let environment = tools.join("python");
    if !environment.join("bin/sslyze").is_file() {
        programs::succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
        let mut install = Command::new(environment.join("bin/python"));
        programs::succeed(install.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            SSLYZE,
        ]))?;
    }
    let mut sslyze = Command::new(environment.join("bin/sslyze"));
    sslyze.args(["--mozilla_config=intermediate", "--sni", HOST, "--certinfo_ca_file"]).arg(&certificates);
    let report = programs::output(sslyze.arg(format!("127.0.0.1:{https}")))?;
    println!("  {}", report.lines().rfind(|line| line.contains("127.0.0.1")).unwrap_or_default().trim());
    if !report.contains("OK - Compliant.") {
        bail!("not compliant: {report}");
    }

    println!("HTTP Observatory and csp_evaluator:");
    fs::write(tools.join("package.json"), r#"{ "private": true, "type": "module" }"#)?;
    fs::write(tools.join("headers.mjs"), HEADERS)?;
    let mut install = Command::new("npm");
    install.args(["install", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"]).args(NODE_PACKAGES);
    programs::succeed(install.current_dir(&tools))?;
    let mut headers = Command::new("node");
    headers.arg("headers.mjs").args([HOST, &https.to_string(), &redirect.to_string()]).current_dir(&tools);
    programs::succeed(headers.env("NODE_EXTRA_CA_CERTS", &certificates))?;
    if worse > 0 {
        bail!("testssl.sh finds {worse} above low");
    }
    Ok(())
}

fn serve(folder: &Path, https: u16, redirect: u16) -> Result<Running> {
    programs::succeed(
        Command::new("bash").args(["-euc", CERTIFICATE]).current_dir(folder).stderr(Stdio::null()),
    )?;
    let configuration = format!(
        "[platform]\nhost = \"{HOST}\"\nbase_domain = \"{HOST}\"\npublic_port = {https}\n[listen]\n\
         https = \"127.0.0.1:{https}\"\nredirect = \"127.0.0.1:{redirect}\"\n[certificate]\nchain = \"chain.pem\"\n\
         key = \"key.pem\"\n[database]\nurl = \"sqlite:vybe.db\"\n[secrets]\nmaster_key = {{ file = \"master-key\" }}\n"
    );
    fs::write(folder.join("vybe.toml"), configuration)?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| programs::root().join("target"), Into::into);
    let mut vybe = Command::new(target.join("debug/vybe"));
    vybe.args(["serve", "--config", "vybe.toml"]).current_dir(folder).stderr(Stdio::null());
    let running = Running(vybe.spawn().context("vybe")?);
    for _ in 0..200 {
        if std::net::TcpStream::connect(("127.0.0.1", https)).is_ok() {
            return Ok(running);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    bail!("vybe serve does not listen")
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
