//! From a name to its addresses, by the system's resolver.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::OutboundError;
use crate::hung_names::HungNames;
use crate::places::Places;

/// How long a name waits for its turn.
const WAITING: Duration = Duration::from_secs(2);
/// How long the system may take then.
const RESOLVING: Duration = Duration::from_secs(5);

/// This process has one resolver, and one set of threads.
static RESOLVER: LazyLock<Arc<Resolver>> = LazyLock::new(|| Arc::new(Resolver::new(RESOLVING)));

/// The addresses of a name at this port.
pub(crate) async fn look_up(name: &str, port: u16) -> Result<Vec<SocketAddr>, OutboundError> {
    RESOLVER.look_up(name, move |name| Ok((name, port).to_socket_addrs()?.collect())).await
}

struct Resolver {
    places: Arc<Places>,
    hung: HungNames,
    within: Duration,
}

impl Resolver {
    fn new(within: Duration) -> Self {
        Self { places: Arc::default(), hung: HungNames::default(), within }
    }

    /// What the system says, each address once.
    async fn look_up(
        self: &Arc<Self>,
        name: &str,
        system: impl FnOnce(&str) -> io::Result<Vec<SocketAddr>> + Send + 'static,
    ) -> Result<Vec<SocketAddr>, OutboundError> {
        if self.hung.has(name, Instant::now()) {
            return Err(OutboundError::Name);
        }
        let place = timeout(WAITING, self.places.take(name))
            .await
            .ok()
            .and_then(Result::ok)
            .ok_or(OutboundError::Name)?;
        // Whoever had the place before may have asked for the same name.
        if self.hung.has(name, Instant::now()) {
            return Err(OutboundError::Name);
        }
        let (resolver, asked) = (Arc::clone(self), name.to_owned());
        let answer = spawn_blocking(move || {
            let began = Instant::now();
            let answer = system(&asked);
            // Also when nobody waits for it any more.
            if began.elapsed() >= resolver.within {
                resolver.hung.remember(&asked, Instant::now());
            }
            // Held until the resolver came back.
            drop(place);
            answer
        });
        let Ok(answer) = timeout(self.within, answer).await else {
            self.hung.remember(name, Instant::now());
            return Err(OutboundError::Name);
        };
        let mut addresses = Vec::new();
        for address in answer.ok().and_then(Result::ok).ok_or(OutboundError::Name)? {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn address() -> SocketAddr {
        "192.0.2.1:443".parse().unwrap()
    }

    #[tokio::test]
    async fn a_name_that_hung_is_not_asked_for_again_and_holds_its_place() {
        let resolver = Arc::new(Resolver::new(Duration::from_millis(20)));
        let mut hanging = Vec::new();
        for number in 0..8 {
            let (come_back, waits) = mpsc::channel::<()>();
            let hangs = move |_: &str| {
                let _ = waits.recv();
                Ok(vec![address()])
            };
            let name = format!("n{number}.example.com");
            assert_eq!(resolver.look_up(&name, hangs).await, Err(OutboundError::Name));
            hanging.push(come_back);
            let asked_again = |_: &str| panic!("asked again");
            assert_eq!(resolver.look_up(&name, asked_again).await, Err(OutboundError::Name));
        }
        let mut waiting = resolver.places.take("other.example.com");
        assert!(waiting.try_recv().is_err(), "the domain has all the places that it may have");
        drop(hanging);
        // The threads come back, and with them the places.
        let place = timeout(Duration::from_secs(60), waiting).await;
        assert!(place.is_ok_and(|place| place.is_ok()));
    }

    #[tokio::test]
    async fn every_address_comes_once_and_an_error_is_no_hanging() {
        let resolver = Arc::new(Resolver::new(Duration::from_secs(60)));
        let failed = resolver.look_up("example.com", |_| Err(io::ErrorKind::NotFound.into())).await;
        assert_eq!(failed, Err(OutboundError::Name));
        let found = resolver.look_up("example.com", |_| Ok(vec![address(), address()])).await;
        assert_eq!(found, Ok(vec![address()]));
    }
}
