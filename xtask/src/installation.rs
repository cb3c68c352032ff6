//! What the tests need beyond Rust and a C compiler.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use local_postgres::Programs;

use crate::programs;

/// Something the tests use, how to tell that it is there, and Debian's and Ubuntu's packages with it.
struct Need {
    what: &'static str,
    is_there: fn() -> bool,
    /// Where the distributions differ, `one|another`: the first that exists.
    packages: &'static [&'static str],
}

const NEEDS: &[Need] = &[
    Need {
        what: "a PostgreSQL server (every test of a store runs on it too)",
        is_there: || Programs::find().is_some(),
        packages: &["postgresql"],
    },
    Need {
        what: "Node.js 18 or newer with npm (an independent OpenID provider and token library)",
        is_there: || node_version() >= Some(OLDEST_NODE) && programs::find("npm").is_some(),
        packages: &["nodejs", "npm"],
    },
    Need {
        what: "Chromium (the scripted browser)",
        is_there: has_browser,
        packages: &["chromium|chromium-browser"],
    },
    Need {
        what: "Python 3.11 or newer with venv (the tools that judge the API description)",
        is_there: has_python,
        packages: &["python3-venv"],
    },
    Need {
        what: "a MariaDB server (the data gateway speaks to it)",
        is_there: || system_program("mariadbd"),
        packages: &["mariadb-server"],
    },
    Need {
        what: "OpenSSH's server (tunnels lead through it)",
        is_there: || system_program("sshd"),
        packages: &["openssh-server"],
    },
    Need {
        what: "faketime (processes whose clocks are wrong)",
        is_there: || programs::find("faketime").is_some(),
        packages: &["faketime"],
    },
    Need {
        what: "nginx (a load balancer before replicas)",
        is_there: || system_program("nginx"),
        packages: &["nginx-light"],
    },
    Need {
        what: "systemd (its tools hand over sockets and judge the units)",
        is_there: || {
            ["systemd-analyze", "systemd-socket-activate"].iter().all(|name| programs::find(name).is_some())
        },
        packages: &["systemd"],
    },
    Need {
        what: "HAProxy (a rolling restart happens behind it)",
        is_there: || system_program("haproxy"),
        packages: &["haproxy"],
    },
    Need { what: "git", is_there: || programs::find("git").is_some(), packages: &["git"] },
    Need {
        what: "openssl (the second verifier of audit exports)",
        is_there: || programs::find("openssl").is_some(),
        packages: &["openssl"],
    },
    Need {
        what: "ssh-keygen (private keys to check)",
        is_there: || programs::find("ssh-keygen").is_some(),
        packages: &["openssh-client"],
    },
];

/// The oldest Node.js that the pinned packages run on.
const OLDEST_NODE: u32 = 18;

const BENCHMARK_NEEDS: &[Need] = &[
    Need { what: "nginx", is_there: || programs::find("nginx").is_some(), packages: &["nginx-light"] },
    Need { what: "curl", is_there: || programs::find("curl").is_some(), packages: &["curl"] },
    Need { what: "openssl", is_there: || programs::find("openssl").is_some(), packages: &["openssl"] },
    Need { what: "wrk", is_there: || programs::find("wrk").is_some(), packages: &["wrk"] },
];

const SCAN_NEEDS: &[Need] = &[
    Need { what: "testssl.sh", is_there: || programs::find("testssl").is_some(), packages: &["testssl.sh"] },
    Need { what: "openssl", is_there: || programs::find("openssl").is_some(), packages: &["openssl"] },
];

/// The first number of `v18.20.4`.
fn node_version() -> Option<u32> {
    programs::find("node")?;
    let version = programs::output(Command::new("node").arg("--version")).ok()?;
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// Whether Python is there, new enough and with all that makes an environment of its own.
fn has_python() -> bool {
    let question = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))";
    programs::find("python3").is_some()
        && programs::output(Command::new("python3").args(["-c", question])).is_ok()
}

/// Whether a server is there: not everybody has the folders of servers in PATH.
fn system_program(name: &str) -> bool {
    programs::find(name).is_some() || Path::new("/usr/sbin").join(name).is_file()
}

fn has_browser() -> bool {
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
        .iter()
        .any(|name| programs::find(name).is_some())
}

/// Installs what the tests need and is not there, and says so.
pub fn install() -> Result<()> {
    install_components()?;
    install_all(NEEDS)
}

/// rustup's minimal profile leaves out what the last steps of the tests are made of.
fn install_components() -> Result<()> {
    for component in ["rustfmt", "clippy"] {
        let subcommand = component.strip_prefix("rust").unwrap_or(component);
        let answers = programs::output(programs::cargo().args([subcommand, "--version"])).is_ok();
        if answers {
            continue;
        }
        if programs::find("rustup").is_none() {
            bail!("please install `cargo {subcommand}` beside this cargo");
        }
        println!("installing {component} for: `cargo {subcommand}`");
        programs::succeed(Command::new("rustup").args(["component", "add", component]))?;
    }
    Ok(())
}

/// Installs what the benchmarks need and is not there, and says so.
pub fn install_for_benchmarks() -> Result<()> {
    install_all(BENCHMARK_NEEDS)
}

/// Installs what scans of TLS need and is not there, and says so.
pub fn install_for_scans() -> Result<()> {
    install()?;
    install_all(SCAN_NEEDS)
}

fn install_all(needs: &[Need]) -> Result<()> {
    let missing: Vec<&Need> = needs.iter().filter(|need| !(need.is_there)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if programs::find("apt-get").is_none() || !(is_root() || programs::find("sudo").is_some()) {
        let list: Vec<&str> = missing.iter().map(|need| need.what).collect();
        bail!("please install: {}", list.join("; "));
    }
    println!("asking apt-get what there is, because these are missing:");
    for need in &missing {
        println!("  {}", need.what);
    }
    programs::succeed(privileged("apt-get").args(["update", "-qq"]))?;
    let packages: Vec<&str> =
        missing.iter().flat_map(|need| need.packages).map(|names| one_that_exists(names)).collect();
    println!("installing {}", packages.join(" "));
    programs::succeed(
        privileged("apt-get").args(["install", "-y", "-qq", "--no-install-recommends"]).args(packages),
    )?;
    match missing.iter().find(|need| !(need.is_there)()) {
        Some(need) => bail!("installed, and still not found: {}", need.what),
        None => Ok(()),
    }
}

fn one_that_exists(names: &'static str) -> &'static str {
    let exists = |name: &&str| {
        programs::output(Command::new("apt-cache").args(["policy", name]))
            .is_ok_and(|policy| policy.contains("Candidate:") && !policy.contains("Candidate: (none)"))
    };
    names.split('|').find(exists).unwrap_or(names)
}

fn is_root() -> bool {
    programs::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

/// The command as root: through `sudo` unless we are.
fn privileged(program: &str) -> Command {
    let mut command = if is_root() {
        Command::new("env")
    } else {
        let mut sudo = Command::new("sudo");
        sudo.arg("env");
        sudo
    };
    command.args(["DEBIAN_FRONTEND=noninteractive", program]);
    command
}
