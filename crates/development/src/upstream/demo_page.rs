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
    let names_with = |prefix: &str| {
        let names = request.headers().keys().map(|name| name.as_str());
        let mut names: Vec<&str> = names.filter(|name| name.starts_with(prefix)).collect();
        names.sort_unstable();
        names
    };
    let table = |names: &[&str]| {
        html! {
            table {
                @for &name in names {
                    tr {
                        th { (name) }
                        td id=(name) { (header(name).unwrap_or_default()) }
                    }
                }
            }
        }
    };
    let host = header("x-forwarded-host").or_else(|| header("host")).unwrap_or_default();
    let app = host.split('.').next().unwrap_or_default().to_owned();
    let transport = [names_with("x-forwarded-"), names_with("x-request-id")].concat();
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
                    div {
                        strong id="app" { (app) }
                        nav {
                            a href="/" { "Home" }
                            a href="/admin" { "/admin" }
                            a href={ (platform_origin) "/apps" } { "Your apps" }
                        }
                    }
                }
                main {
                    h1 {
                        @match header("x-vybe-user-email") {
                            Some(email) => { "Hello, " span id="email" { (email) } }
                            None => { "Hello, whoever you are" }
                        }
                    }
                    p { "A demo app sent this page. It has no sign-in of its own: all it knows about you is in the request headers, which the platform put there." }
                    p { "You asked for " code id="target" { (request.uri().to_string()) } }
                    section {
                        h2 { "Who is asking" }
                        (table(&names_with("x-vybe-")))
                    }
                    section {
                        h2 { "How the request came" }
                        (table(&transport))
                    }
                    div.live {
                        section {
                            h2 { "WebSocket" }
                            p { output id="socket" { "not connected" } }
                        }
                        section {
                            h2 { "Server-sent events" }
                            p { output id="event" { "none yet" } }
                        }
                    }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}
