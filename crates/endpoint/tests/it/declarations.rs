//! Declared, mounted and described: three lists that are one.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use access_control::{ReadHealth, ReadStyle};
use endpoint::{Answer, Call, Endpoint, Gateway, GatewayFactory, Problem, Server, ServerError, Surface};

use crate::fixture::{Running, Seen, endpoints, gate};

fn no_gateway() -> GatewayFactory {
    struct Nobody;
    impl Gateway for Nobody {
        fn forward(
            self: Rc<Self>,
            _: endpoint::http::Request,
            _: endpoint::Arrival,
        ) -> futures_util::future::LocalBoxFuture<'static, endpoint::http::Response<endpoint::http::BoxBody>>
        {
            Box::pin(std::future::pending())
        }
    }
    Arc::new(|| Rc::new(Nobody))
}

async fn nothing((): (), _: impl Sized, _: Call) -> Result<Answer, Problem> {
    Ok(Answer::no_content())
}

#[test]
fn two_endpoints_for_one_request_are_refused() {
    let endpoint = |path, name, surface| {
        Endpoint::get(path, name).on(surface).requires::<ReadHealth>().gives_nothing().answers((), nothing)
    };
    let server = |endpoints| Server::new(endpoints, gate(), no_gateway()).map(drop);
    let twins = vec![endpoint("/a/{x}", "one", Surface::Admin), endpoint("/a/{y}", "two", Surface::Admin)];
    assert!(matches!(server(twins), Err(ServerError::Duplicate { first: "one", second: "two", .. })));
    let apart = vec![endpoint("/a/{x}", "one", Surface::Admin), endpoint("/a/{x}", "two", Surface::Platform)];
    assert!(server(apart).is_ok());
    let outside = vec![endpoint("/a", "one", Surface::AppHosts)];
    assert!(matches!(server(outside), Err(ServerError::OutsidePrefix { name: "one", .. })));
}

#[tokio::test]
async fn the_router_answers_what_is_declared_and_nothing_else() {
    let declared = endpoints(&Seen::default());
    for surface in Surface::ALL {
        let mounted: BTreeSet<(String, String)> = endpoint::mounted_routes(&gate(), &declared, surface)
            .await
            .unwrap()
            .into_iter()
            .map(|route| (route.method, route.path))
            .collect();
        let mut expected = BTreeSet::new();
        for endpoint in declared.iter().filter(|endpoint| endpoint.surface() == surface) {
            expected.insert((endpoint.method().to_string(), endpoint.path().to_owned()));
            if endpoint.method() == endpoint::http::Method::GET {
                expected.insert(("HEAD".to_owned(), endpoint.path().to_owned()));
            }
        }
        assert!(!expected.is_empty());
        assert_eq!(mounted, expected, "{surface:?}");
    }
}

#[tokio::test]
async fn the_running_server_answers_405_and_404_to_everything_undeclared() {
    let server = Running::start().await;
    let declared = endpoints(&server.seen);
    let mut probed = 0;
    for (surface, host) in [
        (Surface::Platform, "vybe.test"),
        (Surface::AppHosts, "hello-acme.vybe.test"),
        (Surface::DevelopmentIssuer, "issuer.vybe.test"),
    ] {
        let mut connection = server.open().await;
        let paths: BTreeSet<&str> = declared.iter().map(Endpoint::path).collect();
        for path in paths {
            let target = path.replace("{word}", "x");
            if surface == Surface::AppHosts && !target.starts_with("/.vybe/") {
                continue;
            }
            let here: Vec<_> = declared
                .iter()
                .filter(|endpoint| endpoint.surface() == surface && endpoint.path() == path)
                .map(|endpoint| endpoint.method().as_str())
                .collect();
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"] {
                let request =
                    format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 0\r\n\r\n");
                let status = connection.exchange(request).await.unwrap().status;
                let expected = |status: u16| match (here.is_empty(), here.contains(&method)) {
                    (true, _) => status == 404,
                    (false, false) => status == 405,
                    (false, true) => status != 404 && status != 405,
                };
                assert!(expected(status), "{method} {host}{target}: {status}");
                probed += 1;
            }
        }
    }
    assert!(probed > 150, "{probed}");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_parameter_that_is_not_declared_is_refused_after_access() {
    let server = Running::start().await;
    let ask = async |cookie: &str, query: &str| {
        let head = format!("GET /api/v1/searched{query} HTTP/1.1\r\nhost: vybe.test\r\n{cookie}\r\n");
        server.ask(&head).await
    };
    let person = "cookie: __Host-vybe_session=alice\r\n";
    for query in ["", "?", "?limit=3", "?word=a&limit=3", "?wo%72d=a"] {
        assert_eq!(ask(person, query).await.status, 200, "{query}");
    }
    for query in ["?search=adam", "?word=a&search=adam", "?Word=a", "?search", "?=a"] {
        assert_eq!(ask("", query).await.status, 401, "{query}");
        let refused = ask(person, query).await;
        assert_eq!(refused.status, 422, "{query}");
        let body: serde_json::Value = serde_json::from_slice(&refused.body).unwrap();
        assert_eq!(body["code"], "invalid_query");
        let detail = body["detail"].as_str().unwrap();
        assert!(detail.contains("there are: ") && detail.contains("word"), "{detail}");
        assert!(detail.contains("limit") && detail.contains("cursor"), "{detail}");
        assert!(!detail.contains("search"), "what was sent is not repeated: {detail}");
    }
    // A provider may add to what it sends a browser back with.
    let led = server.ask("GET /led?word=a&session_state=b HTTP/1.1\r\nhost: vybe.test\r\n\r\n").await;
    assert_eq!(led.status, 200);
}

#[test]
fn the_description_names_every_endpoint_of_the_platform() {
    let declared = endpoints(&Seen::default());
    let document = endpoint::openapi(&declared);
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    let described: BTreeSet<String> = paths
        .values()
        .flat_map(|item| item.as_object().unwrap().values())
        .map(|operation| operation["operationId"].as_str().unwrap().to_owned())
        .collect();
    let names = declared.iter().filter(|endpoint| endpoint.surface() == Surface::Platform);
    assert_eq!(described, names.map(|endpoint| endpoint.name().to_owned()).collect());
    let create = &document["paths"]["/api/v1/organizations"]["post"];
    assert_eq!(create["security"], serde_json::json!([{ "session": [] }, { "apiToken": [] }]));
    let schema = &create["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(schema["required"], serde_json::json!(["name"]));
    let word = &document["paths"]["/public/{word}"]["get"];
    assert_eq!(word["security"], serde_json::json!([]));
    assert_eq!(word["parameters"][0]["name"], "word");
}

#[tokio::test]
async fn a_literal_segment_is_preferred_to_a_parameter() {
    let endpoints = vec![
        Endpoint::get("/things/{thing}", "thing")
            .on(Surface::Admin)
            .requires::<ReadStyle>()
            .gives_nothing()
            .answers((), nothing),
        Endpoint::post("/things/new", "new")
            .on(Surface::Admin)
            .requires::<ReadStyle>()
            .gives_nothing()
            .answers((), nothing),
    ];
    let mounted = endpoint::mounted_routes(&gate(), &endpoints, Surface::Admin).await.unwrap();
    assert_eq!(mounted.len(), 3, "{mounted:?}");
}

#[tokio::test]
async fn a_server_that_serves_nothing_does_not_start() {
    let server = Server::new(Vec::new(), gate(), no_gateway()).unwrap();
    let error = server.run(std::future::pending()).await.unwrap_err();
    assert_eq!(error.to_string(), "the server cannot listen: no listener was given");
}
