//! Saved queries: made by people who may edit the app, run by the app, its pages, and in the console.

use std::collections::BTreeSet;
use std::sync::Arc;

use access_control::{Action as _, ListDataQueries, ManageDataQueries, Permit, RunDataQuery, TryDataQuery};
use audit::{Actor, Event, Follower, Occasion, Target};
use databases::Engine;
use ids::{AppId, DataQueryId, Name};
use query_guard::{Statement, check_named};
use serde_json::{Value, json};

use crate::data_query_parameter::Parameter;
use crate::known_data_queries::KnownDataQueries;
use crate::parameters::Given;
use crate::queries::{Ask, Asker, LONGEST_TIMEOUT};
use crate::query_record::Via;
use crate::running::Running;
use crate::store::data_queries;
use crate::{DataQuery, DataQueryDefinition, DataQueryError, Named, OpenDatabases, Queries, RunError, Store};

/// The most saved queries of one app.
const MOST: u64 = 1_000;

/// The most parameters of one.
const MOST_PARAMETERS: usize = 100;

/// Saved queries of apps.
#[derive(Clone)]
pub struct DataQueries {
    store: Store,
    databases: OpenDatabases,
    queries: Queries,
    known: Arc<KnownDataQueries>,
}

impl DataQueries {
    /// Saved queries on these databases, run there.
    #[must_use]
    pub fn new(store: Store, databases: OpenDatabases, queries: Queries) -> Self {
        Self { store, databases, queries, known: Arc::default() }
    }

