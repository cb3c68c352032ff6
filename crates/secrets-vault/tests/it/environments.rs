//! What a deployment gets in its environment.

use access_control::{AssembleEnvironment, Environment, ListAppSecrets, ListSecrets, ManageOwnSecrets};
use cryptography::SecretBytes;
use ids::{AppId, UserId};
use secrets_vault::{GivenParts, InjectedEnvironment, Kind, PlatformVariable, SecretError, VaultError};
use test_support::TestDatabase;

use Environment::{Preview, Production};

use crate::office::{Office, new, occasion, parts, secret, text, variable};

impl Office {
    pub async fn assemble(
        &self,
        user: UserId,
        app: AppId,
        environment: Environment,
    ) -> Result<InjectedEnvironment, SecretError> {
        let permit = self.deploying::<AssembleEnvironment>(user, app).unwrap();
        self.environments.assemble(&permit, environment, Vec::new(), occasion()).await
    }
}

fn value<'a>(environment: &'a InjectedEnvironment, name: &str) -> &'a [u8] {
    environment.get(name).unwrap_or_else(|| panic!("no {name}")).reveal()
}

test_support::on_both_stores! {
    /// Each byte that went in comes out.
    async fn k26_exact_bytes_reach_the_app(database: TestDatabase) {
        let office = Office::new(database).await;
        let largest = "\u{1f511}".repeat(secrets_vault::LARGEST_VALUE / 4);
        let values = [
            "a", " ", "\n", "two\nlines\r\n", "a=b", "$HOME `id` \"quoted\" 'single' \\", "\t\u{7f}\u{1}",
            "\u{feff}bom", "e\u{301} \u{e9}", "\u{fffd}", "#no comment", "\u{1f469}\u{200d}\u{1f4bb}", &largest,
        ];
        for (number, value) in values.iter().enumerate() {
            office.create(variable(&format!("V{number}"), Production, value)).await.unwrap();
        }
        let assembled = office.assemble(office.editor, office.app, Production).await.unwrap();
        assert_eq!(assembled.names().count(), values.len());
        for (number, expected) in values.iter().enumerate() {
            assert_eq!(value(&assembled, &format!("V{number}")), expected.as_bytes(), "V{number}");
        }
    }

    async fn the_app_stands_before_the_organization_and_environments_share_nothing(database: TestDatabase) {
        let office = Office::new(database).await;
        let shared = office.create(variable("Shared_Name", Production, "organization")).await.unwrap();
        office.create(variable("ONLY_ORGANIZATION", Production, "organization")).await.unwrap();
        office.create(variable("SHARED_NAME", Preview, "organization in preview")).await.unwrap();
        office.create_in_app(office.app, variable("SHARED_NAME", Production, "app")).await.unwrap();
        office.create_in_app(office.app, variable("ONLY_PREVIEW", Preview, "app in preview")).await.unwrap();
        office.create_in_app(office.hidden, variable("OF_ANOTHER_APP", Production, "x")).await.unwrap();
        let key = new(Kind::ApiKey, "Stripe", Some(Production), text("raw key"));
        office.create(key).await.unwrap();
        let basic = GivenParts { user: secret("user"), password: secret("pass"), ..GivenParts::default() };
        office.create(new(Kind::BasicCredentials, "Old Service", Some(Production), parts(basic))).await.unwrap();
        office.create(new(Kind::ConnectionString, "db", None, text("postgres://host/db"))).await.unwrap();
        let permit = office.within::<ManageOwnSecrets>(office.editor);
        let own = new(Kind::BearerToken, "Personal", None, text("mine"));
        office.own_secrets.create(&permit, own, occasion()).await.unwrap();

        let production = office.assemble(office.editor, office.app, Production).await.unwrap();
        let names: Vec<_> = production.names().collect();
        assert_eq!(
            names,
            ["CUSTOM_API_OLD_SERVICE", "CUSTOM_API_STRIPE", "ONLY_ORGANIZATION", "SHARED_NAME"]
        );
        assert_eq!(value(&production, "SHARED_NAME"), b"app");
        assert_eq!(value(&production, "CUSTOM_API_STRIPE"), b"raw key");
        assert_eq!(value(&production, "CUSTOM_API_OLD_SERVICE"), b"user:pass");
        let preview = office.assemble(office.editor, office.app, Preview).await.unwrap();
        assert_eq!(preview.names().collect::<Vec<_>>(), ["ONLY_PREVIEW", "SHARED_NAME"]);
        assert_eq!(value(&preview, "SHARED_NAME"), b"organization in preview");

        // The same by name, without values.
        let permit = office.on::<ListAppSecrets>(office.editor, office.app).unwrap();
        let listed = office.environments.preview(&permit, Production).await.unwrap();
        let listed_names: Vec<_> = listed.iter().map(|source| source.variable.as_str()).collect();
        assert_eq!(listed_names, names);
        assert_eq!(listed[3].overrides, Some(shared.id));
        assert_eq!(listed[2].overrides, None);
    }

    async fn what_the_platform_gives_stands_before_everything(database: TestDatabase) {
        let office = Office::new(database).await;
        office.create(variable("A", Production, "a")).await.unwrap();
        let permit = office.deploying::<AssembleEnvironment>(office.editor, office.app).unwrap();
        let given = vec![PlatformVariable {
            name: "VYBE_SERVER_SECRET".to_owned(),
            value: SecretBytes::copy_of(b"server secret"),
        }];
        let assembled = office.environments.assemble(&permit, Production, given, occasion()).await.unwrap();
        assert_eq!(assembled.names().collect::<Vec<_>>(), ["A", "VYBE_SERVER_SECRET"]);
        assert_eq!(value(&assembled, "VYBE_SERVER_SECRET"), b"server secret");
        let trail = office.trail().await;
        assert!(!trail.iter().any(|line| line.contains("server secret")), "{trail:#?}");
    }

    async fn what_was_injected_is_written_down(database: TestDatabase) {
        let office = Office::new(database).await;
        let list = office.within::<ListSecrets>(office.owner);
        let made = office.create(variable("A", Production, "canary value")).await.unwrap();
        assert!(office.secrets.uses(&list, made.id, occasion()).await.unwrap().is_empty());
        office.assemble(office.editor, office.app, Production).await.unwrap();
        office.assemble(office.editor, office.hidden, Production).await.unwrap();
        office.assemble(office.editor, office.app, Production).await.unwrap();

        let found = office.secrets.find(&list, made.id).await.unwrap();
        assert!(found.last_injected_at.is_some());
        // The Owner does not see the hidden app, and not here that it is there.
        let uses = office.secrets.uses(&list, made.id, occasion()).await.unwrap();
        let apps: Vec<_> = uses.iter().map(|used| (used.app, used.version, used.injected_by)).collect();
        assert_eq!(apps, [(office.app, 1, office.editor)]);
        let permit = office.within::<ListSecrets>(office.editor);
        assert_eq!(office.secrets.uses(&permit, made.id, occasion()).await.unwrap().len(), 2);

        let trail = office.trail().await;
        let events: Vec<_> = trail.iter().filter(|line| line.starts_with("environment.assemble ")).collect();
        assert_eq!(events.len(), 3);
        for line in events {
            assert!(line.contains(&made.id.to_string()) && line.contains("\"version\":1"), "{line}");
            assert!(!line.contains("canary"), "{line}");
        }
    }

    /// What nobody can read about does not happen.
    async fn nothing_is_injected_that_the_trail_does_not_take(database: TestDatabase) {
        let office = Office::new(database).await;
        let made = office.create(variable("A", Production, "a")).await.unwrap();
        office.execute("ALTER TABLE audit_events RENAME TO audit_events_away", []).await;
        let refused = office.assemble(office.editor, office.app, Production).await;
        assert!(matches!(refused.err(), Some(SecretError::Audit(_))));
        office.execute("ALTER TABLE audit_events_away RENAME TO audit_events", []).await;
        assert_eq!(office.count("secret_uses").await, 0);
        let permit = office.within::<ListSecrets>(office.owner);
        assert_eq!(office.secrets.find(&permit, made.id).await.unwrap().last_injected_at, None);
        assert!(office.assemble(office.editor, office.app, Production).await.is_ok());
    }

    /// Whoever writes to the database moves no secret to another app or environment, and gives it no other name.
    async fn k03_a_row_that_was_changed_is_not_injected(database: TestDatabase) {
        let office = Office::new(database).await;
        let ours = office.create_in_app(office.app, variable("TOKEN", Production, "ours")).await.unwrap();
        let theirs = office.create_in_app(office.hidden, variable("THEIRS", Production, "theirs")).await.unwrap();
        let address = new(Kind::ConnectionString, "db", None, text("postgres://host/db"));
        let address = office.create(address).await.unwrap();
        let app = office.app.to_string();
        let changes = [
            (&ours, "environment = 'preview'", "environment = 'production'", Preview),
            (&ours, "variable = 'NEXT_PUBLIC_TOKEN'", "variable = 'TOKEN'", Production),
            (
                &ours,
                "name = 'NEXT_PUBLIC_TOKEN', variable = 'NEXT_PUBLIC_TOKEN'",
                "name = 'TOKEN', variable = 'TOKEN'",
                Production,
            ),
            (&ours, "name = 'LD_PRELOAD', variable = 'LD_PRELOAD'", "name = 'TOKEN', variable = 'TOKEN'", Production),
            (&theirs, &format!("owner = '{app}'"), &format!("owner = '{}'", office.hidden), Production),
            (
                &address,
                "environment = 'production', variable = 'db'",
                "environment = NULL, variable = NULL",
                Production,
            ),
        ];
        for (secret, change, back, environment) in changes {
            let set = async |columns: &str| {
                office.execute(&format!("UPDATE secrets SET {columns} WHERE id = $1"), [secret.id.to_string().into()]).await;
            };
            set(change).await;
            let refused = office.assemble(office.editor, office.app, environment).await.err();
            let Some(SecretError::Vault(VaultError::Tampered(id))) = refused else { panic!("{change}: {refused:?}") };
            assert_eq!(id, secret.id, "{change}");
            set(back).await;
            office.assemble(office.editor, office.app, environment).await.unwrap();
        }
    }

    async fn only_who_may_edit_the_app_deploys_it(database: TestDatabase) {
        let office = Office::new(database).await;
        assert!(office.deploying::<AssembleEnvironment>(office.owner, office.hidden).is_err());
        assert!(office.deploying::<AssembleEnvironment>(office.member, office.app).is_err());
        assert!(office.deploying::<AssembleEnvironment>(office.outsider, office.app).is_err());
        assert!(office.deploying::<AssembleEnvironment>(office.editor, office.app).is_ok());
    }
}
