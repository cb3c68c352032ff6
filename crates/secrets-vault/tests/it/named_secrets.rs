//! Secrets by name: who has which, what collides, what is shown.

use access_control::{
    Environment, ListAppSecrets, ListOwnSecrets, ListSecrets, ManageAppSecrets, ManageOwnSecrets,
    ManageSecrets,
};
use futures_util::future::join_all;
use secrets_vault::{Kind, NewSecretValue, Owner, Secret, SecretError, SecretScope, VariableError};
use test_support::TestDatabase;

use Environment::{Preview, Production};

use crate::office::{Office, another, new, occasion, text, variable};

impl Office {
    pub async fn create(&self, new: secrets_vault::NewSecret) -> Result<Secret, SecretError> {
        self.secrets.create(&self.within::<ManageSecrets>(self.owner), new, occasion()).await
    }

    pub async fn create_in_app(
        &self,
        app: ids::AppId,
        new: secrets_vault::NewSecret,
    ) -> Result<Secret, SecretError> {
        let permit = self.on::<ManageAppSecrets>(self.editor, app).unwrap();
        self.app_secrets.create(&permit, new, occasion()).await
    }

    async fn opened(&self, secret: &Secret) -> Vec<u8> {
        let opened = self.house.vault.open(secret.id, secret.owner, secret.kind).await;
        let opened = opened.unwrap();
        // What it is for stands before it, each with its length.
        let (length, rest) = opened.reveal().split_first_chunk().unwrap();
        rest[u32::from_be_bytes(*length) as usize + 4..].to_vec()
    }
}

