//! Decrypting SSH keys: up to a second of work each, which keeps neither other requests nor all processors.

use tokio::sync::Semaphore;
use tokio::task::{JoinError, spawn_blocking};

/// How many are decrypted at the same time; the others wait.
const AT_ONCE: usize = 2;

static FREE: Semaphore = Semaphore::const_new(AT_ONCE);

/// Does the work on a thread of its own when it is its turn.
pub async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, JoinError> {
    // Nobody closes it.
    let turn = FREE.acquire().await.ok();
    spawn_blocking(move || {
        // Until the work ends, even if whoever asked for it has left.
        let _turn = turn;
        work()
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread::sleep;
    use std::time::Duration;

    use super::*;

    static RUNNING: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    static DONE: AtomicUsize = AtomicUsize::new(0);

    fn derive() {
        MOST.fetch_max(RUNNING.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        sleep(Duration::from_millis(20));
        RUNNING.fetch_sub(1, Ordering::SeqCst);
        DONE.fetch_add(1, Ordering::SeqCst);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn k26_a_flood_of_keys_takes_two_threads() {
        let waiting: Vec<_> = (0..20).map(|_| tokio::spawn(run(derive))).collect();
        // Some leave while theirs is being decrypted: that goes on, and keeps its turn.
        while RUNNING.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        waiting.iter().take(10).for_each(tokio::task::JoinHandle::abort);
        for one in waiting.into_iter().skip(10) {
            one.await.unwrap().unwrap();
        }
        while RUNNING.load(Ordering::SeqCst) > 0 {
            tokio::task::yield_now().await;
        }
        assert!(DONE.load(Ordering::SeqCst) >= 10);
        assert_eq!(MOST.load(Ordering::SeqCst), AT_ONCE);
    }
}
