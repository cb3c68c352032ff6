//! Which files may name what.

use super::Violation;
use super::source::Source;

/// A name, where it may stand, and why only there. `*` is any part of one path segment, `**` any number of
/// segments.
struct Reach {
    names: &'static [&'static str],
    allowed: &'static [&'static str],
    because: &'static str,
    in_tests_too: bool,
}

const RULES: &[Reach] = &[
    Reach {
        names: &["sea_orm", "sqlx", "sea_orm_migration"],
        allowed: &[
            "crates/*/src/store.rs",
            "crates/*/src/store/**",
            // An error may carry the store's error as its cause.
            "crates/*/src/error.rs",
            "crates/audit/src/journal.rs",
            // They hold the store to read from.
            "crates/audit/src/announcements.rs",
            "crates/audit/src/trail.rs",
            // Holds the store to read again what a change touched.
            "crates/directory/src/directory.rs",
            "crates/control-plane/src/**",
            "crates/test-support/src/**",
            "migrations/src/**",
        ],
        because: "only store.rs knows tables",
        in_tests_too: false,
    },
    Reach {
        names: &["endpoint"],
        allowed: &[
            "crates/endpoint/**",
            "crates/*/src/lib.rs",
            "crates/*/src/error.rs",
            "crates/*/src/endpoints.rs",
            "crates/*/src/endpoints/**",
            "crates/console/**",
            "crates/control-plane/**",
            "crates/development/**",
            "crates/middleware/**",
            // Signing in ends in cookies and redirects between hosts.
            "crates/identity/src/hand_off.rs",
            "crates/identity/src/sign_ins.rs",
            // What has to hold of them, whatever the bytes.
            "crates/identity/src/invariants/**",
        ],
        because: "only endpoints.rs knows HTTP",
        in_tests_too: false,
    },
    Reach {
        names: &["actix_web", "actix_http", "actix_rt", "actix_server", "actix_service"],
        allowed: &["crates/endpoint/**"],
        because: "an endpoint exists only with an access decision, so only `endpoint` can make a route",
        in_tests_too: true,
    },
    Reach {
        names: &["ring"],
        allowed: &[
            "crates/cryptography/**",
            "crates/identity/**",
            // The development issuer stands for another company's.
            "crates/development/src/issuer.rs",
        ],
        because: "cryptography stands in `cryptography` and `identity`, where it is reviewed",
        in_tests_too: false,
    },
    Reach {
        names: &["uuid"],
        allowed: &["crates/ids/**"],
        because: "identifiers have types",
        in_tests_too: true,
    },
    Reach {
        names: &["openidconnect", "jsonwebtoken"],
        allowed: &["crates/identity/**"],
        because: "signing in is `identity`'s",
        in_tests_too: false,
    },
    Reach {
        names: &["lettre"],
        allowed: &["crates/mail/**"],
        because: "letters are sent by `mail`",
        in_tests_too: true,
    },
    Reach {
        names: &["reqwest"],
        allowed: &[
            "crates/identity/**",
            "crates/audit-trail/src/webhook.rs",
            "crates/transit/src/client.rs",
            // Every request to a service of an account.
            "crates/service-client/src/connections.rs",
            "crates/service-client/src/exchange.rs",
            "crates/service-client/src/sending.rs",
            // Commands that speak to a running platform.
            "crates/control-plane/src/remote.rs",
            // Traces to the operator's collector.
            "crates/control-plane/src/telemetry/export.rs",
        ],
        because: "calls to others are made in few places",
        in_tests_too: false,
    },
    Reach {
        names: &["hyper", "hyper_util"],
        allowed: &[
            "crates/middleware/**",
            "crates/development/src/upstream.rs",
            "crates/development/src/upstream/**",
            "crates/development/src/demo_service.rs",
            // Asks a platform from outside.
            "crates/proof/src/client.rs",
        ],
        because: "only `middleware` calls apps (and the demo apps answer)",
        in_tests_too: false,
    },
    Reach {
        names: &["imbl"],
        allowed: &["crates/directory/**"],
        because: "the facts in memory are `directory`'s",
        in_tests_too: true,
    },
    Reach {
        names: &["clap"],
        allowed: &["crates/control-plane/**", "xtask/src/**"],
        because: "the command line is `control-plane`'s",
        in_tests_too: true,
    },
    Reach {
        names: &["anyhow"],
        allowed: &["crates/control-plane/src/main.rs", "xtask/src/**"],
        because: "errors have types (thiserror, one enum per crate)",
        in_tests_too: false,
    },
];