test_support::on_both_stores! {
    async fn a_secret_is_made_listed_replaced_and_deleted(database: TestDatabase) {
        let office = Office::new(database).await;
        let (list, manage) =
            (office.within::<ListSecrets>(office.editor), office.within::<ManageSecrets>(office.owner));
        let made = office.create(variable("GREETING", Production, "hello")).await.unwrap();
        assert_eq!((made.version, made.created_by), (1, office.owner));
        assert_eq!(office.secrets.find(&list, made.id).await.unwrap(), made);
        assert_eq!(office.secrets.list(&list, None, 10).await.unwrap(), std::slice::from_ref(&made));

        let permit = office.within::<ManageSecrets>(office.editor);
        let replaced = office.secrets.replace(&permit, made.id, another("hi"), occasion()).await.unwrap();
        assert_eq!((replaced.version, replaced.updated_by), (2, office.editor));
        assert_eq!((replaced.created_by, &replaced.name), (office.owner, &made.name));
        assert_eq!(office.secrets.find(&list, made.id).await.unwrap(), replaced);
        assert_eq!(office.opened(&replaced).await, b"hi");

        // Somebody who looked before that does not overwrite it.
        let late = NewSecretValue { value: text("late"), expected_version: Some(1) };
        let refused = office.secrets.replace(&manage, made.id, late, occasion()).await;
        assert!(matches!(refused, Err(SecretError::Changed)));
        assert_eq!(office.opened(&replaced).await, b"hi");
        let current = NewSecretValue { value: text("now"), expected_version: Some(2) };
        assert_eq!(office.secrets.replace(&manage, made.id, current, occasion()).await.unwrap().version, 3);

        office.secrets.delete(&manage, made.id, occasion()).await.unwrap();
        assert_eq!(office.secrets.list(&list, None, 10).await.unwrap(), []);
        assert!(matches!(office.secrets.find(&list, made.id).await, Err(SecretError::NotFound)));
        let again = office.secrets.delete(&manage, made.id, occasion()).await;
        assert!(matches!(again, Err(SecretError::NotFound)));
        assert_eq!((office.count("secrets").await, office.count("sealed_values").await), (0, 0));
        office.create(variable("GREETING", Production, "again")).await.unwrap();
    }

    async fn each_change_leaves_one_event_without_the_value_or_its_length(database: TestDatabase) {
        let office = Office::new(database).await;
        let permit = office.within::<ManageSecrets>(office.owner);
        let value = "canary-".to_owned() + &"x".repeat(4312);
        let made = office.create(new(Kind::ApiKey, "Billing", Some(Preview), text(&value))).await.unwrap();
        office.secrets.replace(&permit, made.id, another(&value), occasion()).await.unwrap();
        office.secrets.delete(&permit, made.id, occasion()).await.unwrap();
        let trail = office.trail().await;
        assert_eq!(trail.len(), 3, "{trail:#?}");
        for (line, (before, after)) in trail.iter().zip([("null", "1"), ("1", "2"), ("2", "null")]) {
            assert!(line.starts_with("secrets.manage "), "{line}");
            let detail: serde_json::Value = serde_json::from_str(&line["secrets.manage ".len()..]).unwrap();
            assert_eq!((&detail["name"], &detail["kind"]), (&"Billing".into(), &"api_key".into()));
            assert_eq!(
                (&detail["scope"], &detail["environment"]),
                (&"organization".into(), &"preview".into())
            );
            let version = |side: &str| match &detail[side] {
                serde_json::Value::Null => "null".to_owned(),
                side => side["version"].to_string(),
            };
            assert_eq!((version("before").as_str(), version("after").as_str()), (before, after));
            assert!(!line.contains("canary") && !line.contains("4319"), "{line}");
        }
    }

    /// A mask that is saved back is refused, and the value stays.
    async fn k09_a_mask_that_is_saved_back_is_refused(database: TestDatabase) {
        let office = Office::new(database).await;
        let permit = office.within::<ManageSecrets>(office.owner);
        let made = office
            .create(new(Kind::ApiKey, "Billing", Some(Production), text("sk_live_0123456789abcdef")))
            .await
            .unwrap();
        for mask in [made.mask(), "••••".to_owned()] {
            let refused = office.secrets.replace(&permit, made.id, another(&mask), occasion()).await;
            assert!(matches!(refused, Err(SecretError::Value(_))), "{mask}");
        }
        assert_eq!(office.opened(&made).await, b"sk_live_0123456789abcdef");
        assert_eq!(office.secrets.find(&office.within(office.owner), made.id).await.unwrap().version, 1);
        assert_eq!(office.trail().await.len(), 1);
    }

    /// The end is shown of long keys and tokens only.
    async fn k01_a_mask_shows_nothing_but_the_end_of_long_keys(database: TestDatabase) {
        let office = Office::new(database).await;
        let mask = async |kind, name: &str, value: &str| {
            office.create(new(kind, name, Some(Production), text(value))).await.unwrap().mask()
        };
        let long = "sk_live_0123456789abcdef";
        assert_eq!(mask(Kind::ApiKey, "a", long).await, "••••cdef");
        assert_eq!(mask(Kind::BearerToken, "b", long).await, "••••cdef");
        assert_eq!(mask(Kind::ApiKey, "c", &long[..20]).await, "••••89ab");
        assert_eq!(mask(Kind::ApiKey, "d", &long[..19]).await, "••••");
        assert_eq!(mask(Kind::ApiKey, "e", "0123456789 0123456789").await, "••••");
        assert_eq!(mask(Kind::ApiKey, "f", "0123456789012345678é").await, "••••");
        assert_eq!(mask(Kind::EnvironmentVariable, "G", long).await, "••••");
        let address = new(Kind::ConnectionString, "h", None, text("postgres://user:password@host/database"));
        assert_eq!(office.create(address).await.unwrap().mask(), "••••");
        let tail = office.create(new(Kind::ApiKey, "i", Some(Production), text(long))).await.unwrap();
        let permit = office.within::<ManageSecrets>(office.owner);
        let short = office.secrets.replace(&permit, tail.id, another("short"), occasion()).await.unwrap();
        assert_eq!(short.mask(), "••••");
        assert_eq!(office.secrets.find(&office.within(office.owner), tail.id).await.unwrap().mask(), "••••");
    }

    /// Whether something may be secret is not asked: nothing that is kept is ever shown.
    async fn k07_every_environment_variable_is_secret(database: TestDatabase) {
        let office = Office::new(database).await;
        for (name, value) in [("LOG_LEVEL", "debug"), ("PUBLIC_URL", "https://example.com/a/long/path")] {
            let made = office.create(variable(name, Production, value)).await.unwrap();
            assert_eq!((made.mask().as_str(), made.tail), ("••••", None));
        }
    }

    async fn one_name_is_taken_once(database: TestDatabase) {
        let office = Office::new(database).await;
        let taken = async |new| {
            let refused = office.create(new).await;
            assert!(matches!(refused, Err(SecretError::NameTaken)), "{:?}", refused.map(|made| made.name));
        };
        office.create(variable("Api_Url", Production, "a")).await.unwrap();
        taken(variable("API_URL", Production, "b")).await;
        taken(variable("api_url", Production, "b")).await;
        // Another environment, an app, and another app are other places.
        office.create(variable("API_URL", Preview, "b")).await.unwrap();
        office.create_in_app(office.app, variable("API_URL", Production, "c")).await.unwrap();
        office.create_in_app(office.hidden, variable("API_URL", Production, "d")).await.unwrap();
        let refused = office.create_in_app(office.app, variable("api_url", Production, "e")).await;
        assert!(matches!(refused, Err(SecretError::NameTaken)));

        let key = |kind, name| new(kind, name, Some(Production), text("k"));
        let made = office.create(key(Kind::ApiKey, "My  Stripe-API ")).await.unwrap();
        assert_eq!(made.variable.as_deref(), Some("CUSTOM_API_MY_STRIPE_API"));
        taken(key(Kind::ApiKey, "my stripe api")).await;
        taken(key(Kind::BearerToken, "My.Stripe.Api!")).await;

        let address = |name| new(Kind::ConnectionString, name, None, text("postgres://host/db"));
        office.create(address("Warehouse")).await.unwrap();
        taken(address("warehouse")).await;
        assert_eq!(office.count("secrets").await, 6);
    }

    async fn each_kind_has_its_scopes(database: TestDatabase) {
        let office = Office::new(database).await;
        let tokens = || {
            crate::office::parts(secrets_vault::GivenParts {
                access_token: crate::office::secret("t"),
                ..secrets_vault::GivenParts::default()
            })
        };
        let manage_own = office.within::<ManageOwnSecrets>(office.member);
        let own = async |new| office.own_secrets.create(&manage_own, new, occasion()).await;
        own(new(Kind::OauthTokenSet, "calendar", None, tokens())).await.unwrap();
        own(new(Kind::ApiKey, "mine", None, text("k"))).await.unwrap();
        for kind in [Kind::EnvironmentVariable, Kind::ConnectionString, Kind::SshPrivateKey] {
            let refused = own(new(kind, "X", None, text("k"))).await;
            assert!(matches!(refused, Err(SecretError::Scope(SecretScope::Personal, _))), "{kind:?}");
        }
        let refused = office.create_in_app(office.app, new(Kind::OauthTokenSet, "x", None, tokens())).await;
        assert!(matches!(refused, Err(SecretError::Scope(SecretScope::App, _))));
        office.create(new(Kind::OauthTokenSet, "shared", None, tokens())).await.unwrap();
        for kind in [Kind::ServerSecret, Kind::UserTokenKey, Kind::RootKey] {
            for refused in [
                office.create(new(kind, "x", None, text("k"))).await,
                office.create_in_app(office.app, new(kind, "x", None, text("k"))).await,
                own(new(kind, "x", None, text("k"))).await,
            ] {
                assert!(matches!(refused, Err(SecretError::Scope(..))), "{kind:?}");
            }
        }
        // What is injected says where; what is not, does not.
        let refused = office.create(new(Kind::ApiKey, "x", None, text("k"))).await;
        assert!(matches!(refused, Err(SecretError::EnvironmentMissing)));
        let refused = own(new(Kind::ApiKey, "x", Some(Preview), text("k"))).await;
        assert!(matches!(refused, Err(SecretError::EnvironmentUnexpected)));
        let address = new(Kind::ConnectionString, "x", Some(Preview), text("postgres://host/db"));
        assert!(matches!(office.create(address).await, Err(SecretError::EnvironmentUnexpected)));
    }

    /// A builder of the organization does not decide what code somebody else's app runs.
    async fn reserved_variables_are_refused(database: TestDatabase) {
        let office = Office::new(database).await;
        let refused = async |name: &str| match office.create(variable(name, Production, "v")).await {
            Err(SecretError::Variable(error)) => error,
            other => panic!("{name}: {other:?}"),
        };
        for name in [
            "VYBE_SERVER_SECRET", "vybe_server_secret", "VYBE_ANYTHING", "NEXT_PUBLIC_VYBE_BASE_URL",
            "NEXT_PUBLIC_APP_NAME", "DATABASE_URL", "database_url", "CUSTOM_API_STRIPE", "hostname", "PORT",
        ] {
            assert_eq!(refused(name).await, VariableError::Platform, "{name}");
        }
        for name in [
            "LD_PRELOAD", "ld_library_path", "DYLD_INSERT_LIBRARIES", "NODE_OPTIONS", "NODE_PATH",
            "NODE_EXTRA_CA_CERTS", "NODE_TLS_REJECT_UNAUTHORIZED", "PATH", "HOME", "SHELL", "IFS", "ENV",
            "BASH_ENV", "PYTHONPATH", "RUBYOPT", "PERL5LIB", "http_proxy", "HTTPS_PROXY", "ALL_PROXY",
            "NO_PROXY", "SSL_CERT_FILE", "OPENSSL_CONF", "NPM_CONFIG_REGISTRY", "__NEXT_PRIVATE_STANDALONE_CONFIG",
            "NEXT_SERVER_ACTIONS_ENCRYPTION_KEY", "COREPACK_NPM_REGISTRY", "YARN_IGNORE_PATH", "TURBO_API",
            "PRISMA_QUERY_ENGINE_LIBRARY", "ESBUILD_BINARY_PATH", "AWS_ENDPOINT_URL_S3", "PGHOST",
        ] {
            assert_eq!(refused(name).await, VariableError::Loader, "{name}");
        }
        for name in ["", "1A", "A-B", "A B", "A=B", "A\0", "Ä", &"A".repeat(129)] {
            assert_eq!(refused(name).await, VariableError::Malformed, "{name:?}");
        }
        for name in ["_A", "A1", "NODE_ENV", "PATHS", &"A".repeat(128)] {
            office.create(variable(name, Production, "v")).await.unwrap();
        }
        let unnamable = new(Kind::ApiKey, "\u{682a}\u{5f0f}", Some(Production), text("k"));
        let refused = office.create(unnamable).await;
        assert!(matches!(refused, Err(SecretError::Variable(VariableError::Unnamable))));
    }

    /// An identifier is no capability: in another place than its own it names nothing.
    async fn a_secret_is_only_where_it_belongs(database: TestDatabase) {
        let office = Office::new(database).await;
        let shared = office.create(variable("A", Production, "a")).await.unwrap();
        let of_app = office.create_in_app(office.hidden, variable("A", Production, "b")).await.unwrap();
        let permit = office.within::<ManageOwnSecrets>(office.member);
        let key = new(Kind::ApiKey, "mine", None, text("k"));
        let own = office.own_secrets.create(&permit, key, occasion()).await.unwrap();
        assert_eq!(own.owner, Owner::Member(office.organization, office.member));

        let list = office.within::<ListSecrets>(office.owner);
        assert_eq!(office.secrets.list(&list, None, 10).await.unwrap(), std::slice::from_ref(&shared));
        let manage = office.within::<ManageSecrets>(office.owner);
        let own_list = office.within::<ListOwnSecrets>(office.owner);
        let own_manage = office.within::<ManageOwnSecrets>(office.owner);
        let app_list = office.on::<ListAppSecrets>(office.editor, office.app).unwrap();
        let app_manage = office.on::<ManageAppSecrets>(office.editor, office.app).unwrap();
        let elsewhere = office.within::<ManageSecrets>(office.outsider);
        for secret in [&of_app, &own] {
            assert!(office.secrets.find(&list, secret.id).await.is_err());
            assert!(office.secrets.uses(&list, secret.id, occasion()).await.is_err());
            assert!(office.secrets.replace(&manage, secret.id, another("x"), occasion()).await.is_err());
            assert!(office.secrets.delete(&manage, secret.id, occasion()).await.is_err());
        }
        for secret in [&shared, &of_app, &own] {
            assert!(office.own_secrets.find(&own_list, secret.id).await.is_err());
            assert!(office.own_secrets.replace(&own_manage, secret.id, another("x"), occasion()).await.is_err());
            assert!(office.own_secrets.delete(&own_manage, secret.id, occasion()).await.is_err());
            assert!(office.app_secrets.find(&app_list, secret.id).await.is_err());
            assert!(office.app_secrets.replace(&app_manage, secret.id, another("x"), occasion()).await.is_err());
            assert!(office.app_secrets.delete(&app_manage, secret.id, occasion()).await.is_err());
            let refused = office.secrets.replace(&elsewhere, secret.id, another("x"), occasion()).await;
            assert!(matches!(refused, Err(SecretError::NotFound)));
            let refused = office.secrets.delete(&elsewhere, secret.id, occasion()).await;
            assert!(matches!(refused, Err(SecretError::NotFound)));
        }
        assert_eq!(office.own_secrets.list(&own_list, None, 10).await.unwrap(), []);
        assert_eq!(office.app_secrets.list(&app_list, None, 10).await.unwrap(), []);
        assert!(office.on::<ListAppSecrets>(office.owner, office.hidden).is_err());
        assert_eq!(office.opened(&shared).await, b"a");
        assert_eq!(office.opened(&of_app).await, b"b");
        assert_eq!(office.opened(&own).await, b"k");
    }

    async fn what_is_ones_own_ends_with_the_membership(database: TestDatabase) {
        let office = Office::new(database).await;
        let permit = office.within::<ManageOwnSecrets>(office.member);
        let key = || new(Kind::ApiKey, "mine", None, text("k"));
        office.own_secrets.create(&permit, key(), occasion()).await.unwrap();
        let sql = "DELETE FROM members WHERE user_id = $1";
        office.execute(sql, [office.member.to_string().into()]).await;
        assert_eq!((office.count("secrets").await, office.count("sealed_values").await), (0, 0));
        // Leave that was given a moment before makes none that nobody could see any more.
        let late = office.own_secrets.create(&permit, key(), occasion()).await;
        assert!(matches!(late, Err(SecretError::NotFound)), "{late:?}");
        let permit = office.on::<ManageAppSecrets>(office.editor, office.app).unwrap();
        office.create_in_app(office.app, variable("A", Production, "a")).await.unwrap();
        office.execute("DELETE FROM apps WHERE id = $1", [office.app.to_string().into()]).await;
        assert_eq!(office.count("sealed_values").await, 0);
        let late = office.app_secrets.create(&permit, variable("A", Production, "a"), occasion()).await;
        assert!(matches!(late, Err(SecretError::NotFound)), "{late:?}");
    }

    async fn k26_of_a_hundred_parallel_writers_the_last_one_counts(database: TestDatabase) {
        let office = Office::new(database).await;
        let creations = (0..100).map(|number| {
            let office = &office;
            async move { (number, office.create(variable("CONTESTED", Production, &format!("new {number}"))).await) }
        });
        let created: Vec<_> = join_all(creations).await;
        let (won, lost): (Vec<_>, Vec<_>) = created.into_iter().partition(|(_, made)| made.is_ok());
        assert_eq!((won.len(), lost.len()), (1, 99));
        for (_, refused) in lost {
            assert!(matches!(refused, Err(SecretError::NameTaken)), "{refused:?}");
        }
        let (number, made) = won.into_iter().next().unwrap();
        let made = made.unwrap();
        assert_eq!(office.opened(&made).await, format!("new {number}").as_bytes());

        let permit = office.within::<ManageSecrets>(office.owner);
        let writes = (0..100).map(|number| {
            let (office, permit, id) = (&office, &permit, made.id);
            async move {
                let value = format!("{number} \u{1f511} {}", "x".repeat(number));
                let written = office.secrets.replace(permit, id, another(&value), occasion()).await;
                (written.unwrap().version, value)
            }
        });
        let mut written = join_all(writes).await;
        written.sort();
        let versions: Vec<_> = written.iter().map(|(version, _)| *version).collect();
        assert_eq!(versions, (2..=101).collect::<Vec<i64>>());
        let (_, last) = written.pop().unwrap();
        assert_eq!(office.opened(&made).await, last.as_bytes());
        assert_eq!(office.secrets.find(&office.within(office.owner), made.id).await.unwrap().version, 101);
    }

    /// An Editor of the organization stops no app that they cannot see: Linux starts a program with 2 MiB of variables.
    async fn k26_one_environment_gets_no_more_than_a_program_can_start_with(database: TestDatabase) {
        let office = Office::new(database).await;
        let large = "x".repeat(65_000);
        let permit = office.within::<ManageSecrets>(office.owner);
        for number in 0..8 {
            office.create(variable(&format!("V{number}"), Production, &large)).await.unwrap();
        }
        let small = office.create(variable("SMALL", Production, "x")).await.unwrap();
        let refused = office.create(variable("V8", Production, &large)).await;
        assert!(matches!(refused, Err(SecretError::TooMuchInjected)), "{refused:?}");
        let refused = office.secrets.replace(&permit, small.id, another(&large), occasion()).await;
        assert!(matches!(refused, Err(SecretError::TooMuchInjected)), "{refused:?}");
        assert_eq!(office.opened(&small).await, b"x");
        // What other environments and apps get is counted by itself, and what is not injected not at all.
        let preview = office.create(variable("V8", Preview, &large)).await.unwrap();
        let address = format!("postgres://host/db?application_name={large}");
        office.create(new(Kind::ConnectionString, "db", None, text(&address))).await.unwrap();
        for app in [office.app, office.hidden] {
            for number in 0..8 {
                office.create_in_app(app, variable(&format!("A{number}"), Production, &large)).await.unwrap();
            }
            let refused = office.create_in_app(app, variable("A8", Production, &large)).await;
            assert!(matches!(refused, Err(SecretError::TooMuchInjected)), "{refused:?}");
        }
        let assembled = office.assemble(office.editor, office.app, Production).await.unwrap();
        assert_eq!(assembled.names().count(), 17);
        assert!(assembled.names().map(|name| name.len() + assembled.get(name).unwrap().reveal().len() + 10).sum::<usize>() <= 1 << 20);

        // All of the organization's are at most 64 MiB: as if this one were nearly all of them.
        let sql = match office.house.database.backend() {
            sea_orm::DatabaseBackend::Postgres => "UPDATE sealed_values SET sealed = decode(repeat('00', 66000000), 'hex') WHERE id = $1",
            _ => "UPDATE sealed_values SET sealed = zeroblob(66000000) WHERE id = $1",
        };
        office.execute(sql, [preview.id.to_string().into()]).await;
        let address = || text(&format!("postgres://host/db?application_name={}", "x".repeat(60_000)));
        let mut made = Vec::new();
        let refused = loop {
            let name = format!("db {}", made.len());
            match office.create(new(Kind::ConnectionString, &name, None, address())).await {
                Ok(secret) => made.push(secret),
                Err(refused) => break refused,
            }
        };
        assert!(matches!(refused, SecretError::TooManyBytes), "{refused:?}");
        assert_eq!(made.len(), 8, "66,000,000 and nine times 65,000 are there");
    }

    async fn k26_one_person_keeps_at_most_a_mebibyte(database: TestDatabase) {
        let office = Office::new(database).await;
        let permit = office.within::<ManageOwnSecrets>(office.member);
        let own = async |number: usize| {
            let key = new(Kind::ApiKey, &format!("key {number}"), None, text(&"x".repeat(65_000)));
            office.own_secrets.create(&permit, key, occasion()).await
        };
        for number in 0..16 {
            own(number).await.unwrap();
        }
        let refused = own(16).await;
        assert!(matches!(refused, Err(SecretError::TooManyBytes)), "{refused:?}");
    }

    async fn a_list_comes_in_pieces(database: TestDatabase) {
        let office = Office::new(database).await;
        let mut made = Vec::new();
        for number in 0..5 {
            made.push(office.create(variable(&format!("V{number}"), Production, "v")).await.unwrap());
        }
        made.sort_by_key(|secret| secret.id.to_string());
        let permit = office.within::<ListSecrets>(office.owner);
        assert_eq!(office.secrets.list(&permit, None, 2).await.unwrap(), made[..2]);
        assert_eq!(office.secrets.list(&permit, Some(made[1].id), 2).await.unwrap(), made[2..4]);
        assert_eq!(office.secrets.list(&permit, Some(made[3].id), 2).await.unwrap(), made[4..]);
    }
}
