//! How many refreshes are under way: in all, of one organization, and at one service.

use std::collections::HashMap;
use std::sync::Arc;

use catalogue::ServiceKey;
use ids::OrganizationId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::RefreshBounds;
use crate::store::refreshes::Due;

/// What has only so many refreshes under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Room {
    /// A service of the catalogue, for all organizations together: it counts our requests together, too.
    Service(ServiceKey),
    /// An organization's own service: whatever it does, others of the same name have nothing to do with it.
    ImportedService(OrganizationId, ServiceKey),
    /// Everything of an organization.
    Organization(OrganizationId),
}

/// The places that there are.
pub(super) struct Rooms {
    bounds: RefreshBounds,
    all: Arc<Semaphore>,
    rooms: HashMap<Room, Arc<Semaphore>>,
}

/// A place for one refresh, until this is dropped.
pub(super) struct Place {
    _permits: [OwnedSemaphorePermit; 3],
}

impl Rooms {
    pub(super) fn new(bounds: RefreshBounds) -> Self {
        Self { bounds, all: Arc::new(Semaphore::new(bounds.at_once)), rooms: HashMap::new() }
    }

    /// A place for this one, if there is one.
    pub(super) fn place(&mut self, due: &Due, is_built_in: bool) -> Option<Place> {
        let service = if is_built_in {
            Room::Service(due.service.clone())
        } else {
            Room::ImportedService(due.organization, due.service.clone())
        };
        let of_organization = self.room(Room::Organization(due.organization)).try_acquire_owned().ok()?;
        let of_service = self.room(service).try_acquire_owned().ok()?;
        let of_all = Arc::clone(&self.all).try_acquire_owned().ok()?;
        Some(Place { _permits: [of_organization, of_service, of_all] })
    }

    /// Rooms with less than half of their places left: what is due is not looked at for each single place.
    pub(super) fn busy(&self) -> Vec<Room> {
        let is_busy =
            |(room, places): &(&Room, &Arc<Semaphore>)| places.available_permits() * 2 < self.most(room);
        self.rooms.iter().filter(is_busy).map(|(room, _)| room.clone()).collect()
    }

    /// Whether there is a place in one that is not busy.
    pub(super) fn has_place(&self) -> bool {
        self.all.available_permits() > 0
    }

    /// Forgets the rooms in which nothing is under way.
    pub(super) fn tidy(&mut self) {
        self.rooms.retain(|_, places| Arc::strong_count(places) > 1);
    }

    fn room(&mut self, room: Room) -> Arc<Semaphore> {
        let most = self.most(&room);
        Arc::clone(self.rooms.entry(room).or_insert_with(|| Arc::new(Semaphore::new(most))))
    }

    fn most(&self, room: &Room) -> usize {
        match room {
            Room::Service(_) | Room::ImportedService(..) => self.bounds.at_once_of_a_service,
            Room::Organization(_) => self.bounds.at_once_of_an_organization,
        }
    }
}
