//! Stands in until `databases` opens databases itself.

use std::sync::Arc;

use async_trait::async_trait;
use databases::{
    ConnectError, Credentials, Database, Query, QueryError, ReadOnlyExamination, Rows, Schema, Target, Usage,
};
use outbound::AddressPolicy;

struct NotYet;

pub(crate) fn open(_: Target, _: Credentials, _: Arc<AddressPolicy>) -> Arc<dyn Database> {
    Arc::new(NotYet)
}

#[async_trait]
impl Database for NotYet {
    async fn run(&self, _: Query) -> Result<Rows, QueryError> {
        Err(ConnectError::Protocol.into())
    }

    async fn test(&self) -> Result<(), ConnectError> {
        Err(ConnectError::Protocol)
    }

    async fn schema(&self) -> Result<Schema, QueryError> {
        Err(ConnectError::Protocol.into())
    }

    async fn examine_read_only(&self) -> Result<ReadOnlyExamination, QueryError> {
        Err(ConnectError::Protocol.into())
    }

    fn usage(&self) -> Usage {
        Usage::default()
    }

    async fn close_idle(&self) {}
}
