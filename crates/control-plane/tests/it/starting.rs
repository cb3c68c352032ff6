//! The binary: what it says when it cannot start, and that it stops when told to.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use test_support::{Authority, RawConnection, Trust};

/// A folder with a configuration that works, to be spoilt.
pub struct Setting {
    pub folder: tempfile::TempDir,
    pub trust: Trust,
    pub config: String,
}

/// The master key of [`Setting::new`].
pub const MASTER_KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/// A provider, for the end of the configuration.
pub const PROVIDER: &str = r#"
[sign_in.provider.test]
name = "Test"
issuer = "https://issuer.test"
client_id = "vybe"
client_secret = "CANARY"
"#;

impl Setting {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        let certificate = authority.certificate_for(&["vybe.test", "*.apps.vybe.test"]);
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("chain.pem"), &certificate.certificate).unwrap();
        std::fs::write(path("key.pem"), &certificate.key).unwrap();
        std::fs::write(path("master.key"), format!("{MASTER_KEY}\n")).unwrap();
        let private = std::fs::Permissions::from_mode(0o600);
        for name in ["master.key", "key.pem"] {
            std::fs::set_permissions(path(name), private.clone()).unwrap();
        }
        let text = |name: &str| path(name).display().to_string();
        let config = format!(
            r#"
[platform]
host = "vybe.test"
base_domain = "apps.vybe.test"
[listen]
https = "127.0.0.1:0"
admin = "127.0.0.1:0"
[certificate]
chain = "{}"
key = "{}"
[database]
url = "sqlite:{}"
[secrets]
master_key = {{ file = "{}" }}
"#,
            text("chain.pem"),
            text("key.pem"),
            text("vybe.db"),
            text("master.key"),
        );
        Self { folder, trust: authority.trust(), config }
    }

    pub fn path(&self) -> PathBuf {
        let path = self.folder.path().join("vybe.toml");
        std::fs::write(&path, &self.config).unwrap();
        path
    }

    pub fn run(&self, command: &[&str]) -> Output {
        vybe(self.folder.path(), &[command, &["--config", self.path().to_str().unwrap()]].concat())
    }
}

pub fn vybe(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vybe"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("VYBE_CONFIG")
        .env_remove("VYBE_MASTER_KEY")
        .output()
        .unwrap()
}

/// It failed, with one line, which holds these words.
pub fn check_failure(output: &Output, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    // Whatever was logged before stands on lines of its own.
    let last: Vec<&str> = said.lines().filter(|line| line.starts_with("vybe: ")).collect();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    let [line] = last.as_slice() else { panic!("not one line: {said}") };
    assert!(said.trim_end().ends_with(line), "{said}");
    for word in words {
        assert!(line.contains(word), "{word:?} is not in {line}");
    }
}

