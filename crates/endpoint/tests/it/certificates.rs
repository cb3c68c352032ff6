//! Certificates from files: clear errors, and replaced while the server runs.

use std::time::Duration;

use endpoint::Certificates;
use test_support::{Authority, RawConnection};

use crate::fixture::Running;

#[test]
fn what_is_wrong_with_the_files_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let (chain, key) = (folder.path().join("chain.pem"), folder.path().join("key.pem"));
    let authority = Authority::new();
    let (one, other) = (authority.certificate_for(&["vybe.test"]), authority.certificate_for(&["vybe.test"]));
    let load = || Certificates::from_files(&chain, &key).unwrap_err().to_string();
    assert!(load().starts_with(&format!("cannot read {}", chain.display())), "{}", load());
    std::fs::write(&chain, "nothing").unwrap();
    std::fs::write(&key, "nothing").unwrap();
    assert!(load().contains("chain.pem holds no PEM certificate"), "{}", load());
    std::fs::write(&chain, &one.certificate).unwrap();
    assert!(load().contains("key.pem holds no PEM private key"), "{}", load());
    std::fs::write(&key, &other.key).unwrap();
    assert!(load().contains("cannot be used together"), "{}", load());
    std::fs::write(&key, &one.key).unwrap();
    assert!(Certificates::from_files(&chain, &key).is_ok());
}

#[tokio::test]
async fn new_files_are_used_and_bad_ones_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let (chain, key) = (folder.path().join("chain.pem"), folder.path().join("key.pem"));
    let (old, new) = (Authority::new(), Authority::new());
    let write = |authority: &Authority| {
        let certificate = authority.certificate_for(&["vybe.test", "*.vybe.test"]);
        std::fs::write(&chain, certificate.certificate).unwrap();
        std::fs::write(&key, certificate.key).unwrap();
    };
    write(&old);
    let certificates = Certificates::from_files(&chain, &key).unwrap();
    let server = Running::serving(certificates, old.trust(), |_| {}).await;
    let accepted_by = async |authority: &Authority| {
        RawConnection::open(server.address, "vybe.test", &authority.trust()).await.is_ok()
    };
    assert!(accepted_by(&old).await);
    std::fs::write(&key, "half a file").unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(accepted_by(&old).await, "a bad file changes nothing");
    write(&new);
    for _ in 0..50 {
        if accepted_by(&new).await {
            assert!(!accepted_by(&old).await);
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("the new certificate was not picked up");
}
