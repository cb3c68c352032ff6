//! The use cases of every crate, on one store, one journal and one directory of facts.

use std::path::PathBuf;
use std::sync::Arc;

use access_control::Facts;
use apps::{AgentTokens, AppPathRules, Apps, Grants, OrphanedApps, ServerSecretRotations, ServerSecrets};
use audit::{Heads, Journal, Receipts};
use cryptography::RootKey;
use directory::Directory;
use endpoint::Sites;
use identity::{
    ApiTokens, HandOff, Lifetimes, Provider, Providers, Sessions, SignIns, SigningKeys, UserTokens, Users,
};
use mail::Mailer;
use organizations::{Groups, Invitations, Members, Organizations, SetUp};
use outbound::AddressPolicy;
use replicas::Following;
use sea_orm::DatabaseConnection;
use secrets_vault::{
    AppSecrets, Environments, KeyRotations, Keyring, MasterKeys, OwnSecrets, Secrets, Vault, VaultApi,
};

use crate::letter_limits::LetterLimits;
use crate::neighbours::{Forgetting, KnownMembers, KnownPeople, Post};
use crate::{StartError, head_signing};

/// How many sessions that nobody is using at the moment are kept in memory.
const SESSIONS_IN_MEMORY: usize = 1_000_000;

/// What all use cases stand on.
pub(super) struct Foundation {
    pub(super) database: DatabaseConnection,
    pub(super) journal: Journal,
    pub(super) vault: Vault,
    pub(super) root_key: RootKey,
    pub(super) heads: Arc<Heads>,
    pub(super) directory: Directory,
    pub(super) sites: Arc<Sites>,
    /// What other processes of the store change, if there can be others.
    pub(super) following: Option<Following>,
}

impl Foundation {
    pub(super) async fn load(
        database: DatabaseConnection,
        sites: Sites,
        master_keys: MasterKeys,
        heads_file: Option<PathBuf>,
    ) -> Result<Self, StartError> {
        let (journal, following) = if replicas::shares(&database) {
            let journal = Journal::shared(database.clone());
            let following = Following::begin(journal.clone()).await.map_err(StartError::store)?;
            (journal, Some(following))
        } else {
            (Journal::new(database.clone()), None)
        };
        let directory = Directory::load(&journal).await.map_err(StartError::store)?;
        let vault = Vault::new(secrets_vault::Store::new(journal.clone()), Keyring::new(master_keys));
        let root_key = vault.root_key(clock::now()).await.map_err(|error| StartError::vault(&error))?;
        let heads = head_signing::open(journal.clone(), &root_key, heads_file).await?;
        Ok(Self {
            journal,
            vault,
            root_key,
            heads: Arc::new(heads),
            database,
            directory,
            sites: Arc::new(sites),
            following,
        })
    }

    pub(super) fn facts(&self) -> Arc<dyn Facts> {
        Arc::new(self.directory.clone())
    }
}

/// Who people are, and how they prove it.
pub(super) struct IdentityUseCases {
    pub(super) users: Users,
    pub(super) sessions: Arc<Sessions>,
    pub(super) api_tokens: Arc<ApiTokens>,
    pub(super) signing_keys: Arc<SigningKeys>,
    pub(super) user_tokens: Arc<UserTokens>,
    pub(super) sign_ins: Arc<SignIns>,
    pub(super) hand_off: Arc<HandOff>,
}

impl IdentityUseCases {
    pub(super) async fn open(
        foundation: &Foundation,
        providers: Vec<Provider>,
        lifetimes: Lifetimes,
        user_token_reuse: time::Duration,
    ) -> Result<Self, StartError> {
        let origin = foundation.sites.platform_origin();
        let journal = &foundation.journal;
        let store = identity::Store::new(foundation.database.clone());
        let sessions = Arc::new(Sessions::new(
            store.clone(),
            journal.clone(),
            foundation.root_key.sealing_key("session cookie"),
            lifetimes,
            SESSIONS_IN_MEMORY,
        ));
        let now = clock::now();
        let signing_keys = SigningKeys::open(store.clone(), journal.clone(), foundation.vault.clone(), now);
        let signing_keys = Arc::new(signing_keys.await.map_err(StartError::identity)?);
        let providers = Providers::new(providers).map_err(|error| StartError::Server(error.to_string()))?;
        Ok(Self {
            users: Users::new(store.clone(), journal.clone()),
            api_tokens: Arc::new(ApiTokens::new(store.clone(), journal.clone(), Arc::clone(&sessions))),
            user_tokens: Arc::new(UserTokens::new(
                Arc::clone(&signing_keys),
                Arc::clone(&sessions),
                &origin,
                user_token_reuse,
            )),
            sign_ins: Arc::new(SignIns::new(
                store.clone(),
                journal.clone(),
                providers,
                Arc::clone(&sessions),
                &origin,
            )),
            hand_off: Arc::new(HandOff::new(
                store,
                foundation.root_key.sealing_key("hand-off"),
                Arc::clone(&sessions),
            )),
            sessions,
            signing_keys,
        })
    }

