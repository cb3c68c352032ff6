//! Forms in which secrets are filled in. What was filled in is never shown again, also not after a mistake.

use access_control::Environment;
use maud::{Markup, html};
use secrets_vault::{Kind, SecretScope};

/// A kind as people say it.
pub(super) fn words(kind: Kind) -> &'static str {
    match kind {
        Kind::EnvironmentVariable => "Environment variable",
        Kind::ApiKey => "API key",
        Kind::BearerToken => "Bearer token",
        Kind::BasicCredentials => "User name and password",
        Kind::ConnectionString => "Connection string",
        Kind::SshPrivateKey => "SSH private key",
        Kind::OauthTokenSet => "OAuth tokens",
        Kind::ServerSecret => "Server secret",
        Kind::DatabaseCredentials => "Database credentials",
        Kind::AccountCredentials => "Credentials of an account",
        Kind::OauthClientSecret => "Secret of an OAuth client",
        Kind::CustomApiCredentials => "Credentials of a custom API",
        Kind::UserTokenKey => "Key of user tokens",
        Kind::RootKey => "Root key",
    }
}

/// A form for each kind.
pub(super) fn create(scope: SecretScope, action: &str) -> Markup {
    html! {
        h2 { "Add a secret" }
        @for &kind in Kind::ALL.iter().filter(|kind| scope.takes(**kind)) {
            details {
                summary { (words(kind)) }
                form method="post" action=(action) autocomplete="off" {
                    input type="hidden" name="kind" value=(kind.as_str());
                    label { "Name" input name="name" required maxlength="128" autocomplete="off" spellcheck="false"; }
                    @if scope.injects(kind) {
                        label {
                            "Environment"
                            select name="environment" {
                                @for environment in Environment::ALL {
                                    option value=(environment.as_str()) { (environment.as_str()) }
                                }
                            }
                        }
                    }
                    (value(kind))
                    button type="submit" { "Save" }
                }
            }
        }
    }
}

/// The fields of a value.
pub(super) fn value(kind: Kind) -> Markup {
    match kind {
        Kind::BasicCredentials => {
            html! { (line("user", "User name", false)) (line("password", "Password", false)) }
        }
        Kind::SshPrivateKey => html! {
            (text("private_key", "Private key, as ssh-keygen writes it"))
            (line("passphrase", "Passphrase, if it has one", false))
        },
        Kind::OauthTokenSet => html! {
            (line("access_token", "Access token", true))
            (line("refresh_token", "Refresh token, if there is one", false))
        },
        Kind::EnvironmentVariable => text("value", "Value"),
        _ => line("value", "Value", true),
    }
}

/// One line, which the browser does not show.
fn line(name: &str, label: &str, required: bool) -> Markup {
    html! {
        label {
            (label)
            input type="password" name=(name) required[required] autocomplete="off" spellcheck="false";
        }
    }
}

/// Several lines.
fn text(name: &str, label: &str) -> Markup {
    html! {
        label {
            (label)
            textarea name=(name) rows="4" required autocomplete="off" spellcheck="false" autocapitalize="off" {}
        }
    }
}
