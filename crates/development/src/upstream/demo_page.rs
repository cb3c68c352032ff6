//! The pages of a demo app.

use http::Request;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::deployments::{GREETING, PROVED_TEXT, Variables};

const STYLE: &str = include_str!("demo_page.css");
const SCRIPT: &str = include_str!("demo_page.js");

/// The label of the host that the visitor asked for: which app this is.
pub(super) fn label<T>(request: &Request<T>) -> String {
    let host = header(request, "x-forwarded-host").or_else(|| header(request, "host")).unwrap_or_default();
    host.split('.').next().unwrap_or_default().to_owned()
}

/// What the app knows about its visitor, because the platform told it in headers.
pub(super) fn demo_page<T>(request: &Request<T>, platform_origin: &str, variables: &Variables) -> Markup {
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
                        td id=(name) { (header(request, name).unwrap_or_default()) }
                    }
                }
            }
        }
    };
    let transport = [names_with("x-forwarded-"), names_with("x-request-id")].concat();
    let content = html! {
        h1 {
            span id="greeting" { (variables.greeting()) } ", "
            @match header(request, "x-vybe-user-email") {
                Some(email) => { span id="email" { (email) } }
                None => { "whoever you are" }
            }
        }
        p { "A demo app sent this page. It has no sign-in of its own: all it knows about you is in the request headers, which the platform put there. How it greets you is its variable " code { (GREETING) } ", which comes from " a href="/environment" { "the vault" } "." }
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
        script { (PreEscaped(SCRIPT)) }
    };
    frame(&label(request), platform_origin, &content)
}

/// Which variables the app was deployed with. Their values stay with the app.
pub(super) fn environment_page<T>(
    request: &Request<T>,
    platform_origin: &str,
    variables: &Variables,
) -> Markup {
    let content = html! {
        h1 { "What this app was deployed with" }
        p { "The platform opened these variables in its vault and gave them to this app when it was deployed. The app shows their names. It has the values, too: it greets with " code { (GREETING) } ", and for a credential it shows HMAC-SHA-256 of “" (PROVED_TEXT) "”, keyed with the value. Whoever knows the value gets the same:" }
        p { code { "printf '" (PROVED_TEXT) "' | openssl dgst -sha256 -hmac \"$VALUE\"" } }
        p { "Change them among the app's secrets in the console: the app is deployed anew at once." }
        section {
            h2 { "Variables" }
            table id="variables" {
                @for (name, proof) in variables.proofs() {
                    tr {
                        th { (name) }
                        td { (proof.unwrap_or_default()) }
                    }
                }
            }
        }
    };
    frame(&label(request), platform_origin, &content)
}

fn frame(app: &str, platform_origin: &str, content: &Markup) -> Markup {
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
                            a href="/environment" { "/environment" }
                            a href="/admin" { "/admin" }
                            a href={ (platform_origin) "/apps" } { "Your apps" }
                        }
                    }
                }
                main { (content) }
            }
        }
    }
}

fn header<T>(request: &Request<T>, name: &str) -> Option<String> {
    let value = request.headers().get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}
