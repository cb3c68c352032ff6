//! What differs between two imports of a service.

use catalogue::Service;

use crate::openapi::proposed;

const BEFORE: &str = include_str!("documents/clean-openapi-2-key.yaml");

fn entry(document: &str) -> Service {
    proposed(document).unwrap().service.unwrap()
}

fn changes(after: &str) -> Vec<(bool, String)> {
    let changes = entry(BEFORE).changes(&entry(after));
    changes.into_iter().map(|change| (change.is_breaking, change.text)).collect()
}

#[test]
fn the_same_document_again_changes_nothing() {
    assert_eq!(changes(BEFORE), []);
}

#[test]
fn where_credentials_go_and_what_calls_need_is_breaking() {
    for (old, new, told) in [
        ("host: api.acme-parcels.com", "host: api.evil.com", "calls go to https://api.evil.com/v1"),
        ("name: X-Parcel-Key", "name: X-Other-Key", "the credential has another place"),
        ("in: header, name: X-Parcel-Key", "in: query, name: key", "the credential has another place"),
        ("type: apiKey, in: header, name: X-Parcel-Key", "type: basic", "accounts prove themselves by basic"),
        ("required: [weight, to]", "required: [weight, to, from]", "the action create-parcel needs from"),
        ("operationId: listParcels", "operationId: parcels", "the action list-parcels is gone"),
        ("name: page", "name: cursor", "the action list-parcels no longer takes page"),
        ("basePath: /v1", "basePath: /v2", "calls go to https://api.acme-parcels.com/v2"),
    ] {
        assert!(BEFORE.contains(old));
        let found = changes(&BEFORE.replace(old, new));
        assert!(found.iter().any(|(breaking, text)| *breaking && text.contains(told)), "{new}: {found:?}");
        // Breaking ones come first.
        assert!(found.first().unwrap().0, "{new}: {found:?}");
    }
}

#[test]
fn what_is_new_or_only_told_is_not_breaking() {
    for (old, new) in [
        ("title: Acme Parcels", "title: Acme Post"),
        ("name: page, in: query", "name: page, in: query, type: integer }, { name: size, in: query"),
        ("required: [weight, to]", "required: [weight]"),
        ("paths:\n", "paths:\n  /new:\n    get: { operationId: somethingNew }\n"),
    ] {
        let found = changes(&BEFORE.replace(old, new));
        assert!(!found.is_empty() && found.iter().all(|(breaking, _)| !breaking), "{new}: {found:?}");
    }
}
