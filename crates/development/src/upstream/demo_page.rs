//! The page of a demo app.

use http::Request;
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("demo_page.css");
const SCRIPT: &str = include_str!("demo_page.js");

/// What the app knows about its visitor, because the platform told it in headers.
pub(super) fn demo_page<T>(request: &Request<T>, platform_origin: &str) -> Markup {
    let header = |name: &str| {
        let value = request.headers().get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let host = header("x-forwarded-host").or_else(|| header("host")).unwrap_or_default();
    let app = host.split('.').next().unwrap_or_default().to_owned();
    let email = header("x-vybe-user-email");
    let identity = request.headers().keys().map(|name| name.as_str());
    let identity = identity.filter(|name| name.starts_with("x-vybe-") || name.starts_with("x-forwarded-"));
    let mut identity: Vec<&str> = identity.chain(["x-request-id"]).collect();
    identity.sort_unstable();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (app) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    strong id="app" { (app) }
                    nav {
                        a href="/" { "Home" } " "
                        a href="/admin" { "/admin" } " "
                        a href={ (platform_origin) "/apps" } { "Your apps" }
                    }
                }
                main {
                    h1 {
                        @match &email {
                            Some(email) => { "Hello, " span id="email" { (email) } }
                            None => { "Hello, whoever you are" }
                        }
                    }
                    p { "This page comes from a demo app. The app has no sign-in of its own: everything it knows about you is in the request headers below, put there by the platform." }
                    p { "You asked for " code id="target" { (request.uri().to_string()) } }
                    table {
                        @for name in identity {
                            tr {
                                th { (name) }
                                td id=(name) { (header(name).unwrap_or_default()) }
                            }
                        }
                    }
                    section {
                        h2 { "WebSocket" }
                        p { "Echo: " output id="socket" { "not connected" } }
                        h2 { "Server-sent events" }
                        p { "Last: " output id="event" { "none yet" } }
                    }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}
