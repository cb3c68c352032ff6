//! Whose accounts a page is about: it is the same page for both, with other permits.

use access_control::{ListAccounts, ListOwnAccounts, ManageAccounts, ManageOwnAccounts};
use ids::OrganizationId;
use integrations::{ManagesAccounts, SeesAccounts};

/// Whose accounts a page is about.
pub(crate) trait Holder: Send + Sync + 'static {
    /// To see them.
    type List: SeesAccounts;
    /// To change them.
    type Manage: ManagesAccounts;
    /// The segment of paths.
    const SEGMENT: &'static str;
    /// The parameter of paths that names one.
    const ID: &'static str;
    /// What people call them.
    const WORDS: &'static str;
    /// What is said of them.
    const ABOUT: &'static str;

    /// The path of the list.
    fn base(organization: OrganizationId) -> String {
        format!("/organizations/{organization}/{}", Self::SEGMENT)
    }
}

/// The organization's.
pub(crate) enum Shared {}

/// One's own.
pub(crate) enum Own {}

impl Holder for Shared {
    type List = ListAccounts;
    type Manage = ManageAccounts;
    const SEGMENT: &'static str = "accounts";
    const ID: &'static str = "account_id";
    const WORDS: &'static str = "Shared accounts";
    const ABOUT: &'static str = "Apps use these accounts for everybody. What proves them stays here, and is refreshed before it ends.";
}

impl Holder for Own {
    type List = ListOwnAccounts;
    type Manage = ManageOwnAccounts;
    const SEGMENT: &'static str = "own-accounts";
    const ID: &'static str = "own_account_id";
    const WORDS: &'static str = "Your own accounts";
    const ABOUT: &'static str =
        "Apps use these accounts for you alone, and only while you are signed in. Nobody else sees them.";
}