#[test]
fn a_good_configuration_is_called_good_and_printed_without_secrets() {
    let mut setting = Setting::new();
    let checked = setting.run(&["config", "check"]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    setting.config = setting.config.replace(
        &format!("\"sqlite:{}\"", setting.folder.path().join("vybe.db").display()),
        "\"postgres://vybe:CANARY@127.0.0.1/vybe\"",
    );
    let printed = setting.run(&["config", "print"]);
    let text = String::from_utf8(printed.stdout).unwrap();
    assert!(printed.status.success() && !text.contains("CANARY"), "{text}");
    assert!(text.contains("idle = \"7d\""), "{text}");
}

#[test]
fn a_configuration_with_which_nobody_can_sign_in_is_good_with_a_warning() {
    let mut setting = Setting::new();
    let check = |setting: &Setting| {
        let checked = setting.run(&["config", "check"]);
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
        String::from_utf8(checked.stdout).unwrap()
    };
    let said = check(&setting);
    assert!(said.starts_with("warning: no identity provider is configured"), "{said}");
    assert!(said.ends_with("the configuration is good\n"), "{said}");
    setting.config.push_str(PROVIDER);
    assert_eq!(check(&setting), "the configuration is good\n");
}

#[test]
fn commands_beside_a_platform_make_no_database() {
    let setting = Setting::new();
    let out = setting.folder.path().join("export.jsonl");
    let check = || {
        for command in [
            &["keys", "status"][..],
            &["keys", "rotate", "master"],
            &["keys", "rotate", "platform"],
            &["keys", "rotate", "user-token-signing"],
            &["audit", "public-key"],
            &["audit", "export", "--platform", "--out", out.to_str().unwrap()],
            &["state-hash"],
            &["backup", out.to_str().unwrap()],
        ] {
            check_failure(&setting.run(command), &["nothing was ever started", "database.url"]);
        }
        assert!(!out.exists());
    };
    check();
    let database = setting.folder.path().join("vybe.db");
    assert!(!database.exists(), "a database was made");
    // One that is there and empty was not started either.
    std::fs::write(&database, "").unwrap();
    check();
}

#[test]
fn bad_configuration_ends_with_one_line() {
    let check = |spoil: &dyn Fn(&Setting) -> String, words: &[&str]| {
        let mut setting = Setting::new();
        setting.config = spoil(&setting);
        for command in [&["serve"][..], &["config", "check"]] {
            check_failure(&setting.run(command), words);
        }
    };
    check(
        &|setting| format!("{}\ncolour = \"red\"\n", setting.config),
        &["line 16", "unknown field `colour`"],
    );
    check(&|setting| setting.config.replace("[platform]", "[platform"), &["line 2"]);
    check(
        &|setting| setting.config.replace("\"vybe.test\"", "\"our-vybe.apps.vybe.test\""),
        &["platform.host", "hyphen"],
    );
    check(&|setting| setting.config.replace("\"vybe.test\"", "\"https://vybe.test\""), &["platform.host"]);
    check(
        &|setting| setting.config.replace("chain.pem", "missing.pem"),
        &["missing.pem", "certificate.chain"],
    );
    check(&|setting| setting.config.replace("key.pem", "chain.pem"), &["chain.pem", "private key"]);
    check(
        &|setting| setting.config.replace("{ file", "{ env = \"NO_SUCH_VARIABLE\" } # { file"),
        &["secrets.master_key", "NO_SUCH_VARIABLE"],
    );
    check(&|setting| setting.config.replace("master.key", "chain.pem"), &["secrets.master_key"]);
    check(
        &|setting| format!("{}\n[upstreams]\nallowed_networks = [\"10.0.0.1/8\"]\n", setting.config),
        &["upstreams.allowed_networks", "10.0.0.0/8"],
    );
    check(
        &|setting| {
            format!("{}\n[database_connections]\nallowed_networks = [\"10.0.0.1/8\"]\n", setting.config)
        },
        &["database_connections.allowed_networks", "10.0.0.0/8"],
    );
    check(
        &|setting| {
            format!(
                "{}\n[sign_in.google]\nclient_id = \"x\"\nclient_secret = {{ file = \"/nowhere\" }}\n",
                setting.config
            )
        },
        &["sign_in.google.client_secret", "/nowhere"],
    );
    let folder = tempfile::tempdir().unwrap();
    check_failure(&vybe(folder.path(), &["serve"]), &["vybe.toml", "--config"]);
}

#[test]
fn a_busy_port_is_named() {
    let occupied = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = occupied.local_addr().unwrap().port();
    let mut setting = Setting::new();
    setting.config = setting.config.replacen("127.0.0.1:0", &format!("127.0.0.1:{port}"), 1);
    let address = format!("127.0.0.1:{port}");
    check_failure(&setting.run(&["serve"]), &["cannot listen on", &address]);
    let port = port.to_string();
    check_failure(&vybe(setting.folder.path(), &["dev", "--port", &port]), &["cannot listen on", &address]);
}

#[test]
fn a_store_that_is_not_there_is_named_without_its_password() {
    let mut setting = Setting::new();
    let sqlite = format!("sqlite:{}", setting.folder.path().join("vybe.db").display());
    // Nobody listens on a port that was just given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let lost = format!("postgres://vybe:CANARY@127.0.0.1:{port}/vybe");
    setting.config = setting.config.replace(&sqlite, &lost);
    for command in [&["serve"][..], &["migrate"]] {
        let output = setting.run(command);
        check_failure(&output, &["PostgreSQL at 127.0.0.1", "database.url"]);
        assert!(!String::from_utf8_lossy(&output.stderr).contains("CANARY"));
    }
    let doctor = setting.run(&["doctor"]);
    let said = String::from_utf8_lossy(&doctor.stdout);
    assert!(!doctor.status.success() && said.contains("fail  database: PostgreSQL at 127.0.0.1"), "{said}");
    assert!(!said.contains("CANARY"), "{said}");
    setting.config = setting.config.replace(&lost, "sqlite:/nowhere/vybe.db");
    check_failure(&setting.run(&["serve"]), &["/nowhere/vybe.db"]);
}

/// `vybe serve`, running.
pub struct Served {
    process: std::process::Child,
    log: std::sync::mpsc::Receiver<serde_json::Value>,
    seen: Vec<serde_json::Value>,
}

impl Served {
    pub fn start(setting: &Setting) -> Self {
        Self::start_with(setting, &[])
    }

    /// With environment variables.
    pub fn start_with(setting: &Setting, variables: &[(&str, &str)]) -> Self {
        use std::io::BufRead as _;
        let mut process = Command::new(env!("CARGO_BIN_EXE_vybe"))
            .args(["serve", "--config", setting.path().to_str().unwrap()])
            .envs(variables.iter().copied())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, log) = std::sync::mpsc::channel();
        let stderr = std::io::BufReader::new(process.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"));
                let _ = sender.send(line);
            }
        });
        let mut served = Self { process, log, seen: Vec::new() };
        served.wait_for("serving");
        served
    }

    /// The next line with this message.
    pub fn wait_for(&mut self, message: &str) -> serde_json::Value {
        loop {
            let line = self.log.recv_timeout(std::time::Duration::from_secs(20)).unwrap_or_else(|error| {
                panic!("no line says {message:?} ({error}): {:?}", self.seen);
            });
            self.seen.push(line.clone());
            if line["message"].as_str().is_some_and(|text| text.contains(message)) {
                return line;
            }
        }
    }

    /// Its number.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Where it listens for `https`, `admin` or `redirect`.
    pub fn address(&self, listener: &str) -> std::net::SocketAddr {
        let line = self.seen.iter().find(|line| line["message"] == "serving").unwrap();
        line[listener].as_str().unwrap().parse().unwrap()
    }

    pub fn stop(self) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.ended();
    }

    /// Waits for its end, which is a good one.
    pub fn ended(mut self) {
        let status = self.process.wait().unwrap();
        assert!(status.success(), "{status}");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // A test that failed leaves nothing running.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn no_core_dump_is_written_unless_the_configuration_says_so() {
    let core_dumps = |setting: &Setting| {
        let served = Served::start(setting);
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", served.process.id())).unwrap();
        let line = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
        line.split_whitespace().take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    let mut setting = Setting::new();
    assert_eq!(core_dumps(&setting), ["0", "0"]);
    setting.config = format!("{}[server]\ncore_dumps = true\n", setting.config);
    let own = std::fs::read_to_string("/proc/self/limits").unwrap();
    let own = own.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
    assert_eq!(core_dumps(&setting), own.split_whitespace().take(2).collect::<Vec<_>>());
}

#[test]
fn it_serves_logs_json_prints_a_set_up_code_once_needed_and_stops_when_told() {
    let setting = Setting::new();
    let served = Served::start(&setting);
    let code = served.seen.iter().find_map(|line| line["code"].as_str()).expect("a set-up code");
    assert_eq!(code.len(), 43);
    let address = served.seen.last().unwrap()["https"].as_str().unwrap().to_owned();
    let admin = served.seen.last().unwrap()["admin"].as_str().unwrap().to_owned();
    test_support::run(async {
        let get = |path: &str, host: &str| {
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
        };
        for (path, word) in [("/healthz", "live"), ("/readyz", "ready"), ("/metrics", "vybe_policy_version")]
        {
            let mut connection = RawConnection::plain(admin.parse().unwrap()).await.unwrap();
            let answer = connection.exchange(get(path, "admin")).await.unwrap();
            assert_eq!(answer.status, 200, "{path}");
            assert!(answer.text().contains(word), "{path}: {}", answer.text());
            if path == "/readyz" {
                let ok = serde_json::json!({ "status": "ok" });
                assert_eq!(
                    answer.json()["checks"],
                    serde_json::json!({ "store": ok, "schema": ok, "facts": ok })
                );
            }
        }
        // Plain HTTP on the TLS port is not answered with anything of the platform.
        let mut plain = RawConnection::plain(address.parse().unwrap()).await.unwrap();
        let refused = plain.exchange(get("/login", "vybe.test")).await;
        assert!(refused.is_err(), "{refused:?}");
        let trust = &setting.trust;
        let mut connection = RawConnection::open(address.parse().unwrap(), "vybe.test", trust).await.unwrap();
        assert_eq!(connection.exchange(get("/login", "vybe.test")).await.unwrap().status, 200);
        let mut connection = RawConnection::open(address.parse().unwrap(), "vybe.test", trust).await.unwrap();
        assert_eq!(connection.exchange(get("/metrics", "vybe.test")).await.unwrap().status, 404);
    });
    served.stop();
}

#[test]
fn what_is_no_export_is_called_so() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("letter"), "Dear auditor,\nhere is nothing.\n").unwrap();
    for (file, reason) in
        [("letter", "not an audit export: the first line is no header"), ("/dev/null", "the file is empty")]
    {
        let output =
            vybe(folder.path(), &["audit", "verify", "--export", file, "--public-key", &"ab".repeat(32)]);
        check_failure(&output, &[file, reason]);
        assert!(output.stdout.is_empty(), "{output:?}");
    }
}

