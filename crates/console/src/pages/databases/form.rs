//! The form with which connections are made and changed.

use apps::App;
use databases::Engine;
use ids::OrganizationId;
use maud::{Markup, html};

use super::filled::{Filled, of_hop};

/// Kinds of connections, as people say them.
pub(super) const KINDS: [(&str, &str); 3] = [
    ("external", "A database of yours, for apps to name"),
    ("organization", "A database of the whole organization"),
    ("internal", "The database of one app"),
];
const ENGINES: [(Engine, &str); 3] = [
    (Engine::Postgresql, "PostgreSQL"),
    (Engine::Mysql, "MySQL or MariaDB"),
    (Engine::Redshift, "Amazon Redshift"),
];
const MODES: [(&str, &str); 4] = [
    ("verify-full", "verify-full: the certificate holds and names the host"),
    ("verify-ca", "verify-ca: the certificate holds, whatever name it has"),
    ("require", "require: encrypted, for whoever answers"),
    ("off", "off: in clear text"),
];

/// An engine, as people say it.
pub(super) fn engine_name(engine: Engine) -> &'static str {
    ENGINES.iter().find(|(known, _)| *known == engine).map_or("", |(_, words)| words)
}

/// A form, filled in with something.
pub(super) struct Form<'a> {
    pub(super) organization: OrganizationId,
    pub(super) apps: &'a [App],
    pub(super) filled: &'a Filled,
}

impl Form<'_> {
    /// The connection that is changed; empty for a new one.
    fn connection(&self) -> &str {
        self.filled.text("connection_id")
    }

    pub(super) fn content(&self) -> Markup {
        let base = format!("/organizations/{}", self.organization);
        let new = self.connection().is_empty();
        let action = if new {
            format!("{base}/databases")
        } else {
            format!("{base}/databases/{}/edit", self.connection())
        };
        html! {
            form method="post" action=(action) autocomplete="off" id="connection" {
                button.default type="submit" tabindex="-1" aria-hidden="true" { "Save" }
                @if new { (self.kind()) } @else {
                    @for name in ["kind", "app_id", "connection_id", "version"] {
                        input type="hidden" name=(name) value=(self.filled.text(name));
                    }
                }
                (self.line("name", "Name, as apps and people call it", true))
                (select("engine", "Engine", self.filled.text("engine"), ENGINES.map(|(engine, words)| (engine.as_str(), words))))
                (self.line("host", "Host; behind SSH servers, as the last of them sees it", true))
                (self.line("port", "Port; the usual one, if left empty", false))
                (self.line("database", "Database", true))
                (self.line("user", "User", true))
                (secret("password", if new { "Password" } else { KEPT }))
                (self.tls())
                (self.read_only())
                (self.limits())
                (self.usable_by())
                @for number in 0..self.filled.hops() { (self.hop(number, new)) }
                button type="submit" { @if new { "Add the database" } @else { "Save" } }
            }
            p { a href={ (base) "/databases" } { "Databases" } }
        }
    }

    fn kind(&self) -> Markup {
        html! {
            (select("kind", "What it is", self.filled.text("kind"), KINDS))
            label {
                "App whose database it is, if it is one app's"
                select name="app_id" {
                    option value="" { "none" }
                    @for app in self.apps {
                        option value=(app.id) selected[self.filled.text("app_id") == app.id.to_string()] { (app.name) }
                    }
                }
            }
        }
    }

    fn tls(&self) -> Markup {
        html! {
            (select("tls", "TLS", self.filled.text("tls"), MODES))
            label {
                "Certificate authority in PEM, if it is not a public one"
                textarea name="authorities" rows="3" spellcheck="false" { (self.filled.text("authorities")) }
            }
            (self.line("reason", "Why less than verify-full, for the audit trail", false))
        }
    }

    fn read_only(&self) -> Markup {
        html! {
            label {
                span {
                    input type="checkbox" name="read_only" value="on" checked[self.filled.text("read_only") == "on"];
                    " Read-only: nothing can be written through it, whatever the user may do"
                }
            }
        }
    }

    fn limits(&self) -> Markup {
        html! {
            details {
                summary { "Limits" }
                (self.line("most_rows", "Rows of an answer", true))
                (self.line("most_bytes", "Bytes of an answer", true))
                (self.line("most_milliseconds", "Milliseconds of a statement", true))
                (self.line("most_sessions", "Sessions at once", true))
            }
        }
    }

    fn usable_by(&self) -> Markup {
        let words = [("every_app", "Every app of the organization"), ("apps", "The apps that are ticked")];
        html! {
            details {
                summary { "Which apps may use it" }
                (select("usable_by", "Usable by", self.filled.text("usable_by"), words))
                @for app in self.apps {
                    label {
                        span {
                            input type="checkbox" name="app" value=(app.id) checked[self.filled.has(app.id)];
                            " " (app.name)
                        }
                    }
                }
            }
        }
    }

    /// One SSH server on the way.
    fn hop(&self, number: usize, new: bool) -> Markup {
        let name = |field: &str| of_hop(number, field);
        let asks = format!("/organizations/{}/database-host-keys", self.organization);
        html! {
            details open[!self.filled.hop(number, "host").is_empty()] {
                summary { @if number == 0 { "Through an SSH server" } @else { "Through a further SSH server behind it" } }
                (self.line(&name("host"), "Host", false))
                (self.line(&name("port"), "Port; 22, if left empty", false))
                (self.line(&name("user"), "User", false))
                (self.line(&name("host_key"), "Fingerprint of its host key (SHA256:…)", false))
                p {
                    "Nothing is sent to a server with another host key. "
                    button.quiet type="submit" formaction=(asks) formnovalidate name="ask" value=(number) { "Ask the server for its host key" }
                    " and compare it with what its operator says before you save."
                }
                label {
                    @if new { "Private key, as ssh-keygen writes it" } @else { (KEPT_KEY) }
                    textarea name=(name("private_key")) rows="3" autocomplete="off" spellcheck="false" autocapitalize="off" {}
                }
                (secret(&name("passphrase"), "Passphrase, if it has one"))
            }
        }
    }

    fn line(&self, name: &str, label: &str, required: bool) -> Markup {
        html! {
            label {
                (label)
                input name=(name) value=(self.filled.text(name)) required[required] maxlength="500" autocomplete="off" spellcheck="false";
            }
        }
    }
}

const KEPT: &str = "Password; left empty, the stored one stays, as long as it is for the same place";
const KEPT_KEY: &str = "Private key; left empty, the stored one stays, as long as it is for the same place";

fn secret(name: &str, label: &str) -> Markup {
    html! {
        label {
            (label)
            input type="password" name=(name) autocomplete="off" spellcheck="false";
        }
    }
}

fn select<const N: usize>(name: &str, label: &str, chosen: &str, options: [(&str, &str); N]) -> Markup {
    html! {
        label {
            (label)
            select name=(name) {
                @for (value, words) in options {
                    option value=(value) selected[value == chosen] { (words) }
                }
            }
        }
    }
}
