//! From a target to a database.

use std::sync::Arc;

use outbound::AddressPolicy;

use crate::mysql::Mysql;
use crate::postgresql::Postgresql;
use crate::read_only::ReadOnlyLocks;
use crate::redshift::Redshift;
use crate::{ConnectError, Credentials, Database, Engine, Target};

/// A database at this target. No session is opened before the first one is needed.
///
/// # Errors
/// Limits under which there is no session.
pub fn open(
    target: &Target,
    credentials: Credentials,
    policy: Arc<AddressPolicy>,
) -> Result<Arc<dyn Database>, ConnectError> {
    match target.engine {
        Engine::Postgresql => Ok(Arc::new(Postgresql::new(target, credentials, policy, ReadOnlyLocks::ALL)?)),
        Engine::Redshift => Ok(Arc::new(Redshift::new(target, credentials, policy, ReadOnlyLocks::ALL))),
        Engine::Mysql => Ok(Arc::new(Mysql::new(target, credentials, policy, ReadOnlyLocks::ALL)?)),
    }
}
