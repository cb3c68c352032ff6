//! `vybe dev` from a release build, with somebody signed in and the bench's upstream behind its first app.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::Cores;
use super::nginx::Certificate;
use crate::programs;

/// Who is signed in: a member, whose requests are decided and forwarded.
const USER: &str = "owner";

/// The running platform; stopped when dropped.
pub struct Platform {
    /// The app's host.
    pub host: String,
    pub port: u16,
    pub certificate: Certificate,
    /// The `Cookie` header of the person signed in at the app's host.
    pub cookie: String,
    child: Child,
}

impl Platform {
    pub fn process(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What is started.
pub struct Build {
    pub program: PathBuf,
    /// Options of `vybe dev`.
    pub options: Vec<&'static str>,
}

impl Build {
    /// A release build of what is here.
    pub fn ours(options: &[&'static str]) -> Result<Self> {
        programs::succeed(programs::cargo().args(["build", "--release", "--package", "control-plane"]))?;
        Ok(Self { program: program()?, options: options.to_vec() })
    }
}

/// What `vybe dev` says of itself.
pub struct Description {
    json: Value,
    data: PathBuf,
}

impl Description {
    /// A text in `dev.json`, by its pointer (RFC 6901).
    pub fn text(&self, pointer: &str) -> Result<String> {
        let value = self.json.pointer(pointer).and_then(Value::as_str);
        value.map(str::to_owned).with_context(|| format!("dev.json has no {pointer}"))
    }

    /// A call of the management API with the Owner's token. Answers its body.
    pub fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let base = self.text("/platform")?;
        let (_, port) = authority(&base)?;
        let curl = Curl { folder: &self.data, port, authority: self.data.join("authority.pem") };
        let answer = curl.run(&[
            "-X",
            method,
            "-H",
            &format!("Authorization: Bearer {}", self.text("/apiToken")?),
            "-H",
            "Content-Type: application/json",
            "-d",
            &body.to_string(),
            &format!("{}{path}", base.trim_end_matches('/')),
        ])?;
        serde_json::from_str(&answer).with_context(|| format!("{method} {path}: {answer}"))
    }

    /// The user token that the first app gets with a request of somebody signed in.
    pub fn user_token(&self) -> Result<String> {
        let (_, port) = authority(&self.text("/platform")?)?;
        let curl = Curl { folder: &self.data, port, authority: self.data.join("authority.pem") };
        curl.sign_in(&self.text("/platform")?)?;
        let url = self.text("/apps/hello/url")?;
        let echo =
            curl.run(&["-L", "-H", "Accept: text/html", &format!("{}/echo", url.trim_end_matches('/'))])?;
        let start = echo.find("eyJ").context("no user token in the app's echo")?;
        let end = echo[start..].find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '_' | '-'));
        Ok(echo[start..].chars().take(end.unwrap_or(echo.len() - start)).collect())
    }
}

/// Starts a platform and waits until it answers. Everything is kept in `data`.
pub fn start_alone(data: &Path, cores: &Cores, build: &Build) -> Result<(Platform, Description)> {
    let mut command = Command::new("taskset");
    let child = command
        .args(["--cpu-list", &cores.server])
        .arg(&build.program)
        .args(["dev", "--port", "0", "--log", "error"])
        .args(&build.options)
        .arg("--data")
        .arg(data)
        .stdout(Stdio::null())
        .spawn()
        .context("cannot start vybe")?;
    let platform = Platform {
        host: String::new(),
        port: 0,
        certificate: Certificate { chain: data.join("server.pem"), key: data.join("server.key") },
        cookie: String::new(),
        child,
    };
    let json = wait_for_description(&data.join("dev.json"))?;
    Ok((platform, Description { json, data: data.to_path_buf() }))
}

