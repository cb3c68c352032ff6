//! The demo database, its connection and a saved query on it, made through the same use cases as any other.

use std::path::Path;

use access_control::{
    Action, Check, ListConnections, ListDataQueries, ManageConnections, ManageDataQueries, Permit, Principal,
    Scope, SignedIn, UsableBy, authorize,
};
use audit::Occasion;
use cryptography::SecretBytes;
use data_gateway::{
    Connection, ConnectionKind, DataQueryDefinition, ElementType, GivenConnection, GivenDestination,
    Parameter, ParameterType, TlsMode, USUAL_TIMEOUT,
};
use databases::{Engine, Limits};
use development::{DemoDatabase, Folder, Seeded, signed_in};
use ids::{AppId, ConnectionId, Name};
use serde_json::json;
use time::OffsetDateTime;

use super::{HOST, failed};
use crate::StartError;
use crate::platform::Platform;

/// The connection, as apps name it.
pub(super) const CONNECTION: &str = "sales";
/// The saved query, as apps name it.
pub(super) const DATA_QUERY: &str = "orders of a country";
/// The app that has it.
pub(super) const APP: &str = "hello";
/// What it asks.
const STATEMENT: &str = "SELECT o.id, c.name AS customer, o.placed_at, o.total, o.status FROM orders o \
    JOIN customers c ON c.id = o.customer_id WHERE c.country = :country ORDER BY o.placed_at DESC LIMIT 20";

/// Starts the database if PostgreSQL is installed, and lets the apps of the demo use it: Edith Editor makes the connection,
/// and every later start tells it where the database is now.
pub(super) async fn offer(
    folder: &Folder,
    authority: &Path,
    platform: &Platform,
    seeded: &Seeded,
) -> Result<Option<DemoDatabase>, StartError> {
    let Some(database) = DemoDatabase::start(folder, HOST)? else { return Ok(None) };
    let editor = signed_in(seeded.people.get("editor").ok_or_else(|| failed("the demo Editor is missing"))?);
    let authorities = std::fs::read_to_string(authority).map_err(failed)?;
    let maker = Maker { platform, editor, seeded };
    let connection = maker.connection(&database, authorities).await?;
    maker.data_query(connection.id).await?;
    Ok(Some(database))
}

/// Who makes it.
struct Maker<'a> {
    platform: &'a Platform,
    editor: SignedIn,
    seeded: &'a Seeded,
}

impl Maker<'_> {
    fn permit<A: Action>(&self, object: <A::Scope as Scope>::Object) -> Result<Permit<A>, StartError>
    where
        A::Scope: Check,
    {
        let editor = Principal::User(self.editor.clone());
        let facts = &self.platform.directory;
        authorize::<A>(Some(&editor), object, facts, OffsetDateTime::now_utc()).map_err(failed)
    }

    async fn connection(
        &self,
        database: &DemoDatabase,
        authorities: String,
    ) -> Result<Connection, StartError> {
        let connections = &self.platform.connections;
        let organization = self.seeded.organization;
        let permit = self.permit::<ListConnections>(organization)?;
        let occasion = Occasion::now();
        let known = connections.list(&permit, None, usize::MAX >> 1, occasion.now).await.map_err(failed)?;
        let known = known.into_iter().find(|connection| connection.definition.name.as_str() == CONNECTION);
        let given = GivenConnection {
            name: CONNECTION.to_owned(),
            destination: GivenDestination {
                engine: Engine::Postgresql,
                host: "127.0.0.1".to_owned(),
                port: database.port(),
                database: DemoDatabase::NAME.to_owned(),
                user: DemoDatabase::USER.to_owned(),
                tls: TlsMode::VerifyFull { authorities: Some(authorities) },
                hops: Vec::new(),
            },
            password: Some(SecretBytes::copy_of(database.password().as_bytes())),
            read_only: true,
            limits: Limits::default(),
            usable_by: UsableBy::EveryApp,
        };
        let permit = self.permit::<ManageConnections>(organization)?;
        match known {
            Some(known) => connections.update(&permit, known.id, given, None, occasion).await,
            None => connections.create(&permit, ConnectionKind::External, given, occasion).await,
        }
        .map_err(failed)
    }

    async fn data_query(&self, connection: ConnectionId) -> Result<(), StartError> {
        let data_queries = &self.platform.data_queries;
        let app: AppId = self.seeded.apps.get(APP).ok_or_else(|| failed("the demo app is missing"))?.id;
        let permit = self.permit::<ListDataQueries>(app)?;
        let known = data_queries.list(&permit, None, usize::MAX >> 1).await.map_err(failed)?;
        let known = known.into_iter().find(|query| query.definition.name.as_str() == DATA_QUERY);
        if known.as_ref().is_some_and(|query| query.definition.connection == connection) {
            return Ok(());
        }
        let definition = DataQueryDefinition {
            name: DATA_QUERY.parse::<Name>().map_err(failed)?,
            connection,
            sql: STATEMENT.to_owned(),
            parameters: vec![Parameter {
                name: "country".to_owned(),
                kind: ParameterType { element: ElementType::Text, is_list: false },
                required: false,
                default: Some(json!("SE")),
            }],
            timeout: USUAL_TIMEOUT,
            from_pages: true,
        };
        let permit = self.permit::<ManageDataQueries>(app)?;
        match known {
            Some(known) => data_queries.update(&permit, known.id, definition, None, Occasion::now()).await,
            None => data_queries.create(&permit, definition, Occasion::now()).await,
        }
        .map(drop)
        .map_err(failed)
    }
}
