//! What answers requests for app hosts: the `middleware` crate, below the router.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use actix_http::body::BoxBody;
use actix_http::{Request, Response};
use futures_util::future::LocalBoxFuture;
use ids::RequestId;

/// How a request arrived.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The host label it is for, lower case. Whether there is such an app is not known yet.
    pub label: String,
    /// Its number, across logs and upstream headers.
    pub request: RequestId,
    /// Where the connection comes from.
    pub peer: SocketAddr,
    /// What the app is told to continue (W3C Trace Context, `traceparent`); none if nothing is traced here.
    pub trace_parent: Option<String>,
}

/// Answers every request for an app host, except those for endpoints declared on app hosts.
pub trait Gateway {
    /// Answers one request, streaming.
    fn forward(
        self: Rc<Self>,
        request: Request,
        arrival: Arrival,
    ) -> LocalBoxFuture<'static, Response<BoxBody>>;

    /// Whether the body of a request that expects `100 Continue` may come (RFC 9110, section 10.1.1).
    /// Asked before [`Gateway::forward`]; the error is the final answer.
    fn invites<'a>(
        &'a self,
        _request: &'a Request,
        _arrival: &'a Arrival,
    ) -> LocalBoxFuture<'a, Result<(), Response<BoxBody>>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Makes one gateway for each worker thread.
pub type GatewayFactory = Arc<dyn Fn() -> Rc<dyn Gateway> + Send + Sync>;
