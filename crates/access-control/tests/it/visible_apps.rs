//! Of the apps that may use something, nobody learns of those that they may not open, or takes them away unseen.

use std::collections::HashMap;
use std::sync::Arc;

use access_control::*;
use ids::{AppId, OrganizationId, SessionId, UserId};
use time::OffsetDateTime;

use crate::situation::NOW;

/// An organization with a person's app, somebody else's own app, and an app elsewhere of which that person is a member, too.
struct Known {
    person: UserId,
    organizations: Vec<Arc<OrganizationFacts>>,
    apps: Vec<Arc<AppFacts>>,
}

impl Known {
    fn new() -> Self {
        let (person, somebody) = (UserId::generate(), UserId::generate());
        let organizations = [(); 2].map(|()| {
            let member = |user| (user, MemberFacts { role: Role::Editor, groups: Vec::new() });
            Arc::new(OrganizationFacts {
                id: OrganizationId::generate(),
                hosted_domain: None,
                members: HashMap::from([member(person), member(somebody)]),
            })
        });
        let app = |organization: OrganizationId, level, creator| {
            Arc::new(AppFacts {
                id: AppId::generate(),
                organization,
                level,
                creator,
                grants: HashMap::new(),
                rules: PathRules::default(),
                server_actions_judged_by_page: false,
            })
        };
        let [here, elsewhere] = [0, 1].map(|number: usize| organizations[number].id);
        let apps = vec![
            app(here, AppLevel::Organization, somebody),
            app(here, AppLevel::User, somebody),
            app(elsewhere, AppLevel::Organization, person),
        ];
        Self { person, organizations: organizations.to_vec(), apps }
    }

    /// The app that the person sees, the one that they do not, and the one elsewhere.
    fn apps(&self) -> [AppId; 3] {
        [0, 1, 2].map(|number: usize| self.apps[number].id)
    }

    fn permit(&self) -> Permit<ListConnections> {
        let person = Principal::User(SignedIn {
            user: self.person,
            session: SessionId::generate(),
            hosted_domain: None,
            authenticated_at: NOW,
            means: Means::Browser,
        });
        authorize(Some(&person), self.organizations[0].id, self, NOW).expect("a member may")
    }
}

impl Facts for Known {
    fn organization(&self, id: OrganizationId) -> Result<Option<Arc<OrganizationFacts>>, FactsUnavailable> {
        Ok(self.organizations.iter().find(|organization| organization.id == id).cloned())
    }

    fn app(&self, id: AppId) -> Result<Option<Arc<AppFacts>>, FactsUnavailable> {
        Ok(self.apps.iter().find(|app| app.id == id).cloned())
    }
}

/// Facts that may be out of date.
struct Unknown;

impl Facts for Unknown {
    fn organization(&self, _: OrganizationId) -> Result<Option<Arc<OrganizationFacts>>, FactsUnavailable> {
        Err(FactsUnavailable)
    }

    fn app(&self, _: AppId) -> Result<Option<Arc<AppFacts>>, FactsUnavailable> {
        Err(FactsUnavailable)
    }
}

fn these<const N: usize>(apps: [AppId; N]) -> UsableBy {
    UsableBy::Apps(apps.into())
}

#[test]
fn somebodys_own_app_apps_elsewhere_and_apps_that_do_not_exist_are_not_seen() {
    let known = Known::new();
    let permit = known.permit();
    let visible = VisibleApps::of(&permit, &known, NOW);
    let [seen, hidden, elsewhere] = known.apps();
    assert_eq!(
        [seen, hidden, elsewhere, AppId::generate()].map(|app| visible.sees(app)),
        [Ok(true), Ok(false), Ok(false), Ok(false)]
    );
    assert_eq!(visible.shown(these([seen, hidden, elsewhere])), Ok(these([seen])));
    assert_eq!(visible.shown(these([hidden])), Ok(these([])), "it does not become every app");
    assert_eq!(visible.shown(UsableBy::EveryApp), Ok(UsableBy::EveryApp));
    for (usable_by, all) in [
        (UsableBy::EveryApp, true),
        (these([]), true),
        (these([seen]), true),
        (these([seen, hidden]), false),
        (these([elsewhere]), false),
    ] {
        assert_eq!(visible.sees_all(&usable_by), Ok(all), "{usable_by:?}");
    }
}

#[test]
fn nobody_gives_to_apps_that_they_do_not_see_or_takes_from_them() {
    let known = Known::new();
    let permit = known.permit();
    let visible = VisibleApps::of(&permit, &known, NOW);
    let [seen, hidden, elsewhere] = known.apps();
    for unseen in [hidden, elsewhere, AppId::generate()] {
        assert_eq!(visible.given(these([seen, unseen]), None), Ok(None));
        assert_eq!(
            visible.given(these([unseen]), Some(&these([unseen]))),
            Ok(None),
            "not even what is there"
        );
    }
    for (given, before, after) in [
        (these([]), None, these([])),
        (these([seen]), None, these([seen])),
        (these([]), Some(these([seen])), these([])),
        (these([]), Some(these([seen, hidden])), these([hidden])),
        (these([seen]), Some(these([hidden])), these([seen, hidden])),
        (these([seen]), Some(UsableBy::EveryApp), these([seen])),
        (UsableBy::EveryApp, Some(these([hidden])), UsableBy::EveryApp),
    ] {
        assert_eq!(
            visible.given(given.clone(), before.as_ref()),
            Ok(Some(after)),
            "{given:?} after {before:?}"
        );
    }
}

#[test]
fn what_is_not_known_is_neither_seen_nor_unseen() {
    let known = Known::new();
    let permit = known.permit();
    let visible = VisibleApps::of(&permit, &Unknown, NOW);
    let [seen, ..] = known.apps();
    assert_eq!(visible.sees(seen), Err(FactsUnavailable));
    assert_eq!(visible.sees_all(&these([seen])), Err(FactsUnavailable));
    assert_eq!(visible.shown(these([seen])), Err(FactsUnavailable));
    assert_eq!(visible.given(these([seen]), None), Err(FactsUnavailable));
    assert_eq!(visible.given(these([]), Some(&these([seen]))), Err(FactsUnavailable));
}

#[test]
fn a_person_who_may_open_an_app_no_more_does_not_see_it() {
    let mut known = Known::new();
    let permit = known.permit();
    let [seen, ..] = known.apps();
    let app = Arc::get_mut(&mut known.apps[0]).expect("nobody else has it");
    app.level = AppLevel::Restricted;
    let ends = NOW + time::Duration::HOUR;
    app.grants.insert(known.person, GrantFacts { role: AppRole::Viewer, expires_at: Some(ends) });
    let sees_at = |now: OffsetDateTime| VisibleApps::of(&permit, &known, now).sees(seen);
    assert_eq!(sees_at(ends - time::Duration::SECOND), Ok(true));
    assert_eq!(sees_at(ends), Ok(false));
}