    /// People, for those who only know their identifiers.
    pub(super) fn people(&self) -> Arc<KnownPeople> {
        Arc::new(KnownPeople(self.users.clone()))
    }
}

/// Organizations, and who is in them.
pub(super) struct OrganizationUseCases {
    pub(super) organizations: Organizations,
    pub(super) members: Members,
    pub(super) invitations: Invitations,
    pub(super) groups: Groups,
    pub(super) set_up: SetUp,
}

impl OrganizationUseCases {
    pub(super) fn new(
        foundation: &Foundation,
        people: &Arc<KnownPeople>,
        mailer: Option<Mailer>,
    ) -> Result<Self, StartError> {
        let receipts = Arc::new(Receipts::new(head_signing::key(&foundation.root_key)?));
        let forgetting = Arc::new(Forgetting(foundation.vault.clone()));
        let origin = foundation.sites.platform_origin();
        let store = organizations::Store::new(foundation.journal.clone(), foundation.database.clone());
        Ok(Self {
            organizations: Organizations::new(store.clone(), forgetting.clone(), receipts),
            members: Members::new(store.clone(), people.clone(), forgetting),
            invitations: Invitations::new(
                store.clone(),
                people.clone(),
                Arc::new(Post { mailer, limits: LetterLimits::default() }),
                &origin,
            ),
            groups: Groups::new(store.clone()),
            set_up: SetUp::new(store),
        })
    }
}

/// Apps, and who may use them.
pub(super) struct AppUseCases {
    pub(super) apps: Apps,
    pub(super) orphaned_apps: OrphanedApps,
    pub(super) grants: Grants,
    pub(super) path_rules: AppPathRules,
    pub(super) server_secrets: ServerSecrets,
    pub(super) server_secret_rotations: ServerSecretRotations,
    pub(super) agent_tokens: AgentTokens,
}

impl AppUseCases {
    pub(super) fn new(foundation: &Foundation, addresses: Arc<AddressPolicy>) -> Self {
        let store = apps::Store::new(foundation.journal.clone(), foundation.database.clone());
        let slugs = Arc::new(foundation.directory.clone());
        let server_secrets =
            ServerSecrets::new(store.clone(), &foundation.root_key, foundation.vault.clone());
        Self {
            apps: Apps::new(store.clone(), foundation.facts(), slugs, addresses),
            orphaned_apps: OrphanedApps::new(store.clone(), foundation.facts(), Arc::new(KnownMembers)),
            grants: Grants::new(store.clone(), foundation.facts()),
            path_rules: AppPathRules::new(store.clone(), foundation.facts()),
            server_secret_rotations: ServerSecretRotations::new(store.clone(), server_secrets.clone()),
            server_secrets,
            agent_tokens: AgentTokens::new(store, &foundation.root_key),
        }
    }
}

/// The secrets that people keep in the vault, and its keys.
pub(super) fn vault_api(foundation: &Foundation, key_rotations: KeyRotations) -> VaultApi {
    let (store, vault) = (secrets_vault::Store::new(foundation.journal.clone()), foundation.vault.clone());
    VaultApi {
        key_rotations,
        secrets: Secrets::new(store.clone(), vault.clone(), foundation.facts()),
        app_secrets: AppSecrets::new(store.clone(), vault.clone(), foundation.facts()),
        own_secrets: OwnSecrets::new(store.clone(), vault.clone(), foundation.facts()),
        environments: Environments::new(store, vault),
    }
}
