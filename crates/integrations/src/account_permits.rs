//! Whose accounts a permit is for: shared ones, or a person's own.

use access_control::{
    Action, InOrganization, ListAccounts, ListOwnAccounts, ManageAccounts, ManageOwnAccounts, Permit,
};

use crate::AccountHolder;

/// An action on accounts of one holder. Whose they are is read from the permit and from nothing else.
pub trait AccountAction: Action<Scope = InOrganization> + known::Known {
    /// Whose accounts are meant.
    fn holder(permit: &Permit<Self>) -> AccountHolder;
}

/// To see which accounts there are.
pub trait SeesAccounts: AccountAction {}

/// To connect, test, change and disconnect them.
pub trait ManagesAccounts: AccountAction {}

impl AccountAction for ListAccounts {
    fn holder(_: &Permit<Self>) -> AccountHolder {
        AccountHolder::Shared
    }
}

impl AccountAction for ManageAccounts {
    fn holder(_: &Permit<Self>) -> AccountHolder {
        AccountHolder::Shared
    }
}

impl AccountAction for ListOwnAccounts {
    fn holder(permit: &Permit<Self>) -> AccountHolder {
        AccountHolder::Personal(permit.user())
    }
}

impl AccountAction for ManageOwnAccounts {
    fn holder(permit: &Permit<Self>) -> AccountHolder {
        AccountHolder::Personal(permit.user())
    }
}

impl SeesAccounts for ListAccounts {}
impl SeesAccounts for ListOwnAccounts {}
impl ManagesAccounts for ManageAccounts {}
impl ManagesAccounts for ManageOwnAccounts {}

mod known {
    use access_control::{ListAccounts, ListOwnAccounts, ManageAccounts, ManageOwnAccounts};

    /// What implements it is in this file.
    pub trait Known {}

    impl Known for ListAccounts {}
    impl Known for ManageAccounts {}
    impl Known for ListOwnAccounts {}
    impl Known for ManageOwnAccounts {}
}
