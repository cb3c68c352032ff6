//! Lists in pieces, and finding members.

use access_control::{ListGroups, ListMembers, ManageGroups, Role};
use ids::UserId;
use organizations::MemberSearch;
use sea_orm::{ConnectionTrait, Statement};
use test_support::{TestDatabase, on_both_stores};

use crate::house::{House, Somebody, request};

impl House {
    async fn call(&self, who: &Somebody, name: &str) {
        let statement = Statement::from_sql_and_values(
            self.database.backend(),
            "UPDATE users SET name = $2 WHERE id = $1",
            [who.id.to_string().into(), name.into()],
        );
        self.database.connection().execute_raw(statement).await.unwrap();
    }
}

on_both_stores! {
    async fn members_come_in_pieces_that_others_do_not_disturb(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let mut expected = vec![ada.id];
        for number in 0..10 {
            expected.push(house.member(acme, &format!("m{number}"), Role::Member).await.id);
        }
        let list = house.permit::<ListMembers>(&ada, acme).await.unwrap();
        let mut seen: Vec<UserId> = Vec::new();
        for round in 0.. {
            let wanted = MemberSearch::default();
            let piece = house.members.search(&list, &wanted, seen.last().copied(), 4).await.unwrap();
            seen.extend(piece.iter().map(|known| known.member.user));
            if piece.len() < 4 {
                break;
            }
            // Somebody joins, and somebody who was seen leaves, between two pieces.
            house.member(acme, &format!("late{round}"), Role::Member).await;
            if round == 0 {
                let gone = Somebody { id: seen[1], ..ada.clone() };
                house.remove(&ada, acme, &gone).await;
            }
        }
        assert_eq!(seen[..11], expected);
        let mut once = seen.clone();
        once.dedup();
        assert_eq!(once, seen);
    }

    async fn members_are_found_by_name_address_and_role(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let bob = house.member(acme, "bob_smith", Role::Editor).await;
        let eva = house.member(acme, "eva-smith", Role::Admin).await;
        let oe = house.member(acme, "oe", Role::Member).await;
        house.call(&bob, "Bob 100% Sure").await;
        house.call(&oe, "ÖZGÜR Å").await;
        let stranger = house.person("smith").await;
        house.organization(&stranger, "other").await;
        let list = house.permit::<ListMembers>(&ada, acme).await.unwrap();
        let find = async |text: &str, role: Option<Role>| {
            let wanted = MemberSearch { text: Some(text.to_owned()), role };
            let found = house.members.search(&list, &wanted, None, 10).await.unwrap();
            found.into_iter().map(|known| known.member.user).collect::<Vec<_>>()
        };
        assert_eq!(find("SMITH", None).await, [bob.id, eva.id]);
        assert_eq!(find("smith@example", Some(Role::Admin)).await, [eva.id]);
        assert_eq!(find("özgür å", None).await, [oe.id], "letters of every script are folded");
        assert_eq!(find("", None).await.len(), 4);
        // No character is a pattern.
        assert_eq!(find("b_s", None).await, [bob.id]);
        assert_eq!(find("a_s", None).await, []);
        assert_eq!(find("100%", None).await, [bob.id]);
        assert_eq!(find("%", None).await, [bob.id]);
        for text in ["b%h", "\\", "' OR 1=1 --", "*", "\0"] {
            assert_eq!(find(text, None).await, [], "{text:?}");
        }
    }

    async fn a_rare_match_is_found_behind_many_others(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        for number in 0..600 {
            house.member(acme, &format!("m{number}"), Role::Member).await;
        }
        let last = house.member(acme, "zz-needle", Role::Member).await;
        let list = house.permit::<ListMembers>(&ada, acme).await.unwrap();
        let wanted = MemberSearch { text: Some("needle".to_owned()), role: None };
        let found = house.members.search(&list, &wanted, None, 2).await.unwrap();
        assert_eq!(found.iter().map(|known| known.member.user).collect::<Vec<_>>(), [last.id]);
        let everybody = house.members.search(&list, &MemberSearch::default(), None, 300).await.unwrap();
        assert_eq!(everybody.len(), 300);
    }

    async fn groups_come_in_pieces_by_name(database: TestDatabase) {
        let house = House::on(database);
        let ada = house.person("ada").await;
        let acme = house.organization(&ada, "acme").await.id;
        let manage = house.permit::<ManageGroups>(&ada, acme).await.unwrap();
        for name in ["e", "b", "d", "a", "c"] {
            let group = house.groups.create(&manage, request(), name.parse().unwrap()).await.unwrap();
            house.groups.add_member(&manage, request(), group.id, ada.id).await.unwrap();
        }
        let list = house.permit::<ListGroups>(&ada, acme).await.unwrap();
        let mut seen: Vec<String> = Vec::new();
        loop {
            let piece = house.groups.page(&list, seen.last().map(String::as_str), 2).await.unwrap();
            assert!(piece.iter().all(|group| group.members == [ada.id]));
            seen.extend(piece.iter().map(|group| group.name.to_string()));
            if piece.len() < 2 {
                break;
            }
        }
        assert_eq!(seen, ["a", "b", "c", "d", "e"]);
    }
}
