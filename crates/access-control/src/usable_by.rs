//! Which apps of an organization may use something that the organization or a person keeps for them.

use std::collections::BTreeSet;

use ids::AppId;
use serde::{Deserialize, Serialize};

/// Which apps of the organization may use something. What it is written as is sealed together with credentials, so that
/// another form of it would be another value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsableBy {
    /// All of them.
    EveryApp,
    /// These.
    Apps(BTreeSet<AppId>),
}

impl UsableBy {
    /// Whether this app may.
    #[must_use]
    pub fn includes(&self, app: AppId) -> bool {
        match self {
            Self::EveryApp => true,
            Self::Apps(apps) => apps.contains(&app),
        }
    }

    /// Whether it is what was sealed, but for apps that are gone since then.
    #[must_use]
    pub fn is_or_was(&self, sealed: &Self) -> bool {
        match (self, sealed) {
            (Self::EveryApp, Self::EveryApp) => true,
            (Self::Apps(these), Self::Apps(sealed)) => these.is_subset(sealed),
            _ => false,
        }
    }

    /// Whether apps may use it that could not before.
    #[must_use]
    pub fn gives_more_than(&self, before: &Self) -> bool {
        match (self, before) {
            (_, Self::EveryApp) => false,
            (Self::EveryApp, Self::Apps(_)) => true,
            (Self::Apps(apps), Self::Apps(before)) => !apps.is_subset(before),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No app, the first, the second, both, every one.
    fn each(first: AppId, second: AppId) -> [UsableBy; 5] {
        let apps = |apps: &[AppId]| UsableBy::Apps(apps.iter().copied().collect());
        [apps(&[]), apps(&[first]), apps(&[second]), apps(&[first, second]), UsableBy::EveryApp]
    }

    #[test]
    fn it_is_written_as_it_was_sealed() {
        let first: AppId = "app_00000000000070008000000000000001".parse().unwrap();
        let second: AppId = "app_00000000000070008000000000000002".parse().unwrap();
        for (usable_by, text) in each(first, second).iter().zip([
            r#"{"apps":[]}"#.to_owned(),
            format!(r#"{{"apps":["{first}"]}}"#),
            format!(r#"{{"apps":["{second}"]}}"#),
            format!(r#"{{"apps":["{first}","{second}"]}}"#),
            r#""every_app""#.to_owned(),
        ]) {
            assert_eq!(serde_json::to_string(usable_by).unwrap(), text);
            assert_eq!(&serde_json::from_str::<UsableBy>(&text).unwrap(), usable_by);
        }
    }

    #[test]
    fn who_is_named_may_use_it() {
        let (first, second) = (AppId::generate(), AppId::generate());
        let may =
            each(first, second).map(|usable_by| (usable_by.includes(first), usable_by.includes(second)));
        assert_eq!(may, [(false, false), (true, false), (false, true), (true, true), (true, true)]);
        assert!(UsableBy::EveryApp.includes(AppId::generate()));
    }

    #[test]
    fn only_apps_that_are_gone_are_no_difference() {
        let each = each(AppId::generate(), AppId::generate());
        let same = each.each_ref().map(|row| each.each_ref().map(|sealed| row.is_or_was(sealed)));
        assert_eq!(
            same,
            [
                [true, true, true, true, false],
                [false, true, false, true, false],
                [false, false, true, true, false],
                [false, false, false, true, false],
                [false, false, false, false, true],
            ]
        );
    }

    #[test]
    fn one_more_app_is_more_and_fewer_apps_are_not() {
        let each = each(AppId::generate(), AppId::generate());
        let more = each.each_ref().map(|after| each.each_ref().map(|before| after.gives_more_than(before)));
        assert_eq!(
            more,
            [
                [false, false, false, false, false],
                [true, false, true, false, false],
                [true, true, false, false, false],
                [true, true, true, false, false],
                [true, true, true, true, false],
            ]
        );
    }
}