/// Starts and signs in, with the bench's upstream behind the first app.
pub fn start(data: &Path, cores: &Cores, upstream: u16, build: &Build) -> Result<Platform> {
    let (mut platform, Description { json: description, .. }) = start_alone(data, cores, build)?;
    let text = |value: &Value| value.as_str().map(str::to_owned).context("dev.json has another shape");
    let base = text(&description["platform"])?;
    let app = &description["apps"]["hello"];
    let app_url = text(&app["url"])?;
    let (host, port) = authority(&app_url)?;
    let browser = Curl { folder: data, port, authority: data.join("authority.pem") };
    browser.sign_in(&base)?;
    let answer = browser.run(&[
        "-X",
        "PATCH",
        "-H",
        &format!("Origin: {}", base.trim_end_matches('/')),
        "-H",
        "Content-Type: application/json",
        "-d",
        &json!({ "upstream": format!("http://127.0.0.1:{upstream}") }).to_string(),
        &format!("{}/api/v1/apps/{}", base.trim_end_matches('/'), text(&app["id"])?),
    ])?;
    let small = browser.run(&[
        "-L",
        "-H",
        "Accept: text/html",
        &format!("{}/small", app_url.trim_end_matches('/')),
    ])?;
    if small.len() != 1024 {
        bail!("the app does not answer as expected; setting its upstream: {answer}; asking it: {small}");
    }
    platform.cookie = browser.cookie(&host)?;
    platform.host = host;
    platform.port = port;
    Ok(platform)
}

fn program() -> Result<PathBuf> {
    let metadata = programs::output(programs::cargo().args([
        "metadata",
        "--no-deps",
        "--offline",
        "--format-version",
        "1",
    ]))?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let target = metadata["target_directory"].as_str().context("target_directory")?;
    Ok(Path::new(target).join("release/vybe"))
}

fn wait_for_description(path: &Path) -> Result<Value> {
    let started = Instant::now();
    loop {
        if let Ok(text) = fs::read_to_string(path)
            && let Ok(value) = serde_json::from_str(&text)
        {
            return Ok(value);
        }
        if started.elapsed() > Duration::from_secs(60) {
            bail!("vybe dev does not start");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn authority(url: &str) -> Result<(String, u16)> {
    let rest = url.strip_prefix("https://").context("an https URL")?;
    let (host, port) = rest.split(['/', '?']).next().unwrap_or(rest).split_once(':').unwrap_or((rest, "443"));
    Ok((host.to_owned(), port.parse().context("a port")?))
}

/// A browser with a cookie jar.
struct Curl<'a> {
    folder: &'a Path,
    port: u16,
    authority: PathBuf,
}

impl Curl<'_> {
    fn run(&self, arguments: &[&str]) -> Result<String> {
        let jar = self.folder.join("cookies");
        let mut command = Command::new("curl");
        command
            .args(["--silent", "--show-error", "--connect-to"])
            .arg(format!("::127.0.0.1:{}", self.port))
            .arg("--cacert")
            .arg(&self.authority)
            .arg("--cookie")
            .arg(&jar)
            .arg("--cookie-jar")
            .arg(&jar);
        programs::output(command.args(arguments))
    }

    /// As a person does: to the sign-in page, on to the provider, one button, back.
    fn sign_in(&self, base: &str) -> Result<()> {
        let login = format!("{}/login?return_to=%2F", base.trim_end_matches('/'));
        let page = self.run(&["-L", "-o", "/dev/null", "-w", "%{url_effective}", &login])?;
        let (address, query) = page.split_once('?').context("the provider's page")?;
        self.run(&["-L", "-o", "/dev/null", "-d", &format!("{query}&user={USER}"), address])?;
        Ok(())
    }

    /// The session cookie that a host has set, from curl's jar (Netscape's format).
    fn cookie(&self, host: &str) -> Result<String> {
        let jar = fs::read_to_string(self.folder.join("cookies"))?;
        let lines = jar.lines().map(|line| line.trim_start_matches("#HttpOnly_"));
        let pairs: Vec<String> = lines
            .filter_map(|line| {
                let fields: Vec<&str> = line.split('\t').collect();
                (fields.len() == 7 && fields[0] == host).then(|| format!("{}={}", fields[5], fields[6]))
            })
            .collect();
        if pairs.is_empty() {
            bail!("nobody is signed in at {host}");
        }
        Ok(pairs.join("; "))
    }
}
