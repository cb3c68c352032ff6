//! What is being served right now, and when it is too much.
//!
//! A worker counts its own in a place that no other writes to: a request locks nothing and contends with nobody.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::rate_limits::ClientNetwork;

/// What all workers of a server are doing.
#[derive(Debug, Default)]
pub struct Load {
    workers: Mutex<Vec<Arc<WorkerLoad>>>,
    clients: Mutex<HashMap<ClientNetwork, usize>>,
    shed: Shed,
}

#[derive(Debug, Default)]
struct Shed {
    connections: AtomicU64,
    connections_of_one_client: AtomicU64,
    requests: AtomicU64,
}

/// What one worker is doing.
#[derive(Debug, Default)]
pub(crate) struct WorkerLoad {
    connections: AtomicUsize,
    requests: AtomicUsize,
    // Neighbours in memory belong to another worker.
    _apart: [u64; 16],
}

/// One more of something, until it is dropped.
pub(crate) struct Counted(Arc<WorkerLoad>, fn(&WorkerLoad) -> &AtomicUsize);

impl Drop for Counted {
    fn drop(&mut self) {
        (self.1)(&self.0).fetch_sub(1, Ordering::Relaxed);
    }
}

impl WorkerLoad {
    /// Counts a connection, and says how many there are with it.
    pub(crate) fn connection(self: &Arc<Self>) -> (Counted, usize) {
        Self::count(self, |load| &load.connections)
    }

    /// Counts a request, until the head of its answer is there, and says how many there are with it.
    pub(crate) fn request(self: &Arc<Self>) -> (Counted, usize) {
        Self::count(self, |load| &load.requests)
    }

    fn count(this: &Arc<Self>, counter: fn(&Self) -> &AtomicUsize) -> (Counted, usize) {
        let before = counter(this).fetch_add(1, Ordering::Relaxed);
        (Counted(Arc::clone(this), counter), before + 1)
    }
}

/// A connection of one client, until it is dropped.
pub(crate) struct ClientConnection(Option<(Arc<Load>, ClientNetwork)>);

impl Drop for ClientConnection {
    fn drop(&mut self) {
        let Some((load, client)) = self.0.take() else { return };
        let mut clients = load.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = clients.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                clients.remove(&client);
            }
        }
    }
}

impl Load {
    /// The place of a worker.
    pub(crate) fn worker(&self) -> Arc<WorkerLoad> {
        let worker = Arc::<WorkerLoad>::default();
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&worker));
        worker
    }

    /// Counts a connection of a client, unless it has as many as it may. One that is a proxy has any number.
    pub(crate) fn connection_of(
        self: &Arc<Self>,
        client: Option<ClientNetwork>,
        most: usize,
    ) -> Option<ClientConnection> {
        let Some(client) = client else { return Some(ClientConnection(None)) };
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let count = clients.entry(client).or_default();
        if *count >= most {
            if *count == 0 {
                clients.remove(&client);
            }
            drop(clients);
            self.shed.connections_of_one_client.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        *count += 1;
        Some(ClientConnection(Some((Arc::clone(self), client))))
    }

    pub(crate) fn shed_a_connection(&self) {
        self.shed.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn shed_a_request(&self) {
        self.shed.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// How many connections are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.sum(|worker| &worker.connections)
    }

    /// How many requests have no answer yet.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.sum(|worker| &worker.requests)
    }

    /// What was turned away, by why.
    #[must_use]
    pub fn shed(&self) -> [(&'static str, u64); 3] {
        let Shed { connections, connections_of_one_client, requests } = &self.shed;
        [
            ("connections", connections.load(Ordering::Relaxed)),
            ("connections_of_one_client", connections_of_one_client.load(Ordering::Relaxed)),
            ("requests", requests.load(Ordering::Relaxed)),
        ]
    }

    fn sum(&self, counter: impl Fn(&WorkerLoad) -> &AtomicUsize) -> usize {
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.iter().map(|worker| counter(worker).load(Ordering::Relaxed)).sum()
    }
}
