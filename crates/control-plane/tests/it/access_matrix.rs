//! Every endpoint as every kind of caller, on a running platform, compared with what its declaration
//! promises: what `vybe prove matrix` asks, with a witness who reads the database besides. `cargo xtask
//! check-access` runs this and shows the closing lines.

mod public_list;
mod store_witness;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use endpoint::Surface;
use proof::{Declared, Matrix, Target};
use serde_json::Value;
use test_support::TestDatabase;

use crate::platform::Platform;
pub use store_witness::StoreWitness;

/// Set by `cargo xtask check-access --write`.
const WRITE: &str = "VYBE_WRITE_ACCESS_MATRIX";
/// Set by `cargo xtask soak mutations`: an endpoint without its access decision has to be noticed, once.
const MUTATION: &str = "VYBE_MUTATION";
const MATRIX: &str = "docs/access-matrix.md";

#[test]
#[ignore = "a step of its own in the suite: cargo xtask check-access"]
fn every_endpoint_as_every_caller_on_sqlite() {
    test_support::run(async { every_endpoint_as_every_caller(TestDatabase::sqlite().await).await });
}

#[test]
#[ignore = "a step of its own in the suite: cargo xtask check-access"]
fn every_endpoint_as_every_caller_on_postgres() {
    test_support::run(async { every_endpoint_as_every_caller(TestDatabase::postgres().await).await });
}

async fn every_endpoint_as_every_caller(database: TestDatabase) {
    let platform = Platform::start(&database).await;
    let written = if std::env::var_os(WRITE).is_some() {
        std::fs::write(file(MATRIX), proof::render_document(&declared(&platform).await.endpoints)).unwrap();
        None
    } else {
        Some(std::fs::read_to_string(file(MATRIX)).unwrap_or_default())
    };
    let witness = StoreWitness::of(&database);
    let report = Matrix::run(&target(&platform), written.as_deref(), Some(&witness)).await.unwrap();
    println!("{report}");
    assert!(report.is_clean(), "{} differences on {:?}", report.differences.len(), database.backend());
}

/// The running router's own list is the declared one, and so is what `/openapi.json` says to strangers.
#[test]
fn every_mounted_route_is_declared() {
    test_support::run(async {
        let platform = Platform::start(&TestDatabase::sqlite().await).await;
        let running = &platform.demo.running;
        let described = declared(&platform).await;
        for surface in Surface::ALL {
            let with_head = |method: &str, path: &str| {
                // Whoever answers GET answers HEAD, with the same access.
                let head = (method == "GET").then_some("HEAD");
                let methods = [Some(method), head].into_iter().flatten();
                methods.map(|method| (method.to_owned(), path.to_owned())).collect::<Vec<_>>()
            };
            let mounted: BTreeSet<(String, String)> =
                endpoint::mounted_routes(&running.gate, &running.endpoints, surface)
                    .await
                    .unwrap()
                    .into_iter()
                    .map(|route| (route.method, route.path))
                    .collect();
            let declared: BTreeSet<_> = running
                .endpoints
                .iter()
                .filter(|endpoint| endpoint.surface() == surface)
                .flat_map(|endpoint| with_head(endpoint.method().as_str(), endpoint.path()))
                .collect();
            assert_eq!(declared, mounted, "{surface:?}");
            let told: BTreeSet<_> = described
                .endpoints
                .iter()
                .filter(|endpoint| format!("{:?}", endpoint.surface) == format!("{surface:?}"))
                .flat_map(|endpoint| with_head(&endpoint.method, &endpoint.path))
                .collect();
            assert_eq!(told, mounted, "{surface:?}");
        }
    });
}

#[test]
fn what_is_public_is_listed_by_hand() {
    test_support::run(async {
        let platform = Platform::start(&TestDatabase::sqlite().await).await;
        let differences = public_list::compare(&declared(&platform).await.endpoints);
        assert!(differences.is_empty(), "{}", differences.join("\n"));
    });
}

/// How a stranger reaches this platform.
pub fn target(platform: &Platform) -> Target {
    let described = |name: &str| platform.demo.description[name].as_str().unwrap().to_owned();
    Target {
        platform: described("platform"),
        authority: Some(std::fs::read_to_string(described("authority")).unwrap()),
        admin: Some(described("admin")),
        callers: None,
        until_first: std::env::var_os(MUTATION).is_some_and(|endpoint| endpoint != "none"),
    }
}

async fn declared(platform: &Platform) -> Declared {
    let response = platform.browser().open(&platform.url("/openapi.json")).await;
    let description: Value = response.json();
    Declared::read(description).unwrap()
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}
