//! The data gateway: connections to customers' databases, saved queries, and the calls of apps that run them.
//!
//! Every query passes the guard, a fair turn and the limits of its connection, and is recorded: who, from which app, which
//! statement, how long, how many rows; never a parameter's value. Credentials are in the vault.

mod connection;
mod connection_error;
mod connections;
mod credentials;
mod data_queries;
mod data_query;
mod data_query_error;
mod data_query_parameter;
mod description;
mod destination;
mod endpoints;
mod examinations;
mod given;
mod host_keys;
mod known_data_queries;
mod known_statements;
mod open_databases;
mod parameters;
mod queries;
mod query_record;
mod query_records;
mod read_only_report;
mod recording;
mod run_error;
mod running;
mod store;
mod trials;
mod turns;
mod usable;
mod watched_database;

pub use connection::{ChangedHostKey, Connection, ConnectionKind, Definition};
pub use connection_error::ConnectionError;
pub use connections::Connections;
pub use data_queries::DataQueries;
pub use data_query::{DataQuery, DataQueryDefinition};
pub use data_query_error::DataQueryError;
pub use data_query_parameter::{ElementType, Parameter, ParameterType, ParameterTypeError};
pub use destination::{Destination, HopAddress, TlsMode};
pub use endpoints::{ConnectionsApi, QueriesApi};
pub use given::{DefinitionError, GivenConnection, GivenDestination, GivenHop};
pub use open_databases::{OpenDatabases, SessionBounds};
pub use parameters::Given;
pub use queries::{LONGEST_TIMEOUT, Queries, Told, USUAL_TIMEOUT};
pub use query_record::{Asked, Outcome, QueryRecord, Via};
pub use query_records::{QueryRecords, RETENTION};
pub use read_only_report::{ATTESTS_READ_ONLY, ReadOnlyReport, SignedReadOnlyReport};
pub use recording::{QueryRecordWriter, QueryRecorder};
pub use run_error::RunError;
pub use running::{Answered, Running};
pub use store::query_records::QueryRecordFilter;
pub use store::{Store, StoreError};
pub use trials::{Trial, failed_at};
pub use turns::{Busy, Turn, TurnBounds, TurnFor, Turns};
pub use usable::{Named, Unusable, Usable};