#[test]
fn a_proof_that_cannot_begin_says_which_option_to_look_at() {
    let folder = tempfile::tempdir().unwrap();
    let url = ["prove", "matrix", "--url", "https://127.0.0.1:1"];
    check_failure(&vybe(folder.path(), &url), &["docs/access-matrix.md", "--matrix"]);
    std::fs::write(folder.path().join("matrix.md"), "").unwrap();
    let output = vybe(folder.path(), &[&url[..], &["--matrix", "matrix.md"]].concat());
    check_failure(&output, &["https://127.0.0.1:1", "check --url and --ca-file"]);
}

#[test]
fn every_flag_has_help() {
    let folder = tempfile::tempdir().unwrap();
    let commands = [
        "",
        "dev",
        "serve",
        "migrate",
        "backup",
        "restore",
        "state-hash",
        "config check",
        "config print",
        "config example",
        "doctor",
        "health",
        "audit verify",
        "audit public-key",
        "audit export",
        "explain",
        "policy export",
        "policy plan",
        "policy apply",
        "prove matrix",
        "prove identifiers",
    ];
    for command in commands {
        let arguments: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let help = vybe(folder.path(), &arguments);
        let text = String::from_utf8(help.stdout).unwrap();
        assert!(help.status.success(), "{command:?}");
        let lines: Vec<&str> = text.lines().collect();
        for pair in lines.windows(2).filter(|pair| pair[0].trim_start().starts_with("--")) {
            // On the same line, or on the next one.
            let words = pair[0].trim().split_once("  ").map_or(pair[1], |(_, words)| words).trim();
            assert!(!words.is_empty() && !words.starts_with('-'), "{command:?}: {} in {text}", pair[0]);
        }
    }
    // 2 is the answer of `vybe policy plan` that there are differences, and no mistake.
    for mistake in [&["policy", "plan"][..], &["prove", "matrix", "--urll"], &["nothing"]] {
        let output = vybe(folder.path(), mistake);
        assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(1), true), "{mistake:?}");
        assert!(!output.stderr.is_empty());
    }
}
