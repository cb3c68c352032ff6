//! The data gateway, put together.

use std::sync::Arc;

use audit::Receipts;
use data_gateway::{
    Connections, ConnectionsApi, DataQueries, OpenDatabases, Queries, QueriesApi, QueryRecordWriter,
    QueryRecorder, QueryRecords, Store, Turns,
};
use endpoint::Endpoint;
use outbound::AddressPolicy;

use super::use_cases::Foundation;
use crate::{StartError, head_signing};

/// Connections to customers' databases, the databases that are open, and the calls of apps.
pub(super) struct DataGateway {
    pub(super) connections: Connections,
    pub(super) open: OpenDatabases,
    pub(super) queries: Queries,
    pub(super) data_queries: DataQueries,
    pub(super) query_records: QueryRecords,
}

impl DataGateway {
    /// To databases and SSH servers at these addresses.
    pub(super) fn new(
        foundation: &Foundation,
        addresses: AddressPolicy,
    ) -> Result<(Self, QueryRecordWriter), StartError> {
        let receipts = Arc::new(Receipts::new(head_signing::key(&foundation.root_key)?));
        let (store, vault) = (Store::new(foundation.journal.clone()), foundation.vault.clone());
        let addresses = Arc::new(addresses);
        let open = OpenDatabases::new(store.clone(), vault.clone(), Arc::clone(&addresses));
        let (recorder, writer) = QueryRecorder::with_writer(store.clone());
        let queries = Queries::new(open.clone(), Turns::default(), recorder);
        let gateway = Self {
            data_queries: DataQueries::new(store.clone(), open.clone(), queries.clone()),
            queries,
            query_records: QueryRecords::new(store.clone()),
            connections: Connections::new(
                store,
                vault,
                foundation.facts(),
                open.clone(),
                addresses,
                receipts,
            ),
            open,
        };
        Ok((gateway, writer))
    }

    /// Its endpoints.
    pub(super) fn endpoints(&self) -> Vec<Endpoint> {
        let mut all = ConnectionsApi { connections: self.connections.clone() }.endpoints();
        let queries = QueriesApi {
            queries: self.queries.clone(),
            data_queries: self.data_queries.clone(),
            query_records: self.query_records.clone(),
        };
        all.extend(queries.endpoints());
        all
    }
}
