//! A span, and how it is written (OTLP 1.x, JSON encoding).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use endpoint::{Answered, Answerer, OTHER_METHOD};
use ids::RequestId;
use serde_json::{Value, json};

/// The identifier of a trace: the request's number, a UUID of version 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TraceId(u128);

impl TraceId {
    pub(super) fn of(request: RequestId) -> Self {
        let text = request.to_string();
        let digits = text.rsplit('_').next().unwrap_or_default();
        Self(u128::from_str_radix(digits, 16).unwrap_or_default())
    }

    /// The last 32 bits, which are random in every identifier. Those before them are a counter that has a random beginning
    /// in every millisecond (RFC 9562, 6.2, method 1).
    pub(super) fn randomness(self) -> u32 {
        (self.0 & u128::from(u32::MAX)) as u32
    }

    /// The span of the platform in the trace: its second half. There is one.
    fn span(self) -> u64 {
        (self.0 & u128::from(u64::MAX)) as u64
    }

    /// W3C Trace Context, `traceparent`.
    pub(super) fn parent(self, is_sampled: bool) -> String {
        format!("00-{:032x}-{:016x}-{:02x}", self.0, self.span(), u8::from(is_sampled))
    }
}

/// One request.
#[derive(Debug)]
pub(super) struct Span {
    trace: TraceId,
    by: Answerer,
    method: &'static str,
    route: Option<&'static str>,
    status: u16,
    began: SystemTime,
    took: Duration,
}

impl Span {
    pub(super) fn new(trace: TraceId, answered: &Answered) -> Self {
        let Answered { by, method, route, status, began, took, .. } = *answered;
        Self { trace, by, method, route, status, began, took }
    }

    fn json(&self) -> Value {
        let nanoseconds = |at: SystemTime| {
            at.duration_since(UNIX_EPOCH).map(|since| since.as_nanos()).unwrap_or_default().to_string()
        };
        // Semantic conventions for HTTP server spans, "Name": method and route, or the method alone.
        let method = if self.method == OTHER_METHOD { "HTTP" } else { self.method };
        let name = self.route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"));
        let mut attributes = vec![
            text("http.request.method", self.method),
            json!({ "key": "http.response.status_code", "value": { "intValue": self.status.to_string() } }),
            text("url.scheme", "https"),
            text("vybe.answerer", self.by.as_str()),
        ];
        attributes.extend(self.route.map(|route| text("http.route", route)));
        // The same, "Status": what a client did wrong is no error of the server. 2 is STATUS_CODE_ERROR.
        let status = if self.status >= 500 {
            attributes.push(text("error.type", &self.status.to_string()));
            json!({ "code": 2 })
        } else {
            json!({})
        };
        json!({
            "traceId": format!("{:032x}", self.trace.0),
            "spanId": format!("{:016x}", self.trace.span()),
            "name": name,
            // SPAN_KIND_SERVER
            "kind": 2,
            "startTimeUnixNano": nanoseconds(self.began),
            "endTimeUnixNano": nanoseconds(self.began + self.took),
            "attributes": attributes,
            "status": status,
        })
    }
}

fn text(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

/// The body of a request that passes these on.
pub(super) fn body(spans: &[Span]) -> Value {
    let version = env!("CARGO_PKG_VERSION");
    json!({
        "resourceSpans": [{
            "resource": { "attributes": [text("service.name", "vybe"), text("service.version", version)] },
            "scopeSpans": [{
                "scope": { "name": "vybe", "version": version },
                "spans": spans.iter().map(Span::json).collect::<Vec<_>>(),
            }],
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_the_request_and_an_app_continues_it() {
        let request = RequestId::generate();
        let digits = request.to_string().replace("req_", "");
        let trace = TraceId::of(request);
        assert_eq!(trace.parent(true), format!("00-{digits}-{}-01", &digits[16..]));
        assert_eq!(trace.parent(false), format!("00-{digits}-{}-00", &digits[16..]));
    }

    #[test]
    fn a_span_has_times_and_an_error_only_where_it_is_ours() {
        let trace = TraceId::of(RequestId::generate());
        let answered = |status| Answered {
            request: RequestId::generate(),
            by: Answerer::Platform,
            method: "GET",
            route: Some("/api/v1/me"),
            status,
            began: UNIX_EPOCH + Duration::from_secs(1),
            took: Duration::from_millis(2),
        };
        let span = Span::new(trace, &answered(404)).json();
        assert_eq!(span["name"], "GET /api/v1/me");
        assert_eq!(span["startTimeUnixNano"], "1000000000");
        assert_eq!(span["endTimeUnixNano"], "1002000000");
        assert_eq!(span["status"], json!({}));
        let failed = Span::new(trace, &answered(503)).json();
        assert_eq!(failed["status"], json!({ "code": 2 }));
        let kind = json!({ "key": "error.type", "value": { "stringValue": "503" } });
        assert!(failed["attributes"].as_array().unwrap().contains(&kind), "{failed}");
        let unknown = Answered { method: OTHER_METHOD, ..answered(404) };
        assert_eq!(Span::new(trace, &unknown).json()["name"], "HTTP /api/v1/me");
    }
}