    /// The app's saved queries in the order in which they were made, at most so many after one.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn list(
        &self,
        permit: &Permit<ListDataQueries>,
        after: Option<DataQueryId>,
        most: usize,
    ) -> Result<Vec<DataQuery>, DataQueryError> {
        Ok(data_queries::list(self.store.database(), permit.app(), after, most).await?)
    }

    /// One of them.
    ///
    /// # Errors
    /// There is no such query, or the store is not available.
    pub async fn find(
        &self,
        permit: &Permit<ListDataQueries>,
        id: DataQueryId,
    ) -> Result<DataQuery, DataQueryError> {
        self.read(permit.app(), id).await
    }

    /// Saves one.
    ///
    /// # Errors
    /// The app may not use the connection; the guard refuses the statement; a parameter is not acceptable; the name is
    /// taken; there are too many.
    pub async fn create(
        &self,
        permit: &Permit<ManageDataQueries>,
        definition: DataQueryDefinition,
        occasion: Occasion,
    ) -> Result<DataQuery, DataQueryError> {
        let statement = self.check(permit, &definition).await?;
        let query = DataQuery {
            id: DataQueryId::generate(),
            organization: permit.organization(),
            app: permit.app(),
            definition,
            kind: statement.kind().to_owned(),
            fingerprint: statement.fingerprint().to_string(),
            version: 1,
            created_by: permit.user(),
            created_at: occasion.now,
            updated_by: permit.user(),
            updated_at: occasion.now,
        };
        let change = self.store.journal().begin().await?;
        if data_queries::count(change.transaction(), query.app).await? >= MOST {
            return Err(DataQueryError::TooMany(MOST));
        }
        data_queries::insert(change.transaction(), &query).await.map_err(taken)?;
        change.commit(event(permit, occasion, query.id, None, Some(&query))).await?;
        Ok(query)
    }

    /// Puts another definition in the place of one.
    ///
    /// # Errors
    /// As [`DataQueries::create`]; there is no such query; somebody else changed it first.
    pub async fn update(
        &self,
        permit: &Permit<ManageDataQueries>,
        id: DataQueryId,
        definition: DataQueryDefinition,
        expected_version: Option<i64>,
        occasion: Occasion,
    ) -> Result<DataQuery, DataQueryError> {
        let statement = self.check(permit, &definition).await?;
        let change = self.store.journal().begin().await?;
        let found = data_queries::lock(change.transaction(), permit.app(), id).await?;
        let before = found.ok_or(DataQueryError::NotFound)?;
        if expected_version.is_some_and(|expected| expected != before.version) {
            return Err(DataQueryError::Changed);
        }
        let mut after = DataQuery { definition, version: before.version + 1, ..before.clone() };
        (after.kind, after.fingerprint) = (statement.kind().to_owned(), statement.fingerprint().to_string());
        (after.updated_by, after.updated_at) = (permit.user(), occasion.now);
        data_queries::update(change.transaction(), &after).await.map_err(taken)?;
        change.commit(event(permit, occasion, id, Some(&before), Some(&after))).await?;
        Ok(after)
    }

    /// Deletes one.
    ///
    /// # Errors
    /// There is no such query, or the store is not available.
    pub async fn delete(
        &self,
        permit: &Permit<ManageDataQueries>,
        id: DataQueryId,
        occasion: Occasion,
    ) -> Result<(), DataQueryError> {
        let change = self.store.journal().begin().await?;
        let found = data_queries::lock(change.transaction(), permit.app(), id).await?;
        let before = found.ok_or(DataQueryError::NotFound)?;
        data_queries::delete(change.transaction(), id).await?;
        change.commit(event(permit, occasion, id, Some(&before), None)).await?;
        Ok(())
    }

    /// Runs the app's query of this name. From a page only one that is meant for pages: another one is answered as one
    /// that is not there.
    ///
    /// # Errors
    /// See [`RunError`].
    pub async fn run(
        &self,
        permit: &Permit<RunDataQuery>,
        name: &str,
        given: &Given,
    ) -> Result<Running, RunError> {
        let caller = permit.caller();
        let name: Name = name.parse().map_err(|_| RunError::UnknownDataQuery)?;
        let found = self.named(permit.calling_app(), &name).await?;
        let query = found.filter(|query| query.definition.from_pages || !caller.is_page());
        let asker = Asker {
            organization: permit.calling_organization(),
            app: permit.calling_app(),
            user: caller.person().map(|person| person.user),
            via: caller.environment().map_or(Via::Page, Via::from),
        };
        let query = query.ok_or(RunError::UnknownDataQuery)?;
        self.execute(asker, &query, given).await
    }

    /// Runs one in the console.
    ///
    /// # Errors
    /// See [`RunError`].
    pub async fn try_out(
        &self,
        permit: &Permit<TryDataQuery>,
        id: DataQueryId,
        given: &Given,
    ) -> Result<Running, RunError> {
        let found = data_queries::find(self.store.database(), permit.app(), id).await;
        let query = found.map_err(|error| unavailable(&error))?.ok_or(RunError::UnknownDataQuery)?;
        let asker = Asker {
            organization: permit.organization(),
            app: permit.app(),
            user: Some(permit.user()),
            via: Via::Console,
        };
        self.execute(asker, &query, given).await
    }

    /// Who has to know of changes: what is remembered here is forgotten then.
    #[must_use]
    pub fn follower(&self) -> Arc<dyn Follower> {
        Arc::clone(&self.known) as Arc<dyn Follower>
    }

    async fn named(&self, app: AppId, name: &Name) -> Result<Option<Arc<DataQuery>>, RunError> {
        if let Some(known) = self.known.find(app, name) {
            return Ok(Some(known));
        }
        let forgotten = self.known.forgotten();
        let found = data_queries::find_named(self.store.database(), app, name).await;
        let found = found.map_err(|error| unavailable(&error))?.map(Arc::new);
        if let Some(found) = &found {
            self.known.remember(found, forgotten);
        }
        Ok(found)
    }

    async fn execute(&self, asker: Asker, query: &DataQuery, given: &Given) -> Result<Running, RunError> {
        let definition = &query.definition;
        let bind = |statement: &Statement| bind(&definition.parameters, statement, given);
        let ask = Ask {
            asker,
            named: Named::Saved(definition.connection),
            sql: &definition.sql,
            named_placeholders: true,
            data_query: Some(query.id),
            timeout: Some(definition.timeout.into()),
        };
        self.queries.execute(ask, bind).await
    }

    async fn read(&self, app: AppId, id: DataQueryId) -> Result<DataQuery, DataQueryError> {
        data_queries::find(self.store.database(), app, id).await?.ok_or(DataQueryError::NotFound)
    }

    /// Whether the app could run it as it is.
    async fn check(
        &self,
        permit: &Permit<ManageDataQueries>,
        definition: &DataQueryDefinition,
    ) -> Result<Statement, DataQueryError> {
        let invalid = |text: String| Err(DataQueryError::Invalid(text));
        if !(1..=LONGEST_TIMEOUT).contains(&definition.timeout) {
            return Err(RunError::TimeoutRange(LONGEST_TIMEOUT).into());
        }
        if definition.parameters.len() > MOST_PARAMETERS {
            return invalid(format!("a saved query has at most {MOST_PARAMETERS} parameters"));
        }
        let mut declared = BTreeSet::new();
        for parameter in &definition.parameters {
            parameter.check().map_err(DataQueryError::Invalid)?;
            if !declared.insert(parameter.name.as_str()) {
                return invalid(format!("the parameter {} is declared twice", parameter.name));
            }
        }
        let named = Named::Saved(definition.connection);
        let usable = self.databases.usable(permit.organization(), permit.app(), named).await;
        let usable = usable.map_err(RunError::from)?;
        if usable.engine != Engine::Postgresql
            && let Some(list) = definition.parameters.iter().find(|parameter| parameter.kind.is_list)
        {
            return invalid(format!("only PostgreSQL takes lists: {} is one", list.name));
        }
        let statement = check_named(usable.engine.language(), usable.mode(), &definition.sql)?;
        let named: BTreeSet<&str> = statement.names().iter().map(String::as_str).collect();
        if let Some(missing) = named.difference(&declared).next() {
            return invalid(format!("the statement names the parameter {missing}, which is not declared"));
        }
        if let Some(unused) = declared.difference(&named).next() {
            return invalid(format!(
                "the parameter {unused} is declared, and the statement does not name it"
            ));
        }
        Ok(statement)
    }
}

