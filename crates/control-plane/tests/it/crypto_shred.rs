//! Deleting an organization destroys its keys: what was sealed under them is nowhere, and does not open where somebody
//! puts it back.

use std::collections::HashSet;
use std::path::Path;

use audit::{Actor, Event, Journal, SignedReceipt, Target};
use cryptography::SecretBytes;
use ids::{OrganizationId, SecretId};
use sea_orm::{ConnectionTrait, Statement, Value};
use secrets_vault::{Kind, NewValue, Owner, Vault, VaultError};
use serde_json::json;
use test_support::{TestDatabase, on_both_stores};
use time::OffsetDateTime;

use crate::platform::{Browser, Platform};

/// A value as somebody may have copied it out of the store.
struct Copied {
    id: String,
    kind: String,
    version: i64,
    sealed: Vec<u8>,
}

/// Keeps a value of this size in the vault.
async fn keep(journal: &Journal, vault: &Vault, owner: Owner, size: usize) -> NewValue {
    let new = NewValue { id: SecretId::generate(), owner, kind: Kind::ApiKey };
    let change = journal.begin().await.unwrap();
    let value = SecretBytes::copy_of(&vec![b'v'; size]);
    vault.seal(&change, new, &value, OffsetDateTime::now_utc()).await.unwrap();
    change.commit(Event::done(Actor::System, "test", Target::Secret(new.id))).await.unwrap();
    new
}

async fn query(database: &TestDatabase, sql: &str, values: Vec<Value>) -> Vec<sea_orm::QueryResult> {
    let statement = Statement::from_sql_and_values(database.backend(), sql, values);
    database.connection().query_all_raw(statement).await.unwrap()
}

async fn copied(database: &TestDatabase, organization: OrganizationId) -> Vec<Copied> {
    let sql = "SELECT id, kind, version, sealed FROM sealed_values WHERE organization_id = $1";
    let rows = query(database, sql, vec![organization.to_string().into()]).await;
    let copy = |row: &sea_orm::QueryResult| Copied {
        id: row.try_get("", "id").unwrap(),
        kind: row.try_get("", "kind").unwrap(),
        version: row.try_get("", "version").unwrap(),
        sealed: row.try_get("", "sealed").unwrap(),
    };
    rows.iter().map(copy).collect()
}

/// The holder's keys: their identifiers and wrapped bytes.
async fn keys(database: &TestDatabase, holder: &str) -> Vec<(String, Vec<u8>)> {
    let sql = "SELECT id, wrapped FROM data_keys WHERE holder = $1";
    let rows = query(database, sql, vec![holder.into()]).await;
    rows.iter().map(|row| (row.try_get("", "id").unwrap(), row.try_get("", "wrapped").unwrap())).collect()
}

async fn count(database: &TestDatabase, table: &str, column: &str, id: &str) -> i64 {
    let sql = format!("SELECT COUNT(*) AS n FROM {table} WHERE {column} = $1");
    query(database, &sql, vec![id.into()]).await[0].try_get("", "n").unwrap()
}

async fn create(browser: &Browser, slug: &str) -> OrganizationId {
    let body = json!({ "slug": slug, "name": slug });
    let made = browser.call("POST", "/api/v1/organizations", Some(&body)).await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()["id"].as_str().unwrap().parse().unwrap()
}

async fn delete(browser: &Browser, organization: OrganizationId, slug: &str) -> SignedReceipt {
    let path = format!("/api/v1/organizations/{organization}?slug={slug}");
    let deleted = browser.call("DELETE", &path, None).await;
    assert_eq!(deleted.status, 200, "{}", deleted.text());
    SignedReceipt::parse(deleted.text().as_bytes()).unwrap()
}