/// The one file that mounts routes, with the two answers for what nobody declares: 404 and 405.
const ROUTER: &str = "crates/endpoint/src/router.rs";

/// The file that reads environment variables, and the tools that are not the product.
const ENVIRONMENT: &[&str] = &[
    "crates/control-plane/src/config.rs",
    "crates/control-plane/src/config/**",
    "crates/test-support/**",
    // Where programs are: PATH, and nothing that configures the product.
    "crates/local-postgres/src/programs.rs",
    "xtask/**",
];

/// Compares what a file names with the table.
pub fn check(source: &Source) -> Vec<Violation> {
    let mut violations = Vec::new();
    let place = |line: usize| format!("{}:{line}", source.path);
    for rule in RULES {
        if source.is_test() && !rule.in_tests_too
            || rule.allowed.iter().any(|pattern| matches(pattern, &source.path))
        {
            continue;
        }
        for &name in rule.names {
            for line in named(source, name) {
                violations.push(Violation::new(place(line), format!("names `{name}`: {}", rule.because)));
            }
        }
    }
    if !source.is_test() && !ENVIRONMENT.iter().any(|pattern| matches(pattern, &source.path)) {
        for line in source.lines_with(&["std", ":", ":", "env"]) {
            violations.push(Violation::new(
                place(line),
                "names `std::env`: environment variables are read in control-plane/src/config.rs",
            ));
        }
    }
    for (before, _, line) in source.uses("default_service") {
        if (before == "." || before == ":") && source.path != ROUTER {
            violations
                .push(Violation::new(place(line), "`default_service` answers what no endpoint declares"));
        }
    }
    // `forbid` would be the right level, but clap's derive allows the whole group that these are in.
    for lint in ["disallowed_types", "disallowed_methods"] {
        for (_, _, line) in source.uses(lint).filter(|_| source.package != "xtask") {
            violations.push(Violation::new(place(line), format!("`{lint}` is not to be silenced")));
        }
    }
    for pattern in [
        ["From", "<", "DbErr", ">", "for"].as_slice(),
        &["From", "<", "sea_orm", ":", ":", "DbErr", ">", "for"],
        &["#", "[", "from", "]", "DbErr"],
        &["#", "[", "from", "]", "sea_orm", ":", ":", "DbErr"],
    ] {
        for line in source.lines_with(pattern) {
            violations.push(Violation::new(
                place(line),
                "a store's error becomes an error of ours by name, not by `?`",
            ));
        }
    }
    violations
}

/// The lines on which a crate is named: at the beginning of a path, or whole in `use`.
fn named(source: &Source, name: &str) -> Vec<usize> {
    let text =
        |at: Option<usize>| at.and_then(|at| source.tokens.get(at)).map_or("", |token| token.text.as_str());
    let is_name = |at: usize| {
        let (before, after) = (text(at.checked_sub(1)), [text(Some(at + 1)), text(Some(at + 2))]);
        let begins_path = after == [":", ":"] && (before != ":" || !is_word(text(at.checked_sub(3))));
        let used_whole = before == "use" && matches!(after[0], ";" | "as");
        begins_path || used_whole
    };
    let tokens = source.tokens.iter().enumerate();
    tokens.filter(|(at, token)| token.text == name && is_name(*at)).map(|(_, token)| token.line).collect()
}

