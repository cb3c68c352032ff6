//! Policy files.

use access_control::{ApplyPolicy, ReadPolicy, Role};
use audit::Occasion;
use policy::{Order, Policy, PolicyFile};
use proptest::prelude::*;
use serde_json::json;
use test_support::{TestDatabase, on_both_stores};

use crate::house::{House, Tenant, change, email};

async fn read(house: &House, tenant: Tenant) -> Policy {
    let permit = house.permit::<ReadPolicy>(tenant.owner, tenant.id).unwrap();
    let policy = house.policies.read(&permit, house.now()).await.unwrap();
    // As a client has it.
    serde_json::from_value(serde_json::to_value(&policy).unwrap()).unwrap()
}

/// Makes the policy what the file says; how many changes that took.
async fn apply(house: &House, tenant: Tenant, text: &str, prune: bool) -> usize {
    let file: PolicyFile = text.parse().unwrap();
    let differences = file.differences(&read(house, tenant).await, prune, house.now()).unwrap();
    let changes: Vec<_> = differences.into_iter().flat_map(|difference| difference.changes).collect();
    if changes.is_empty() {
        return 0;
    }
    let permit = house.permit::<ApplyPolicy>(tenant.owner, tenant.id).unwrap();
    house.changes.make(&permit, &Order { changes, simulation: None }, Occasion::now()).await.unwrap()
}

fn told(text: &str, policy: &Policy, now: time::OffsetDateTime) -> String {
    match text.parse::<PolicyFile>().and_then(|file| file.differences(policy, false, now)) {
        Ok(found) => panic!("no error in {text}: {found:?}"),
        Err(error) => error.to_string(),
    }
}

