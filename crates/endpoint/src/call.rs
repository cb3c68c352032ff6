//! A request as a handler sees it, after access was decided.

use std::net::IpAddr;
use std::rc::Rc;
use std::str::FromStr;
use std::time::Duration;

use actix_http::header::HeaderMap;
use actix_web::HttpRequest;
use actix_web::dev::Payload;
use actix_web::web::{Bytes, BytesMut};
use audit::Occasion;
use futures_util::StreamExt as _;
use ids::RequestId;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;

use crate::Problem;
use crate::body_error::describe;
use crate::gate::Again;
use crate::request_fields::{cookie, only};

/// The largest body an endpoint reads unless it says otherwise, in bytes.
const LARGEST_BODY: usize = 64 * 1024;

/// One request for an endpoint.
pub struct Call {
    pub(crate) request: HttpRequest,
    pub(crate) headers: Rc<HeaderMap>,
    pub(crate) payload: Payload,
    pub(crate) id: RequestId,
    pub(crate) now: OffsetDateTime,
    pub(crate) body_time: Duration,
    pub(crate) app_label: Option<String>,
    pub(crate) app_origin: Option<String>,
    /// What is decided again once the body has come.
    pub(crate) again: Option<Again>,
}

impl Call {
    /// The request's number.
    #[must_use]
    pub fn id(&self) -> RequestId {
        self.id
    }

    /// When it arrived.
    #[must_use]
    pub fn now(&self) -> OffsetDateTime {
        self.now
    }

    /// When it arrived, and under which number: what use cases record of it.
    #[must_use]
    pub fn occasion(&self) -> Occasion {
        Occasion { request: self.id, now: self.now }
    }

    /// Where it comes from.
    pub(crate) fn client(&self) -> Option<IpAddr> {
        self.request.peer_addr().map(|peer| peer.ip())
    }

    /// The host label, for endpoints on app hosts.
    #[must_use]
    pub fn app_label(&self) -> Option<&str> {
        self.app_label.as_deref()
    }

    /// The label of the app whose page made this call, for endpoints open to app origins.
    #[must_use]
    pub fn app_origin(&self) -> Option<&str> {
        self.app_origin.as_deref()
    }

    /// An identifier from the path.
    ///
    /// # Errors
    /// 404: a text that is no identifier names nothing.
    pub fn path<T: FromStr>(&self, name: &str) -> Result<T, Problem> {
        self.path_text(name).and_then(|text| text.parse().ok()).ok_or_else(Problem::not_found)
    }

    /// A segment of the path as text.
    #[must_use]
    pub fn path_text(&self, name: &str) -> Option<&str> {
        self.request.match_info().get(name)
    }

    /// One parameter of the query string. A parameter given twice has no single reading.
    ///
    /// # Errors
    /// 400 for a doubled parameter.
    pub fn query(&self, name: &str) -> Result<Option<String>, Problem> {
        let mut found = None;
        for (key, value) in form_pairs(self.request.query_string()) {
            if key == name && found.replace(value).is_some() {
                return Err(Problem::malformed(format!("The parameter {name} is given twice.")));
            }
        }
        Ok(found)
    }

    /// A misspelt condition that is ignored would answer more than was asked for.
    pub(crate) fn has_only(&self, known: &[String]) -> Result<(), Problem> {
        if form_pairs(self.request.query_string()).all(|(key, _)| known.contains(&key)) {
            return Ok(());
        }
        // What was sent is not repeated: it may be a secret that was put there by mistake.
        let detail = match known {
            [] => "There are no parameters here.".to_owned(),
            known => format!("There is no such parameter; there are: {}.", known.join(", ")),
        };
        Err(Problem::invalid("invalid_query", detail))
    }

    /// The query string as sent.
    #[must_use]
    pub fn query_string(&self) -> &str {
        self.request.query_string()
    }

