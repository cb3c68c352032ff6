//! `vybe health`: whether the server beside it is ready, as an exit code.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::StartError;
use crate::config::ConfigError;
use crate::config_path::ConfigPath;
use crate::output::print;

/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Which server, and what it is asked.
#[derive(clap::Args)]
#[command(after_help = "Ends with 0 if it is, with 1 if it is not or does not answer. Needs `listen.admin`.")]
pub(crate) struct HealthArguments {
    #[command(flatten)]
    config: ConfigPath,
    /// Asks whether it lives (/healthz), whatever it depends on, instead of whether it is ready (/readyz).
    #[arg(long)]
    live: bool,
}

pub(crate) fn run(arguments: &HealthArguments) -> Result<(), StartError> {
    let listen = arguments.config.load()?.listen;
    let admin =
        listen.admin.ok_or_else(|| ConfigError::key("listen.admin", "is where health is asked for"))?;
    let address = reachable(admin);
    let path = if arguments.live { "/healthz" } else { "/readyz" };
    let unwell = |reason: String| StartError::Unwell(format!("http://{address}{path}: {reason}"));
    let answer = ask(address, path).map_err(|error| unwell(format!("no answer: {error}")))?;
    let (head, said) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    if head.starts_with("HTTP/1.1 200 ") {
        return print(said.trim_end());
    }
    Err(unwell(format!("{} {}", head.lines().next().unwrap_or_default(), said.trim_end())))
}

/// The whole answer of our own admin listener, which closes the connection after it.
fn ask(address: SocketAddr, path: &str) -> io::Result<String> {
    let mut connection = TcpStream::connect_timeout(&address, PATIENCE)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    write!(connection, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Where a listener on all addresses is reached from this machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