fn is_word(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphanumeric() || first == '_') || token == ">"
}

/// Whether a path matches a pattern.
pub fn matches(pattern: &str, path: &str) -> bool {
    fn segments(pattern: &[&str], path: &[&str]) -> bool {
        match (pattern.split_first(), path.split_first()) {
            (None, None) => true,
            (Some((&"**", rest)), _) => {
                segments(rest, path) || path.split_first().is_some_and(|(_, path)| segments(pattern, path))
            }
            (Some((first, rest)), Some((name, path))) => segment(first, name) && segments(rest, path),
            _ => false,
        }
    }
    fn segment(pattern: &str, name: &str) -> bool {
        match pattern.split_once('*') {
            None => pattern == name,
            Some((before, after)) => {
                name.len() >= before.len() + after.len() && name.starts_with(before) && name.ends_with(after)
            }
        }
    }
    let pattern: Vec<&str> = pattern.split('/').collect();
    let path: Vec<&str> = path.split('/').collect();
    segments(&pattern, &path)
}

#[cfg(test)]
mod tests {
    use super::super::source::parse;
    use super::*;

    fn violations(path: &str, text: &str) -> usize {
        check(&parse(path, "apps", text).unwrap()).len()
    }

    #[test]
    fn each_name_is_refused_where_it_may_not_stand_and_let_pass_where_it_may() {
        for rule in RULES {
            for name in rule.names {
                let text = format!("use {name}::prelude;");
                assert_eq!(violations("crates/apps/src/app.rs", &text), 1, "{name}");
                let allowed = rule.allowed[0].replace("**", "src/a.rs").replace('*', "apps");
                assert_eq!(violations(&allowed, &text), 0, "{name} in {allowed}");
            }
        }
    }

    #[test]
    fn comments_strings_fields_and_inner_modules_do_not_count() {
        let text = "// sea_orm::X\n/* actix_web::y */ const A: &str = \"uuid::Uuid\"; \
                    struct B { ring: C } use rustls::crypto::ring::default_provider; use a::{b, ring};";
        assert_eq!(violations("crates/apps/src/app.rs", text), 0);
    }

    #[test]
    fn names_inside_macros_count() {
        assert_eq!(violations("crates/apps/src/app.rs", "fn a() { json!({ x: uuid::Uuid::now_v7() }) }"), 1);
    }

    #[test]
    fn environment_variables_are_read_in_one_place() {
        let text = "fn a() { let _ = std::env::var(\"HOME\"); }";
        assert_eq!(violations("crates/apps/src/app.rs", text), 1);
        assert_eq!(violations("crates/control-plane/src/config.rs", text), 0);
    }

    #[test]
    fn a_default_service_is_refused_even_in_endpoint() {
        assert_eq!(violations("crates/endpoint/src/server.rs", "fn a() { app.default_service(b) }"), 1);
    }

    #[test]
    fn the_bans_on_routing_are_not_silenced() {
        let text = "#[expect(clippy::disallowed_types, reason = \"x\")] fn a() {}";
        assert_eq!(violations("crates/apps/src/app.rs", text), 1);
    }

    #[test]
    fn store_errors_are_not_converted_by_question_mark() {
        assert_eq!(violations("crates/apps/src/error.rs", "impl From<DbErr> for AppError {}"), 1);
        assert_eq!(violations("crates/apps/src/error.rs", "enum E { A(#[from] sea_orm::DbErr) }"), 1);
    }

    #[test]
    fn patterns_match_segments() {
        assert!(matches("crates/*/src/store/**", "crates/apps/src/store/a/b.rs"));
        assert!(!matches("crates/*/src/store.rs", "crates/apps/src/inner/store.rs"));
        assert!(!matches("crates/*/src/store.rs", "crates/apps/src/restore.rs"));
    }
}
