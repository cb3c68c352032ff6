//! Traces and metrics: what a collector hears, what apps continue, and what neither says.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use test_support::{TestDatabase, on_both_stores};

use crate::installation::{Installation, ORIGIN};
use crate::receivers::Receiver;

/// What a client sends that wants to decide.
const FOREIGN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Everything that a span may say.
const ATTRIBUTES: [&str; 6] = [
    "error.type",
    "http.request.method",
    "http.response.status_code",
    "http.route",
    "url.scheme",
    "vybe.answerer",
];

fn section(collector: &Receiver, percent: u8) -> String {
    format!(
        "[telemetry]\notlp_endpoint = \"http://{}/otlp\"\nsample_percent = {percent}\n",
        collector.address
    )
}

/// The spans of every request that the collector got, read as the protocol says.
fn spans(collector: &Receiver) -> Vec<Value> {
    let heard = collector.heard();
    let mut spans = Vec::new();
    for request in heard.split("POST /otlp").skip(1) {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("/v1/traces HTTP/1.1\r\n"), "{head}");
        assert!(head.to_lowercase().contains("content-type: application/json"), "{head}");
        let body: Value = serde_json::from_str(body).unwrap();
        for resource in body["resourceSpans"].as_array().unwrap() {
            assert_eq!(resource["resource"]["attributes"][0]["value"]["stringValue"], "vybe");
            for scope in resource["scopeSpans"].as_array().unwrap() {
                spans.extend(scope["spans"].as_array().unwrap().iter().cloned());
            }
        }
    }
    spans
}

/// The collector's spans, once there is one of this trace.
async fn with_trace(collector: &Receiver, trace: &str) -> Vec<Value> {
    for _ in 0..150 {
        let spans = spans(collector);
        if spans.iter().any(|span| span["traceId"] == trace) {
            return spans;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("no span of {trace}: {}", collector.heard());
}

on_both_stores! {
    async fn a_collector_gets_the_requests_and_nothing_that_a_client_wrote(database: TestDatabase) {
        let collector = Receiver::webhook().await;
        let installation = Installation::start_with(&database, &section(&collector, 100)).await;
        let olga = installation.set_up().await;
        let opened = olga.open(&installation.app_url("hello", "/planted-path?planted=query")).await;
        assert_eq!(opened.status, 200);
        let unknown = olga.call("GET", "/api/v1/planted-endpoint", None).await;
        assert_eq!(unknown.status, 404);
        let url = installation.app_url("hello", "/asked");
        let asked = olga.client.request("GET", &url).header("traceparent", FOREIGN).header("tracestate", "v=planted");
        assert_eq!(asked.send().await.status, 200);

        let log = installation.upstream.access_log();
        let entry = log.iter().rev().find(|entry| entry.target == "/asked").unwrap();
        let request = entry.header("x-request-id").unwrap().replace("req_", "");
        assert_eq!(entry.header("traceparent").unwrap(), format!("00-{request}-{}-01", &request[16..]));
        assert_eq!(entry.header("tracestate"), None, "it belongs to a trace that is not ours");

        let spans = with_trace(&collector, &request).await;
        let of_app = spans.iter().find(|span| span["traceId"] == request.as_str()).unwrap();
        assert_eq!(of_app["spanId"], &request[16..]);
        assert_eq!((&of_app["name"], &of_app["kind"]), (&"GET".into(), &2.into()));
        let names: BTreeSet<&str> = spans.iter().map(|span| span["name"].as_str().unwrap()).collect();
        for name in ["POST /api/v1/organizations/{organization_id}/apps", "GET /login/{provider}/callback"] {
            assert!(names.contains(name), "{names:?}");
        }
        for span in &spans {
            let attributes = span["attributes"].as_array().unwrap();
            for attribute in attributes {
                assert!(ATTRIBUTES.contains(&attribute["key"].as_str().unwrap()), "{span}");
            }
            let time = |name: &str| span[name].as_str().unwrap().parse::<u64>().unwrap();
            assert!(time("startTimeUnixNano") <= time("endTimeUnixNano"), "{span}");
            assert!(span.get("parentSpanId").is_none(), "nobody outside is a parent: {span}");
        }
        let heard = collector.heard();
        let clients = ["planted", "0af7651916cd43dd", "olga", "acme", "example.com", "hello", "usr_", "ses_", "vybe.test"];
        for text in clients {
            assert!(!heard.contains(text), "{text} is in a trace");
        }
    }
}

#[tokio::test]
async fn a_client_does_not_decide_what_is_traced_and_without_a_collector_nothing_changes() {
    let collector = Receiver::webhook().await;
    for (sections, expected) in [(section(&collector, 0), None), (String::new(), Some(FOREIGN))] {
        let database = TestDatabase::sqlite().await;
        let installation = Installation::start_with(&database, &sections).await;
        let olga = installation.set_up().await;
        let url = installation.app_url("hello", "/asked");
        assert_eq!(olga.open(&url).await.status, 200);
        let asked = olga.client.request("GET", &url).header("traceparent", FOREIGN);
        assert_eq!(asked.send().await.status, 200);
        let log = installation.upstream.access_log();
        let told = log.last().unwrap().header("traceparent").unwrap();
        match expected {
            Some(expected) => assert_eq!(told, expected, "an app's own affair"),
            None => assert!(told.ends_with("-00") && !told.contains("0af7651916cd43dd"), "{told}"),
        }
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(collector.heard(), "");
}

/// The names and labels of the series, without their values.
fn series(metrics: &str) -> BTreeSet<String> {
    let lines = metrics.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
}

on_both_stores! {
    async fn whoever_comes_makes_no_series_and_is_in_no_label(database: TestDatabase) {
        let installation = Installation::start(&database).await;
        let olga = installation.set_up().await;
        let organization = installation.organization(&olga).await;
        // Whatever is counted by what was done has been done once.
        let once = async |slug: &str| {
            let app = serde_json::json!({ "slug": slug, "name": slug });
            assert_eq!(olga.call("POST", &format!("{organization}/apps"), Some(&app)).await.status, 201);
            assert_eq!(olga.open(&installation.app_url(slug, "/")).await.status, 503);
            let stranger = installation.browser();
            assert_eq!(stranger.client.request("GET", &format!("{ORIGIN}/api/v1/{slug}")).send().await.status, 404);
            stranger.client.request("GET", &installation.app_url(&format!("no-{slug}"), "/")).send().await;
        };
        once("first").await;
        drop(installation.signed_in("adam").await);
        let before = installation.metrics().await;
        for number in 0..40 {
            once(&format!("app{number}")).await;
        }
        drop(installation.signed_in("milo").await);
        let after = installation.metrics().await;
        let made: Vec<String> = series(&after).difference(&series(&before)).cloned().collect();
        assert!(made.is_empty(), "{made:?}");
        assert!(before.contains("vybe_build_info{version=") && before.contains("vybe_database_connections{state="));
        let count = |metrics: &str| -> f64 {
            let line = metrics.lines().find(|line| {
                line.starts_with("vybe_request_seconds_count{answerer=\"app\",status=\"5xx\"}")
            });
            line.unwrap().rsplit_once(' ').unwrap().1.parse().unwrap()
        };
        assert!(count(&after) - count(&before) >= 40.0, "{after}");
        for text in ["app7", "acme", "olga", "usr_", "ses_", "org_", "vybe.test", "127.0.0.1"] {
            assert!(!after.contains(text), "{text} is in a label");
        }
    }
}