on_both_stores! {
    async fn deleting_an_organization_destroys_its_keys_and_the_receipt_says_so(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let owner = platform.signed_in("owner").await;
        let (journal, vault) =
            (Journal::new(database.connection().clone()), &platform.demo.running.vault);
        let organization = platform.demo.seeded.organization;
        let app = platform.demo.seeded.apps["hello"].id;
        let member = platform.demo.seeded.people["member"].id;
        let other = create(&owner, "other").await;
        let stays = keep(&journal, vault, Owner::Organization(other), 40).await;
        for owner in [
            Owner::Organization(organization),
            Owner::App(organization, app),
            Owner::Member(organization, member),
        ] {
            keep(&journal, vault, owner, 40).await;
        }
        let holder = organization.to_string();
        let (copies, wrapped) = (copied(&database, organization).await, keys(&database, &holder).await);
        assert!(copies.len() > 3, "the demo's server secrets, too");
        let members = count(&database, "members", "organization_id", &holder).await;
        let apps = count(&database, "apps", "organization_id", &holder).await;

        let receipt = delete(&owner, organization, "acme").await;
        let root_key = vault.known_root_key().await.unwrap().unwrap();
        assert!(receipt.is_signed_by(&root_key.signing_key("audit heads").unwrap().public_key()));
        let said = &receipt.receipt;
        assert_eq!((said.organization, said.slug.as_str()), (organization, "acme"));
        assert_eq!((said.values, said.apps as i64, said.members as i64), (copies.len() as u64, apps, members));
        let destroyed: Vec<_> = said.data_keys.iter().map(ToString::to_string).collect();
        assert_eq!(destroyed, wrapped.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>());
        let record = query(
            &database,
            "SELECT action, detail FROM audit_events WHERE id = $1",
            vec![said.record.to_string().into()],
        )
        .await;
        assert_eq!(record[0].try_get::<String>("", "action").unwrap(), "organization.delete");
        let detail: serde_json::Value =
            serde_json::from_str(&record[0].try_get::<String>("", "detail").unwrap()).unwrap();
        assert_eq!(detail["destroyed"], json!({ "dataKeys": said.data_keys, "values": said.values }));
        assert_eq!(detail["before"]["apps"], said.apps);

        assert_eq!(count(&database, "sealed_values", "organization_id", &holder).await, 0);
        assert_eq!(keys(&database, &holder).await, []);
        let opened = vault.open(stays.id, stays.owner, stays.kind).await.unwrap();
        assert_eq!(opened.reveal(), [b'v'; 40], "another organization's");

        // Somebody puts a copy back. Without its key the store does not take it; with any other it does not open.
        let put_back = "INSERT INTO sealed_values \
            (id, kind, organization_id, version, data_key_id, sealed, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let values = |copy: &Copied, organization: Option<OrganizationId>, key: &str| -> Vec<Value> {
            vec![
                copy.id.clone().into(),
                copy.kind.clone().into(),
                organization.map(|id| id.to_string()).into(),
                copy.version.into(),
                key.to_owned().into(),
                copy.sealed.clone().into(),
                OffsetDateTime::now_utc().into(),
            ]
        };
        let refused = Statement::from_sql_and_values(
            database.backend(),
            put_back,
            values(&copies[0], Some(other), &destroyed[0]),
        );
        assert!(database.connection().execute_raw(refused).await.is_err(), "its key is gone");
        let live = [keys(&database, "platform").await, keys(&database, &other.to_string()).await].concat();
        assert!(live.len() >= 2);
        for copy in &copies {
            let (id, kind) = (copy.id.parse().unwrap(), copy.kind.parse().unwrap());
            for (key, _) in &live {
                query(&database, put_back, values(copy, Some(other), key)).await;
                let opened = vault.open(id, Owner::Organization(other), kind).await;
                assert!(
                    matches!(opened.err(), Some(VaultError::Tampered(_) | VaultError::KeyTampered(_))),
                    "{} under {key}",
                    copy.id
                );
                query(&database, "DELETE FROM sealed_values WHERE id = $1", vec![copy.id.clone().into()]).await;
            }
        }
    }

    async fn a_member_s_values_go_with_the_membership_and_an_app_s_with_the_app(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let owner = platform.signed_in("owner").await;
        let (journal, vault) =
            (Journal::new(database.connection().clone()), &platform.demo.running.vault);
        let organization = platform.demo.seeded.organization;
        let app = platform.demo.seeded.apps["hello"].id;
        let member = platform.demo.seeded.people["member"].id;
        let of_member = keep(&journal, vault, Owner::Member(organization, member), 40).await;
        let of_app = keep(&journal, vault, Owner::App(organization, app), 40).await;
        let of_all = keep(&journal, vault, Owner::Organization(organization), 40).await;
        let gone = async |value: NewValue| {
            matches!(vault.open(value.id, value.owner, value.kind).await.err(), Some(VaultError::NotFound))
        };
        assert!(!gone(of_member).await && !gone(of_app).await);

        let membership = format!("/api/v1/organizations/{organization}/members/{member}");
        assert_eq!(owner.call("DELETE", &membership, None).await.status, 200);
        assert!(gone(of_member).await);
        assert!(!gone(of_app).await);
        assert_eq!(owner.call("DELETE", &format!("/api/v1/apps/{app}"), None).await.status, 204);
        assert!(gone(of_app).await);
        assert_eq!(count(&database, "server_secrets", "app_id", &app.to_string()).await, 0);
        assert!(!gone(of_all).await);
    }
}

