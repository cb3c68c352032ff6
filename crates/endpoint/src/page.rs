//! The layout and the style sheet of the platform's pages.

use access_control::{Permit, ReadStyle};
use actix_http::StatusCode;
use maud::{DOCTYPE, Markup, html};

use crate::{Answer, Call, Endpoint, Problem, Surface};

/// The same path on every host of ours, so that a page need not know where it is shown.
const STYLE_PATH: &str = "/.vybe/style.css";

/// A page of the platform.
#[must_use]
pub fn page(title: &str, content: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="stylesheet" href=(STYLE_PATH);
            }
            body { main { (content) } }
        }
    }
}

/// The style sheet, on every public surface.
#[must_use]
pub fn style_endpoints() -> Vec<Endpoint> {
    [
        (Surface::Platform, "read_style_on_platform"),
        (Surface::AppHosts, "read_style_on_app_hosts"),
        (Surface::DevelopmentIssuer, "read_style_on_issuer"),
    ]
    .into_iter()
    .map(|(surface, name)| {
        Endpoint::get(STYLE_PATH, name)
            .on(surface)
            .requires::<ReadStyle>()
            .gives_media("text/css")
            .answers((), read_style)
    })
    .collect()
}

async fn read_style((): (), _: Permit<ReadStyle>, _: Call) -> Result<Answer, Problem> {
    Ok(Answer::bytes(StatusCode::OK, "text/css; charset=utf-8", include_str!("style.css"))
        .header("cache-control", "public, max-age=300"))
}
