//! `vybe health`: whether the server beside it is ready, as an exit code.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::config::ConfigError;
use crate::config_path::ConfigPath;
use crate::output::print;
use crate::{StartError, trust};

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

pub(crate) async fn run(arguments: &HealthArguments) -> Result<(), StartError> {
    let listen = arguments.config.load()?.listen;
    let admin =
        listen.admin.ok_or_else(|| ConfigError::key("listen.admin", "is where health is asked for"))?;
    let path = if arguments.live { "healthz" } else { "readyz" };
    let url = format!("http://{}/{path}", reachable(admin));
    let unwell = |reason: String| StartError::Unwell(format!("{url}: {reason}"));
    trust::install_cryptography();
    let asking = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build();
    let asking = asking.map_err(|error| unwell(error.to_string()))?.get(&url).send();
    let answer = asking.await.map_err(|error| unwell(format!("no answer: {error}")))?;
    let status = answer.status();
    let said = answer.text().await.map_err(|error| unwell(format!("no answer: {error}")))?;
    if status.is_success() { print(said.trim_end()) } else { Err(unwell(format!("{status} {said}"))) }
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
