//! To whom named secrets belong, and which leave it takes to see and to change them.

use access_control::{
    Action, ListAppSecrets, ListOwnSecrets, ListSecrets, ManageAppSecrets, ManageOwnSecrets, ManageSecrets,
    Permit, SignedIn,
};

use crate::Owner;

/// A kind of owner of named secrets: an organization, an app, a member. What belongs to whom is read from permits and
/// from nothing else, so that no other crate adds a kind.
pub trait SecretOwner: known::Kind + 'static {
    /// To see which secrets there are.
    type List: Action;
    /// To create, replace and delete them.
    type Manage: Action;

    /// Who sees whose.
    fn listed(permit: &Permit<Self::List>) -> (&SignedIn, Owner);

    /// Who changes whose.
    fn managed(permit: &Permit<Self::Manage>) -> (&SignedIn, Owner);
}

/// Organizations own them.
#[derive(Debug)]
pub enum OfOrganization {}

/// Apps own them.
#[derive(Debug)]
pub enum OfApp {}

/// Members of organizations own them.
#[derive(Debug)]
pub enum OfMember {}

impl SecretOwner for OfOrganization {
    type List = ListSecrets;
    type Manage = ManageSecrets;

    fn listed(permit: &Permit<ListSecrets>) -> (&SignedIn, Owner) {
        (permit.actor(), Owner::Organization(permit.organization()))
    }

    fn managed(permit: &Permit<ManageSecrets>) -> (&SignedIn, Owner) {
        (permit.actor(), Owner::Organization(permit.organization()))
    }
}

impl SecretOwner for OfApp {
    type List = ListAppSecrets;
    type Manage = ManageAppSecrets;

    fn listed(permit: &Permit<ListAppSecrets>) -> (&SignedIn, Owner) {
        (permit.actor(), Owner::App(permit.organization(), permit.app()))
    }

    fn managed(permit: &Permit<ManageAppSecrets>) -> (&SignedIn, Owner) {
        (permit.actor(), Owner::App(permit.organization(), permit.app()))
    }
}

impl SecretOwner for OfMember {
    type List = ListOwnSecrets;
    type Manage = ManageOwnSecrets;

    fn listed(permit: &Permit<ListOwnSecrets>) -> (&SignedIn, Owner) {
        (permit.actor(), Owner::Member(permit.organization(), permit.user()))
    }

    fn managed(permit: &Permit<ManageOwnSecrets>) -> (&SignedIn, Owner) {
        (permit.actor(), Owner::Member(permit.organization(), permit.user()))
    }
}

mod known {
    use super::{OfApp, OfMember, OfOrganization};

    /// What implements it is in this file.
    pub trait Kind {}

    impl Kind for OfOrganization {}
    impl Kind for OfApp {}
    impl Kind for OfMember {}
}
