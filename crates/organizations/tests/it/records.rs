//! What the directory reads.

use access_control::{ManageGroups, Role};
use ids::OrganizationId;
use test_support::{TestDatabase, on_both_stores};

use crate::house::{House, request};

on_both_stores! {
    async fn one_and_all_read_the_same(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let other = house.organization(&ada, "other").await.id;
        let bob = house.member(acme, "bob", Role::Editor).await;
        let manage = house.permit::<ManageGroups>(&ada, acme).await.unwrap();
        let group = house.groups.create(&manage, request(), "Finance".parse().unwrap()).await.unwrap().id;
        house.groups.add_member(&manage, request(), group, bob.id).await.unwrap();

        let all = organizations::load_all(house.database.connection()).await.unwrap();
        assert_eq!(all.iter().map(|record| record.facts.id).collect::<Vec<_>>(), [acme, other]);
        for record in &all {
            let one = organizations::load(house.database.connection(), record.facts.id).await.unwrap().unwrap();
            assert_eq!(format!("{:?}", sorted(&one)), format!("{:?}", sorted(record)));
        }
        assert_eq!(all[0].facts.members.len(), 2);
        assert_eq!(all[0].facts.members[&bob.id].role, Role::Editor);
        assert_eq!(all[0].facts.members[&bob.id].groups, [group]);
        assert_eq!((all[1].slug.as_str(), all[1].name.as_str()), ("other", "other"));
        let none = organizations::load(house.database.connection(), OrganizationId::generate()).await;
        assert!(none.unwrap().is_none());
    }
}

fn sorted(record: &organizations::OrganizationRecord) -> Vec<String> {
    let mut lines: Vec<_> =
        record.facts.members.iter().map(|(user, member)| format!("{user} {member:?}")).collect();
    lines.sort();
    lines.push(format!(
        "{} {} {} {:?}",
        record.facts.id, record.slug, record.name, record.facts.hosted_domain
    ));
    lines
}