/// As many bytes of something as nothing else has by chance.
type Piece = [u8; 24];

/// What must not be found any more: pieces, since long values are spread over pages.
fn pieces(bytes: &[u8]) -> impl Iterator<Item = Piece> {
    bytes.chunks(700).filter_map(|chunk| chunk.first_chunk().copied())
}

/// Which of these stand in the files of a folder.
fn found(folder: &Path, wanted: &HashSet<Piece>) -> HashSet<Piece> {
    let mut found = HashSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        found.extend(bytes.windows(24).filter_map(|window| wanted.get(window).copied()));
    }
    found
}

#[test]
fn after_the_deletion_neither_key_nor_sealed_bytes_are_in_the_sqlite_files() {
    test_support::run(async {
        let database = TestDatabase::sqlite().await;
        let platform = Platform::start(&database).await;
        let owner = platform.signed_in("owner").await;
        let (journal, vault) =
            (Journal::new(database.connection().clone()), platform.demo.running.vault.clone());
        // Between others, so that pages are shared, split and merged; replaced, so that rows moved.
        let mut organizations = Vec::new();
        for index in 0..12 {
            organizations.push(create(&owner, &format!("org{index}")).await);
        }
        let doomed = organizations[5];
        let mut everything_ever = Vec::new();
        for round in 0..20_usize {
            for organization in &organizations {
                let size = [20, 300, 2_000, 9_000, 65_000][round % 5] + round;
                let new = keep(&journal, &vault, Owner::Organization(*organization), size).await;
                if *organization == doomed {
                    everything_ever
                        .extend(copied(&database, doomed).await.into_iter().map(|copy| copy.sealed));
                }
                if round % 3 == 0 {
                    let change = journal.begin().await.unwrap();
                    let value = SecretBytes::copy_of(&vec![b'w'; size / 2 + 1]);
                    vault.replace(&change, new, &value, OffsetDateTime::now_utc()).await.unwrap();
                    change.commit(Event::done(Actor::System, "test", Target::Secret(new.id))).await.unwrap();
                }
            }
        }
        everything_ever.extend(copied(&database, doomed).await.into_iter().map(|copy| copy.sealed));
        everything_ever.sort();
        everything_ever.dedup();
        assert!(everything_ever.len() >= 25, "{}", everything_ever.len());
        let key_of = async |organization: OrganizationId| -> HashSet<Piece> {
            let wrapped = keys(&database, &organization.to_string()).await.remove(0).1;
            HashSet::from([*wrapped.first_chunk().unwrap(), *wrapped.last_chunk().unwrap()])
        };
        let (key, other_key) = (key_of(doomed).await, key_of(organizations[6]).await);
        let sealed: HashSet<Piece> = everything_ever.iter().flat_map(|sealed| pieces(sealed)).collect();
        let current: HashSet<Piece> = copied(&database, doomed)
            .await
            .iter()
            .flat_map(|copy| pieces(&copy.sealed).collect::<Vec<_>>())
            .collect();
        let file = Path::new(database.url().trim_start_matches("sqlite:"));
        let folder = file.parent().unwrap();
        assert_eq!(found(folder, &key), key);
        // All but the pieces that a page ends in.
        let there = found(folder, &current).len();
        assert!(
            there * 100 > current.len() * 95,
            "the search finds what is there: {there} of {}",
            current.len()
        );

        delete(&owner, doomed, "org5").await;
        assert_eq!(found(folder, &key).len(), 0, "the wrapped key");
        assert_eq!(found(folder, &sealed).len(), 0, "of {} pieces of sealed values", sealed.len());
        assert_eq!(found(folder, &other_key), other_key, "another organization's stays");
    });
}
