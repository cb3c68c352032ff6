//! Every endpoint as every kind of caller, on a running platform, compared with what its declaration
//! promises. `cargo xtask check-access` runs this and shows the closing line.

mod callers;
mod document;
mod expectation;
mod requests;
mod world;

use std::collections::BTreeSet;

use endpoint::{Endpoint, Surface};
use test_support::Response;

use callers::Caller;
use expectation::Expected;
use world::World;

/// What a JSON reader cannot make sense of: access has to be decided before anybody tries.
const GARBAGE: &str = "{\"garbage\": [1,";

#[test]
fn every_endpoint_as_every_caller() {
    test_support::run(async {
        let mut world = World::start().await;
        let endpoints = world.demo.running.endpoints.clone();
        let mut differences = routes(&world).await;
        // Refused calls first, while everybody is who the demo says.
        for caller in Caller::ALL {
            world.prepare(caller).await;
            differences.extend(refused(&world, &endpoints, caller).await);
        }
        for caller in Caller::ALL {
            // Somebody before may have ended all sessions of this person.
            world.prepare(caller).await;
            for endpoint in &endpoints {
                if expectation::of(endpoint, caller) == Expected::Allowed {
                    differences.extend(allowed(&mut world, endpoint, caller).await);
                }
            }
        }
        differences.extend(document::compare(&endpoints));
        differences.extend(document::compare_public(&endpoints));
        for difference in &differences {
            println!("{difference}");
        }
        println!(
            "access: {} endpoints x {} callers = {} cells, {} differences",
            endpoints.len(),
            Caller::ALL.len(),
            endpoints.len() * Caller::ALL.len(),
            differences.len()
        );
        assert!(differences.is_empty());
    });
}

/// The running router's own list is the declared one, and what is not declared is not answered.
async fn routes(world: &World) -> Vec<String> {
    let running = &world.demo.running;
    let mut differences = Vec::new();
    for surface in Surface::ALL {
        let declared: BTreeSet<(String, String)> = running
            .endpoints
            .iter()
            .filter(|endpoint| endpoint.surface() == surface)
            .flat_map(|endpoint| {
                // Whoever answers GET answers HEAD, with the same access.
                let head = (endpoint.method() == "GET").then_some("HEAD");
                let methods = [Some(endpoint.method().as_str()), head];
                methods.into_iter().flatten().map(|method| (method.to_owned(), endpoint.path().to_owned()))
            })
            .collect();
        let mounted: BTreeSet<(String, String)> =
            endpoint::mounted_routes(&running.gate, &running.endpoints, surface)
                .await
                .unwrap()
                .into_iter()
                .map(|route| (route.method, route.path))
                .collect();
        for (method, path) in declared.symmetric_difference(&mounted) {
            differences.push(format!("{method} {path} on {surface:?} is not both declared and mounted"));
        }
    }
    for path in ["/no-such-page", "/api/v1/no-such-thing", "/api/v1/organizations/", "/.well-known/x"] {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            let response = world.stranger.request(method, &format!("{}{path}", world.platform)).send().await;
            if !matches!(response.status, 404 | 405) {
                differences
                    .push(format!("{method} {path} is declared nowhere and answers {}", response.status));
            }
        }
    }
    differences
}

/// Asks what a caller may not: each gets its status, and nothing changes.
async fn refused(world: &World, endpoints: &[Endpoint], caller: Caller) -> Vec<String> {
    let mut differences = Vec::new();
    let before = world.contents().await;
    for endpoint in endpoints {
        let Expected::Status(expected) = expectation::of(endpoint, caller) else { continue };
        let path = requests::path(endpoint, &world.standing);
        let got = ask(world, endpoint, caller, &path, Some(GARBAGE)).await.status;
        if got != expected {
            differences.push(difference(endpoint, caller, &format!("{expected}"), got));
        }
        // A body that would do something if anybody read it.
        if let Some(body) = requests::body(endpoint, world) {
            let got = ask(world, endpoint, caller, &path, Some(&body)).await.status;
            if got != expected {
                differences.push(difference(endpoint, caller, &format!("{expected} with a good body"), got));
            }
        }
    }
    if world.contents().await != before {
        differences.push(format!("something changed although everything was refused ({})", caller.name()));
    }
    differences
}

/// Asks what a caller may: access is not what is wrong, and whatever was done is in the audit trail.
async fn allowed(world: &mut World, endpoint: &Endpoint, caller: Caller) -> Vec<String> {
    let mut differences = Vec::new();
    let changes = !endpoint.method().is_safe();
    let objects = if changes { world.fresh(endpoint, caller).await } else { world.standing.clone() };
    let path = requests::path(endpoint, &objects);
    let public = expectation::is_public(endpoint);
    if changes {
        let before = world.contents().await;
        let events = world.events(endpoint.action()).await;
        let body = requests::body(endpoint, world);
        if body.is_some() {
            let response = ask(world, endpoint, caller, &path, Some(GARBAGE)).await;
            if !public && !matches!(response.status, 400 | 415 | 422) {
                differences.push(difference(
                    endpoint,
                    caller,
                    "400, 415 or 422 for garbage",
                    response.status,
                ));
            }
            if !public && world.contents().await != before {
                differences.push(difference(endpoint, caller, "no change by garbage", response.status));
            }
        }
        let response = ask(world, endpoint, caller, &path, body.as_deref()).await;
        differences.extend(permitted(endpoint, caller, &response));
        if body.is_some() && !(200..300).contains(&response.status) {
            differences.push(format!(
                "{} as {}: {}",
                difference(endpoint, caller, "success", response.status),
                caller.name(),
                response.text()
            ));
        }
        let done = (200..400).contains(&response.status) && !public;
        if done && world.events(endpoint.action()).await <= events {
            differences.push(difference(endpoint, caller, "an audit event", response.status));
        }
        world.restore(endpoint, caller).await;
    } else {
        let response = ask(world, endpoint, caller, &path, None).await;
        differences.extend(permitted(endpoint, caller, &response));
        if !public && response.status >= 400 {
            differences.push(difference(endpoint, caller, "success", response.status));
        }
    }
    differences
}

fn permitted(endpoint: &Endpoint, caller: Caller, response: &Response) -> Option<String> {
    let refused = matches!(response.status, 401 | 403 | 404) || response.status >= 500;
    refused.then(|| difference(endpoint, caller, "no refusal", response.status))
}

async fn ask(world: &World, endpoint: &Endpoint, caller: Caller, path: &str, body: Option<&str>) -> Response {
    let url = format!("{}{path}", world.origin(endpoint.surface()));
    let mut request = world.stranger.request(endpoint.method().as_str(), &url);
    for (name, value) in world.headers(caller, endpoint) {
        request = request.header(&name, &value);
    }
    if let Some(body) = body.filter(|_| !endpoint.method().is_safe()) {
        request = request.body("application/json", body);
    }
    request.send().await
}

fn difference(endpoint: &Endpoint, caller: Caller, expected: &str, got: u16) -> String {
    format!("{} {} as {}: expected {expected}, got {got}", endpoint.method(), endpoint.path(), caller.name())
}
