//! Host keys of SSH servers: shown before the first use, and looked at again when they have changed.

use access_control::{ConfirmHostKey, ManageConnections, Permit};
use audit::Occasion;
use ids::ConnectionId;
use outbound::Host;
use serde_json::json;
use ssh_tunnel::{Fingerprint, TunnelError, TunnelLimits};

use crate::connections::event;
use crate::credentials::Opened;
use crate::given::{check_hops, check_port, judge, parse, route};
use crate::store::connections;
use crate::trials::looked;
use crate::{Connection, ConnectionError, Connections, GivenHop};

/// The audit trail's name for asking an SSH server for its host key.
const READ_HOST_KEY: &str = "database_connections.read_host_key";

impl Connections {
    /// The host key that an SSH server has now, for a person to compare with what its operator says. `via` are the servers
    /// before it, with keys that were confirmed. Nothing is kept: a connection pins the key that it is made with. The audit
    /// trail says which server was asked.
    ///
    /// # Errors
    /// The description is not acceptable, or too many wait for a trial. Within: where the way there ended.
    pub async fn host_key_of(
        &self,
        permit: &Permit<ManageConnections>,
        host: &str,
        port: u16,
        via: Vec<GivenHop>,
        occasion: Occasion,
    ) -> Result<Result<Fingerprint, TunnelError>, ConnectionError> {
        let host = parse::<Host>("host", host)?;
        let port = check_port("port", port)?;
        if via.is_empty() {
            judge(&host, port, &self.addresses)?;
        }
        let (hops, keys) = check_hops(via, &self.addresses).await?;
        let through: Vec<String> = hops.iter().map(|hop| hop.host.to_string()).collect();
        let via = route(hops, keys)?;
        let _turn = self.turn(permit.organization()).await?;
        let limits = TunnelLimits::default();
        let found = ssh_tunnel::host_key_of(&host, port, via.as_ref(), &self.addresses, limits).await;
        let event = looked(permit, READ_HOST_KEY, occasion).with(json!({
            "host": host.to_string(),
            "port": port,
            "hops": through,
            "hostKey": found.as_ref().ok().map(Fingerprint::to_string),
        }));
        self.store.journal().record(&event).await?;
        Ok(found)
    }

    /// Says which host key is right, now that an SSH server has another one than the confirmed: the one that was seen,
    /// which is pinned from now on, or still the confirmed one. Either way the connection is attempted again.
    ///
    /// # Errors
    /// There is no such connection; no host key of this server has changed, or it is yet another one.
    pub async fn confirm_host_key(
        &self,
        permit: &Permit<ConfirmHostKey>,
        id: ConnectionId,
        hop: usize,
        host_key: &str,
        occasion: Occasion,
    ) -> Result<Connection, ConnectionError> {
        let (organization, now) = (permit.organization(), occasion.now);
        let owner = self.read(permit, id, now).await?.owner();
        self.vault.prepare(owner).await?;
        let change = self.store.journal().begin().await?;
        self.vault.keep_owner(&change, owner).await?;
        let before = connections::lock(change.transaction(), organization, id).await?;
        let before = before.ok_or(ConnectionError::NotFound)?;
        let changed = before.changed_host_key.as_ref().filter(|changed| changed.hop == hop);
        let changed = changed.ok_or(ConnectionError::OtherHostKey)?;
        let mut after = Connection { changed_host_key: None, ..before.clone() };
        let pinned = after.definition.destination.hops.get_mut(hop).ok_or(ConnectionError::OtherHostKey)?;
        if host_key == changed.presented.to_string() {
            let Opened { secrets, .. } = self.open.unlock_in(change.transaction(), &before).await?;
            pinned.host_key = changed.presented.clone();
            let sealed = Opened::sealed(&after.definition, &secrets)?;
            after.version = self.vault.replace(&change, before.place(), &sealed, now).await?;
            (after.updated_by, after.updated_at) = (permit.user(), now);
            connections::update(change.transaction(), &after).await?;
        } else if host_key == pinned.host_key.to_string() {
            connections::set_changed_host_key(change.transaction(), id, None).await?;
        } else {
            return Err(ConnectionError::OtherHostKey);
        }
        change.commit(event(permit, occasion, Some(&before), Some(&after))).await?;
        self.visible(permit, after, now)
    }
}