on_both_stores! {
    async fn a_file_is_applied_once_and_exported_as_it_was(database: TestDatabase) {
        let house = House::on(database).await;
        let tenant = house.tenant("acme").await;
        let (ann, bob) = (house.member(tenant, Role::Member).await, house.member(tenant, Role::Editor).await);
        let gone = house.member(tenant, Role::Member).await;
        house.group(tenant, "Finance \"A\"").await;
        for slug in ["crm", "wiki"] {
            house.app(tenant, slug).await;
        }
        let (owner, ann, bob) = (email(tenant.owner), email(ann), email(bob));
        let text = format!(r#"
            organization = "acme"
            [members]
            "{owner}" = "owner"
            "{ann}" = "admin"
            "{bob}" = "editor"
            [groups]
            'Finance "A"' = ["{ann}", "{bob}"]
            [apps.crm]
            level = "restricted"
            [apps.crm.grants]
            "{bob}" = {{ role = "editor" }}
            "{ann}" = {{ role = "viewer", until = 2099-01-31T00:00:00Z }}
            "{owner}" = {{ role = "viewer" }}
            [[apps.crm.path_rules]]
            pattern = "/admin"
            methods = ["POST", "GET"]
            subjects = ["role:owner", "user:{bob}", 'group:Finance "A"', "app_role:editor"]
            sign_in_within_minutes = 30
            [[apps.crm.path_rules]]
            pattern = "/admin"
            subjects = ["role:owner", "role:admin"]
            [apps.wiki]
            level = "organization"
        "#);
        // A role, two places in a group, two rules, three grants, a level, and the grant that the level gave.
        assert_eq!(apply(&house, tenant, &text, false).await, 10);
        assert_eq!(house.role(tenant, gone), Some(Role::Member), "nobody is removed without being told to");
        // The Owner is a viewer of crm now, as the file says, and does not see into it any more.
        let refused = told(&text, &read(&house, tenant).await, house.now());
        assert!(refused.contains("there is no app crm that you can edit"), "{refused}");
        let text = text.replace(r#"= { role = "viewer" }"#, r#"= { role = "editor" }"#);

        let house_of_bob = house.permit::<access_control::UpdateApp>(bob.split('@').next().unwrap().parse().unwrap(), {
            let apps = house.directory.apps_of(tenant.id).unwrap();
            apps.iter().find(|app| app.slug.as_str() == "crm").unwrap().id()
        }).unwrap();
        let grant = json!({ "kind": "put_grant", "appId": house_of_bob.app(), "userId": tenant.owner, "role": "editor" });
        house.changes.make_in_app(&house_of_bob, &Order { changes: vec![change(grant)], simulation: None }, Occasion::now()).await.unwrap();
        assert_eq!(apply(&house, tenant, &text, false).await, 0, "the second time, nothing is left to do");

        let exported = read(&house, tenant).await.to_file();
        let file: PolicyFile = exported.parse().unwrap();
        let differences = file.differences(&read(&house, tenant).await, true, house.now()).unwrap();
        assert!(differences.is_empty(), "{differences:?}\n{exported}");
        // The file that was written by hand does not speak of one member.
        let file: PolicyFile = text.parse().unwrap();
        let differences = file.differences(&read(&house, tenant).await, false, house.now()).unwrap();
        let shown: Vec<String> = differences.iter().map(ToString::to_string).collect();
        assert_eq!(shown, [format!("- member {} (member); stays without --prune", email(gone))]);
        assert_eq!(apply(&house, tenant, &text, true).await, 1);
        assert_eq!(house.role(tenant, gone), None);
        assert_eq!(apply(&house, tenant, &text, true).await, 0);
    }

    async fn mistakes_are_named_with_their_line(database: TestDatabase) {
        let house = House::on(database).await;
        let tenant = house.tenant("acme").await;
        house.app(tenant, "crm").await;
        let (policy, now) = (read(&house, tenant).await, house.now());
        let check = |text: &str, wanted: &str| {
            let told = told(text, &policy, now);
            assert!(told.contains(wanted), "{wanted:?} is not in {told:?}");
        };
        let head = "organization = \"acme\"\n";
        check(&format!("{head}colour = 1\n"), "line 2: unknown field `colour`");
        check(&format!("{head}[apps.crm]\nlevel = \"user\"\nowner = 1\n"), "line 4: unknown field `owner`");
        check(&format!("{head}[members]\n\"a@b.co\" = \"boss\"\n"), "line 3: \"boss\": not a role");
        check(&format!("{head}[members]\n\"a@b.co\" = \"admin\"\n"), "line 3: a@b.co is no member");
        check(&format!("{head}[members]\n\"a@b.co\" = \"admin\"\n\"A@b.co\" = \"admin\"\n"), "occurs twice");
        check(&format!("{head}[members]\n\"a@b.co\" = \"admin\"\n\"a@b.co\" = \"admin\"\n"), "line 4: duplicate key");
        check(&format!("{head}[groups]\nStaff = []\n"), "line 3: there is no group called \"Staff\"");
        check(&format!("{head}[apps.nothing]\nlevel = \"user\"\n"), "line 2: there is no app nothing");
        check(&format!("{head}[apps.crm]\nlevel = \"everybody\"\n"), "line 3: \"everybody\": not an access level");
        let rule = "[[apps.crm.path_rules]]\npattern = \"/a\"\nsubjects = [\"role:owner\"]\n";
        let app = format!("{head}[apps.crm]\nlevel = \"organization\"\n");
        check(&format!("{app}{rule}{rule}"), "line 8: this rule occurs twice");
        check(&format!("{app}{}", rule.replace("/a", "a")), "line 5: \"a\": not a path");
        check(&format!("{app}{}", rule.replace("role:owner", "everybody")), "line 6: \"everybody\": a subject is");
        check(&format!("{app}{}", rule.replace("role:owner", "user:x@y.co")), "line 5: x@y.co is no member");
        check(&format!("{app}{rule}sign_in_within_minutes = 0\n"), "line 7: the largest age");
        check(&format!("{app}[apps.crm.grants]\n\"a@b.co\" = {{ role = \"viewer\", until = 2030-01-01 }}\n"), "line 5: an instant has an offset");
        check("organization = \"other\"\n", "the file is for other, not for acme");
        check("organization", "line 1");
    }
}

/// Pattern, methods, subjects by kind and number, age of the sign-in.
type SomeRule = (&'static str, Vec<&'static str>, Vec<(&'static str, usize)>, Option<u32>);

fn some_policy() -> impl Strategy<Value = Policy> {
    let people = 6_usize;
    let role = prop::sample::select(vec!["owner", "admin", "editor", "member"]);
    let subject = prop_oneof![
        (0..people).prop_map(|user| ("user", user)),
        (0_usize..3).prop_map(|group| ("group", group)),
        (0_usize..4).prop_map(|role| ("role", role)),
        (0_usize..2).prop_map(|role| ("app_role", role)),
    ];
    let pattern = prop::sample::select(vec!["/", "/admin", "/reports/*/edit", "/caf%C3%A9", "/a%20b"]);
    let methods = prop::sample::subsequence(vec!["GET", "POST", "PUT"], 0..3);
    let age = prop::option::of(1_u32..=43_200);
    let rule = (pattern, methods, prop::collection::vec(subject, 0..4), age);
    let grant = (0..people, prop::bool::ANY, prop::option::of(4_000_000_000_i64..4_100_000_000));
    let level = prop::sample::select(vec!["organization", "restricted", "user"]);
    let app = (level, prop::collection::vec(grant, 0..4), prop::collection::vec(rule, 0..5));
    let group = prop::collection::btree_set(0..people, 0..4);
    (prop::collection::vec(role, people), prop::collection::vec(group, 3), prop::collection::vec(app, 0..4))
        .prop_map(|(roles, groups, apps)| {
            let users: Vec<ids::UserId> = roles.iter().map(|_| ids::UserId::generate()).collect();
            let group_ids: Vec<ids::GroupId> = groups.iter().map(|_| ids::GroupId::generate()).collect();
            let subject = |(kind, number): (&str, usize)| match kind {
                "user" => json!({ "kind": kind, "value": users[number] }),
                "group" => json!({ "kind": kind, "value": group_ids[number] }),
                "role" => json!({ "kind": kind, "value": (["owner", "admin", "editor", "member"][number]) }),
                _ => json!({ "kind": kind, "value": (["viewer", "editor"][number]) }),
            };
            let rule = |(pattern, methods, subjects, age): SomeRule| {
                let subjects: Vec<_> = subjects.into_iter().map(subject).collect();
                let mut rule = json!({ "pattern": pattern, "methods": methods, "subjects": subjects });
                if let Some(age) = age {
                    rule["signInWithinMinutes"] = age.into();
                }
                json!({ "id": ids::PathRuleId::generate(), "rule": rule })
            };
            let apps = apps.into_iter().enumerate().map(|(number, (level, grants, rules))| {
                let mut seen = Vec::new();
                let mut given = Vec::new();
                for (user, editor, end) in grants {
                    if !seen.contains(&user) {
                        seen.push(user);
                        let end = end.map(|end| {
                            let end = time::OffsetDateTime::from_unix_timestamp(end).unwrap();
                            end.format(&time::format_description::well_known::Rfc3339).unwrap()
                        });
                        let role = if editor { "editor" } else { "viewer" };
                        given.push(json!({ "userId": users[user], "role": role, "expiresAt": end }));
                    }
                }
                json!({
                    "id": ids::AppId::generate(),
                    "slug": format!("app{number}"),
                    "level": level,
                    "grants": given,
                    "pathRules": rules.into_iter().map(rule).collect::<Vec<_>>(),
                })
            });
            let members = roles.iter().zip(&users).enumerate().map(|(number, (role, user))| {
                json!({ "userId": user, "email": format!("p{number}@example.com"), "role": role })
            });
            let names = ["Finance", "R&D \"x\"", "\\ '''"];
            let groups = groups.iter().enumerate().map(|(number, members)| {
                let members: Vec<_> = members.iter().map(|member| users[*member]).collect();
                json!({ "id": group_ids[number], "name": names[number], "members": members })
            });
            serde_json::from_value(json!({
                "organizationId": ids::OrganizationId::generate(),
                "organization": "acme",
                "readerId": users[0],
                "policyVersion": 1,
                "members": members.collect::<Vec<_>>(),
                "groups": groups.collect::<Vec<_>>(),
                "apps": apps.collect::<Vec<_>>(),
            }))
            .unwrap()
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the policy is, its file says nothing else.
    #[test]
    fn an_export_does_not_differ_from_what_it_was_made_of(policy in some_policy()) {
        let text = policy.to_file();
        let file: PolicyFile = text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"));
        let differences = file.differences(&policy, true, time::OffsetDateTime::now_utc()).unwrap();
        prop_assert!(differences.is_empty(), "{:?}\n{}", differences, text);
    }

    /// And of another policy it says something else: a file that always agreed would pass the test above.
    #[test]
    fn an_export_differs_from_another_policy(policy in some_policy()) {
        let mut other = policy.clone();
        other.members[0].role = if policy.members[0].role == Role::Owner { Role::Admin } else { Role::Owner };
        let file: PolicyFile = policy.to_file().parse().unwrap();
        let differences = file.differences(&other, true, time::OffsetDateTime::now_utc()).unwrap();
        prop_assert_eq!(differences.len(), 1);
    }
}
