//! Documents that are cut off, mangled, or made up: an entry or a refusal comes out, and never a panic.

use catalogue::{Answer, Answers, Import, ImportError, LARGEST_DOCUMENT, Proposal};
use proptest::prelude::*;
use serde_json::{Value, json};
use url::Url;

use crate::own_documents::documents;

/// Reads it in every way that the platform does, and holds what comes out against what never comes out.
fn attempt(text: &str) {
    let url = Url::parse("https://api.acme.com/openapi.json").unwrap();
    let base = Answers::from([
        (Answer::BaseUrl, "https://api.acme.com".to_owned()),
        (Answer::Authentication, "bearer_token".to_owned()),
    ]);
    for (answers, fetched_from) in [(Answers::new(), None), (base, Some(&url))] {
        for authorization_server in [None, Some((text, None))] {
            let import = Import { document: text, fetched_from, authorization_server, answers: &answers };
            match import.propose() {
                Ok(proposal) => hold(&proposal),
                // Answers make no difference to what cannot be read.
                Err(ImportError::Syntax(_) | ImportError::TooLarge | ImportError::Format) => return,
                Err(_) => {}
            }
        }
    }
}

fn hold(proposal: &Proposal) {
    assert_eq!(proposal.service.is_some(), proposal.questions.is_empty());
    let Some(service) = &proposal.service else { return };
    service.check().unwrap();
    assert!(service.api.base.as_str().starts_with("https://"));
    assert!(service.actions.iter().all(|action| !action.path.contains("..") && !action.path.contains("//")));
    for host in &service.api.hosts {
        assert!(host.as_str().trim_start_matches("*.").parse::<std::net::IpAddr>().is_err());
        assert!(!host.as_str().ends_with(".internal") && !host.as_str().ends_with("localhost"));
    }
}

#[test]
fn documents_that_are_cut_off_anywhere() {
    let mut attempts = 0;
    for (_, text) in documents() {
        // What is thousands of brackets long is the same everywhere.
        let step = 1 + text.len() / 150;
        for end in (0..text.len()).step_by(step).filter(|end| text.is_char_boundary(*end)) {
            attempt(&text[..end]);
            attempts += 1;
        }
    }
    assert!(attempts > 2_000, "{attempts}");
}

/// Every value of every document replaced by every kind of other value.
#[test]
fn documents_in_which_one_value_is_another() {
    let others = [
        Value::Null,
        json!(true),
        json!(-1.5e300),
        json!(""),
        json!("{"),
        json!("{a}{b}"),
        json!("https://"),
        json!("//"),
        json!("https://{a}:{b}@{c}/{d}?{e}#{f}"),
        json!("#"),
        json!("\u{0}\u{202e}\u{fffd}"),
        json!("ä".repeat(2_000)),
        json!([]),
        json!([[]]),
        json!({}),
        json!({ "$ref": "#" }),
        json!({ "$ref": "#/paths" }),
        json!({ "": { "": {} } }),
    ];
    let mut attempts = 0;
    for (file, text) in documents() {
        let Ok(document) =
            serde_json::from_str::<Value>(&text).or_else(|_| serde_saphyr::from_str::<Value>(&text))
        else {
            assert!(file.starts_with("refused-"), "{file}");
            continue;
        };
        let mut pointers = Vec::new();
        collect(&document, String::new(), &mut pointers);
        for pointer in pointers {
            for other in &others {
                let mut mangled = document.clone();
                *mangled.pointer_mut(&pointer).unwrap() = other.clone();
                attempt(&mangled.to_string());
                attempts += 1;
            }
        }
    }
    assert!(attempts > 5_000, "{attempts}");
}

fn collect(value: &Value, at: String, into: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                collect(member, format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), into);
            }
        }
        Value::Array(members) => {
            for (position, member) in members.iter().enumerate() {
                collect(member, format!("{at}/{position}"), into);
            }
        }
        _ => {}
    }
    into.push(at);
}

#[test]
fn size_depth_and_repetition_are_bounded() {
    let too_large = format!("{{\"openapi\":\"3.0.0\",\"x\":\"{}\"}}", "x".repeat(LARGEST_DOCUMENT));
    let too_many = format!("{{\"openapi\":\"3.0.0\",\"x\":[{}0]}}", "0,".repeat(2_000_001));
    let wide_yaml = format!("openapi: 3.0.0\nx: [{}0]\n", "0,".repeat(2_000_001));
    for text in [too_large, too_many, wide_yaml] {
        assert!(
            Import {
                document: &text,
                fetched_from: None,
                authorization_server: None,
                answers: &Answers::new()
            }
            .propose()
            .is_err()
        );
    }
}

/// Pieces of documents, put together in any order.
fn made_up() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "openapi",
        "swagger",
        "3.0.0",
        "2.0",
        "info",
        "title",
        "servers",
        "url",
        "variables",
        "host",
        "basePath",
        "schemes",
        "https",
        "https://{x}.acme.com/{y}",
        "paths",
        "/a/{b}",
        "get",
        "post",
        "parameters",
        "name",
        "in",
        "query",
        "header",
        "required",
        "requestBody",
        "content",
        "application/json",
        "schema",
        "allOf",
        "$ref",
        "#/paths",
        "components",
        "securitySchemes",
        "securityDefinitions",
        "security",
        "type",
        "oauth2",
        "flows",
        "authorizationCode",
        "tokenUrl",
        "authorizationUrl",
        "scopes",
        "apiKey",
        "openIdConnect",
        "openIdConnectUrl",
        "issuer",
        "token_endpoint",
        "authorization_endpoint",
        "resource",
        "authorization_servers",
        "enum",
        "default",
        "operationId",
        "summary",
    ]);
    let leaf = prop_oneof![
        words.clone().prop_map(Value::from),
        ".*".prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
    ];
    let tree = leaf.prop_recursive(6, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(words.clone().prop_map(str::to_owned), inner, 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    (
        prop::sample::select(vec![
            ("openapi", "3.0.0"),
            ("openapi", "3.1.0"),
            ("swagger", "2.0"),
            ("issuer", "https://acme.com"),
        ]),
        tree,
    )
        .prop_map(|((key, version), tree)| {
            let mut document = if tree.is_object() { tree } else { json!({ "paths": tree }) };
            document[key] = version.into();
            document
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn documents_that_are_made_up(document in made_up()) {
        attempt(&document.to_string());
    }

    /// Bytes of a document replaced by others: most of it is no longer JSON or YAML.
    #[test]
    fn documents_with_other_bytes(which in any::<prop::sample::Index>(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let all = documents();
        let mut bytes = which.get(&all).1.clone().into_bytes();
        for (place, byte) in changes {
            let length = bytes.len();
            bytes[place.index(length)] = byte;
        }
        attempt(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_text(text in ".{0,200}") {
        attempt(&text);
    }
}