/// One value for each placeholder, of the declared types. A list gives them in the order in which they are declared.
fn bind(declared: &[Parameter], statement: &Statement, given: &Given) -> Result<Vec<Value>, RunError> {
    let refused = |text: String| Err(RunError::Parameters(text));
    match given {
        Given::List(list) if list.len() > declared.len() => {
            return refused(format!(
                "there are {} parameters, and {} were given",
                declared.len(),
                list.len()
            ));
        }
        Given::Map(map)
            if map.keys().any(|name| declared.iter().all(|parameter| parameter.name != *name)) =>
        {
            let names: Vec<&str> = declared.iter().map(|parameter| parameter.name.as_str()).collect();
            return refused(format!("there is no such parameter; there are: {}", names.join(", ")));
        }
        _ => {}
    }
    let value = |name: &String| {
        let (position, parameter) = declared
            .iter()
            .enumerate()
            .find(|(_, parameter)| parameter.name == *name)
            // The statement of a query that was saved under another version of the guard.
            .ok_or_else(|| RunError::Parameters(format!("the parameter {name} is not declared")))?;
        let given = match given {
            Given::Nothing => None,
            Given::List(list) => list.get(position),
            Given::Map(map) => map.get(name),
        };
        parameter.value(given).map_err(RunError::Parameters)
    };
    statement.names().iter().map(value).collect()
}

fn event(
    permit: &Permit<ManageDataQueries>,
    occasion: Occasion,
    id: DataQueryId,
    before: Option<&DataQuery>,
    after: Option<&DataQuery>,
) -> Event {
    // Defaults are values: they may be somebody's data, and the trail keeps what it has.
    let parameter = |parameter: &Parameter| {
        let Parameter { name, kind, required, default } = parameter;
        json!({ "name": name, "type": kind, "required": required, "hasDefault": default.is_some() })
    };
    let described = |query: &DataQuery| {
        let definition = &query.definition;
        json!({
            "version": query.version,
            "name": definition.name,
            "connection": definition.connection,
            "parameters": definition.parameters.iter().map(parameter).collect::<Vec<_>>(),
            "timeout": definition.timeout,
            "fromPages": definition.from_pages,
            "kind": query.kind,
            "fingerprint": query.fingerprint,
        })
    };
    let detail = json!({ "before": before.map(described), "after": after.map(described) });
    Event::done(Actor::Person(permit.user()), ManageDataQueries::NAME, Target::DataQuery(permit.app(), id))
        .of(permit.organization())
        .during(occasion)
        .with(detail)
}

fn taken(error: crate::StoreError) -> DataQueryError {
    if error.is_taken() { DataQueryError::NameTaken } else { error.into() }
}

fn unavailable(error: &crate::StoreError) -> RunError {
    tracing::error!(error = error as &dyn std::error::Error, "a saved query could not be read");
    RunError::Unavailable
}
