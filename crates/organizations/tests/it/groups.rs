//! Groups and who is in them.

use access_control::{ListGroups, ManageGroups, Role};
use ids::GroupId;
use organizations::OrganizationError;
use test_support::{TestDatabase, on_both_stores};

use crate::house::{House, request};

on_both_stores! {
    async fn a_group_is_made_filled_renamed_emptied_and_deleted(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let bob = house.member(acme, "bob", Role::Member).await;
        let manage = house.permit::<ManageGroups>(&ada, acme).await.unwrap();
        let list = house.permit::<ListGroups>(&bob, acme).await.unwrap();
        let group = house.groups.create(&manage, request(), "Finance".parse().unwrap()).await.unwrap().id;
        house.groups.add_member(&manage, request(), group, bob.id).await.unwrap();
        house.groups.add_member(&manage, request(), group, bob.id).await.unwrap();
        house.groups.rename(&manage, request(), group, "Money".parse().unwrap()).await.unwrap();
        let found = house.groups.list(&list).await.unwrap();
        assert_eq!((found.len(), found[0].name.as_str(), &found[0].members), (1, "Money", &vec![bob.id]));
        let record = organizations::load(house.database.connection(), acme).await.unwrap().unwrap();
        assert_eq!(record.facts.members[&bob.id].groups, [group]);
        house.groups.remove_member(&manage, request(), group, bob.id).await.unwrap();
        let again = house.groups.remove_member(&manage, request(), group, bob.id).await;
        assert!(matches!(again, Err(OrganizationError::NotFound)), "{again:?}");
        house.groups.add_member(&manage, request(), group, bob.id).await.unwrap();
        house.groups.delete(&manage, request(), group).await.unwrap();
        assert!(house.groups.list(&list).await.unwrap().is_empty());
        let record = organizations::load(house.database.connection(), acme).await.unwrap().unwrap();
        assert!(record.facts.members[&bob.id].groups.is_empty());
        // The second addition changed nothing.
        assert_eq!(house.events(acme, "groups.manage").await, 6);
    }

    async fn a_name_is_given_once_in_an_organization(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let other = house.organization(&ada, "other").await.id;
        let manage = house.permit::<ManageGroups>(&ada, acme).await.unwrap();
        let elsewhere = house.permit::<ManageGroups>(&ada, other).await.unwrap();
        let finance = || "Finance".parse().unwrap();
        house.groups.create(&manage, request(), finance()).await.unwrap();
        let sales = house.groups.create(&manage, request(), "Sales".parse().unwrap()).await.unwrap().id;
        let second = house.groups.create(&manage, request(), finance()).await;
        assert!(matches!(second, Err(OrganizationError::GroupNameTaken)), "{second:?}");
        let renamed = house.groups.rename(&manage, request(), sales, finance()).await;
        assert!(matches!(renamed, Err(OrganizationError::GroupNameTaken)), "{renamed:?}");
        house.groups.create(&elsewhere, request(), finance()).await.unwrap();
    }

    async fn z02_groups_and_people_of_another_organization_are_not_found(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let bob = house.person("bob").await;
        let other = house.organization(&bob, "other").await.id;
        let mine = house.permit::<ManageGroups>(&ada, acme).await.unwrap();
        let theirs = house.permit::<ManageGroups>(&bob, other).await.unwrap();
        let own = house.groups.create(&mine, request(), "Own".parse().unwrap()).await.unwrap().id;
        let foreign = house.groups.create(&theirs, request(), "Foreign".parse().unwrap()).await.unwrap().id;
        house.groups.add_member(&theirs, request(), foreign, bob.id).await.unwrap();
        let check = |outcome: Result<(), OrganizationError>| {
            assert!(matches!(outcome, Err(OrganizationError::NotFound)), "{outcome:?}");
        };
        for group in [foreign, GroupId::generate()] {
            check(house.groups.rename(&mine, request(), group, "X".parse().unwrap()).await);
            check(house.groups.delete(&mine, request(), group).await);
            check(house.groups.add_member(&mine, request(), group, ada.id).await);
            check(house.groups.remove_member(&mine, request(), group, bob.id).await);
        }
        check(house.groups.add_member(&mine, request(), own, bob.id).await);
        let list = house.permit::<ListGroups>(&bob, other).await.unwrap();
        let found = house.groups.list(&list).await.unwrap();
        assert_eq!((found[0].name.as_str(), &found[0].members), ("Foreign", &vec![bob.id]));
    }
}