    /// A header that came exactly once, as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        only(self.headers.get_all(name)).and_then(|value| value.to_str().ok())
    }

    /// A cookie that came exactly once.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&str> {
        cookie(&self.headers, name)
    }

    /// The body as JSON. Unknown fields are the type's business; a doubled key is refused by serde.
    ///
    /// # Errors
    /// 413, 415 or 422, with the reason.
    pub async fn json<T: DeserializeOwned>(&mut self) -> Result<T, Problem> {
        self.json_up_to(LARGEST_BODY).await
    }

    /// [`Call::json`] for the few endpoints whose bodies may be larger, in bytes.
    ///
    /// # Errors
    /// As there.
    pub async fn json_up_to<T: DeserializeOwned>(&mut self, largest: usize) -> Result<T, Problem> {
        let content_type = self.header("content-type").unwrap_or_default().to_ascii_lowercase();
        if !matches!(
            content_type.as_str(),
            "application/json" | "application/json; charset=utf-8" | "application/json;charset=utf-8"
        ) {
            return Err(Problem::new(
                actix_http::StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "Send the body as application/json in UTF-8.",
            ));
        }
        let body = self.body(largest).await?;
        // serde also takes a list for a structure, its fields by position.
        if !body.trim_ascii_start().starts_with(b"{") {
            return Err(Problem::invalid("invalid_body", "Send the body as a JSON object."));
        }
        serde_json::from_slice(&body).map_err(|error| {
            Problem::invalid("invalid_body", format!("The body is not acceptable: {}.", describe(&error)))
        })
    }

    /// The body as it came.
    ///
    /// # Errors
    /// 413, or it did not arrive.
    pub async fn bytes_up_to(&mut self, largest: usize) -> Result<Bytes, Problem> {
        self.body(largest).await.map(BytesMut::freeze)
    }

    /// The body as the fields of an HTML form.
    ///
    /// # Errors
    /// 413 or 415, with the reason.
    pub async fn form(&mut self) -> Result<Vec<(String, String)>, Problem> {
        self.form_up_to(LARGEST_BODY).await
    }

    /// [`Call::form`] for the few endpoints whose bodies may be larger, in bytes.
    ///
    /// # Errors
    /// As there.
    pub async fn form_up_to(&mut self, largest: usize) -> Result<Vec<(String, String)>, Problem> {
        if self.header("content-type") != Some("application/x-www-form-urlencoded") {
            return Err(Problem::new(
                actix_http::StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "Send the body as application/x-www-form-urlencoded.",
            ));
        }
        let body = self.body(largest).await?;
        let text = std::str::from_utf8(&body).map_err(|_| Problem::malformed("The form is not UTF-8."))?;
        Ok(form_pairs(text).collect())
    }

    /// A caller decides how long a body takes, and could wait with the end of it for the moment at which
    /// they may do nothing any more: so access is decided again when it is there.
    async fn body(&mut self, largest: usize) -> Result<BytesMut, Problem> {
        // Nothing is unpacked: a few bytes could be very many.
        if self.headers.get_all("content-encoding").any(|value| value != "identity") {
            return Err(Problem::packed());
        }
        let time = self.body_time;
        let body = tokio::time::timeout(time, self.whole_body(largest)).await.unwrap_or_else(|_| {
            Err(Problem::new(
                actix_http::StatusCode::REQUEST_TIMEOUT,
                "body_too_slow",
                format!("The body did not arrive within {} seconds.", time.as_secs()),
            ))
        })?;
        if let Some(again) = self.again.take() {
            again.decide(self).await?;
        }
        Ok(body)
    }

    async fn whole_body(&mut self, largest: usize) -> Result<BytesMut, Problem> {
        let mut body = BytesMut::new();
        while let Some(chunk) = self.payload.next().await {
            let chunk = chunk.map_err(|_| Problem::malformed("The body did not arrive whole."))?;
            if body.len() + chunk.len() > largest {
                return Err(Problem::new(
                    actix_http::StatusCode::PAYLOAD_TOO_LARGE,
                    "too_large",
                    format!("The body is larger than {largest} bytes."),
                ));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

fn form_pairs(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    url::form_urlencoded::parse(text.as_bytes()).into_owned()
}
