//! An organization of 1,000 people and 200 apps in plain data, and a naive reading of its policy: written
//! from the specification, without the code that decides.

use std::collections::{BTreeMap, BTreeSet};

use access_control::{AppLevel, AppRole, Role, Subject};
use ids::{AppId, GroupId, OrganizationId, PathRuleId, UserId};
use policy::{PolicyChange, WantedRule};
use sea_orm::{ConnectionTrait as _, DatabaseTransaction, Statement, TransactionTrait as _, Value};
use test_support::TestDatabase;
use time::OffsetDateTime;

pub const PEOPLE: usize = 1_000;
pub const APPS: usize = 200;
const GROUPS: usize = 20;

/// What apps saw, method and path.
const SEEN: [(&str, &str); 20] = [
    ("GET", "/"),
    ("GET", "/admin"),
    ("GET", "/admin/users"),
    ("POST", "/admin/users"),
    ("GET", "/finance"),
    ("GET", "/finance/q1/forecast"),
    ("POST", "/finance/q1"),
    ("GET", "/reports"),
    ("GET", "/reports/7"),
    ("GET", "/reports/7/edit"),
    ("POST", "/reports/7/edit"),
    ("DELETE", "/reports/7/edit"),
    ("GET", "/team"),
    ("GET", "/team/photos"),
    ("GET", "/administrator"),
    ("GET", "/finances"),
    ("GET", "/api/internal/jobs"),
    ("POST", "/api/internal/jobs/9"),
    ("GET", "/api/public"),
    ("GET", "/favicon"),
];

#[derive(Clone)]
pub struct Person {
    pub id: UserId,
    pub role: Role,
    pub groups: BTreeSet<GroupId>,
}

#[derive(Clone)]
pub struct Rule {
    pub id: PathRuleId,
    pub pattern: String,
    pub methods: Vec<&'static str>,
    pub subjects: Vec<Subject>,
}

#[derive(Clone)]
pub struct App {
    pub id: AppId,
    pub level: AppLevel,
    pub creator: UserId,
    pub grants: BTreeMap<UserId, AppRole>,
    pub rules: Vec<Rule>,
}

#[derive(Clone)]
pub struct Large {
    pub id: OrganizationId,
    pub people: Vec<Person>,
    pub groups: Vec<GroupId>,
    pub apps: Vec<App>,
}

/// App, person, method and path; whether it is gained.
pub type Shifts = BTreeSet<(AppId, UserId, String, String, bool)>;
/// App and person, with the role before and after.
pub type Roles = BTreeMap<(AppId, UserId), (Option<AppRole>, Option<AppRole>)>;

impl Large {
    pub fn new() -> Self {
        let groups: Vec<GroupId> = (0..GROUPS).map(|_| GroupId::generate()).collect();
        let people: Vec<Person> = (0..PEOPLE)
            .map(|number| Person {
                id: UserId::generate(),
                role: match number {
                    0 => Role::Owner,
                    1..10 => Role::Admin,
                    10..300 => Role::Editor,
                    _ => Role::Member,
                },
                groups: BTreeSet::from([groups[number % GROUPS], groups[number / GROUPS % GROUPS]]),
            })
            .collect();
        let apps = (0..APPS)
            .map(|number| App {
                id: AppId::generate(),
                level: match number % 50 {
                    49 => AppLevel::User,
                    place if place % 4 == 3 => AppLevel::Restricted,
                    _ => AppLevel::Organization,
                },
                creator: people[number + 5].id,
                grants: (0..50)
                    .map(|place| {
                        let role = if place % 5 == 0 { AppRole::Editor } else { AppRole::Viewer };
                        (people[(number * 7 + place * 19) % PEOPLE].id, role)
                    })
                    .chain([(people[0].id, AppRole::Editor)])
                    .collect(),
                rules: rules(number, &people, &groups),
            })
            .collect();
        Self { id: OrganizationId::generate(), people, groups, apps }
    }

    pub fn owner(&self) -> UserId {
        self.people[0].id
    }

    /// Puts everything into a store, past the use cases.
    pub async fn fill(&self, database: &TestDatabase) {
        let now = OffsetDateTime::now_utc();
        let today = now.to_julian_day();
        let organization = self.id.to_string();
        let change = database.connection().begin().await.unwrap();
        let table = "organizations (id, slug, name, created_at)";
        insert(
            &change,
            table,
            vec![[organization.as_str().into(), "acme".into(), "Acme".into(), now.into()]],
        )
        .await;
        let named = |(number, group): (usize, &GroupId)| {
            [group.to_string().into(), organization.as_str().into(), format!("G{number}").into(), now.into()]
        };
        let rows = self.groups.iter().enumerate().map(named).collect();
        insert(&change, "groups (id, organization_id, name, created_at)", rows).await;
        let (mut users, mut members, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for person in &self.people {
            let id: Value = person.id.to_string().into();
            let email = format!("{}@acme.example", person.id);
            users.push([
                id.clone(),
                "https://issuer".into(),
                id.clone(),
                email.into(),
                "P".into(),
                now.into(),
            ]);
            let role = person.role.to_string().into();
            members.push([organization.as_str().into(), id.clone(), role, now.into()]);
            places.extend(person.groups.iter().map(|group| [group.to_string().into(), id.clone()]));
        }
        insert(&change, "users (id, issuer, subject, email, name, created_at)", users).await;
        insert(&change, "members (organization_id, user_id, role, created_at)", members).await;
        insert(&change, "group_members (group_id, user_id)", places).await;
        let (mut apps, mut hosts, mut grants) = (Vec::new(), Vec::new(), Vec::new());
        let (mut rules, mut seen) = (Vec::new(), Vec::new());
        for (number, app) in self.apps.iter().enumerate() {
            let (id, slug): (Value, _) = (app.id.to_string().into(), format!("app{number}"));
            apps.push([
                id.clone(),
                organization.as_str().into(),
                slug.as_str().into(),
                "An app".into(),
                app.level.to_string().into(),
                app.creator.to_string().into(),
                false.into(),
                now.into(),
            ]);
            hosts.push([format!("{slug}-acme").into(), id.clone()]);
            grants.extend(app.grants.iter().map(|(user, role)| {
                let user: Value = user.to_string().into();
                [
                    id.clone(),
                    organization.as_str().into(),
                    user.clone(),
                    role.to_string().into(),
                    user,
                    now.into(),
                ]
            }));
            rules.extend(app.rules.iter().map(|rule| {
                let methods = serde_json::to_string(&rule.methods).unwrap();
                let subjects = serde_json::to_string(&rule.subjects).unwrap();
                let pattern = rule.pattern.as_str().into();
                [rule.id.to_string().into(), id.clone(), pattern, methods.into(), subjects.into(), now.into()]
            }));
            seen.extend(SEEN.iter().enumerate().map(|(place, (method, path))| {
                [
                    format!("{number}.{place}").into(),
                    organization.as_str().into(),
                    id.clone(),
                    (*method).into(),
                    serde_json::to_string(&[path]).unwrap().into(),
                    false.into(),
                    today.into(),
                ]
            }));
        }
        let columns =
            "id, organization_id, slug, name, level, creator_id, server_actions_judged_by_page, created_at";
        insert(&change, &format!("apps ({columns})"), apps).await;
        insert(&change, "hosts (label, app_id)", hosts).await;
        insert(&change, "grants (app_id, organization_id, user_id, role, granted_by, created_at)", grants)
            .await;
        insert(&change, "path_rules (id, app_id, pattern, methods, subjects, created_at)", rules).await;
        let columns = "id, organization_id, app_id, method, paths, under_every_rule, last_day";
        insert(&change, &format!("seen_paths ({columns})"), seen).await;
        change.commit().await.unwrap();
    }

    /// What changes between two policies, by asking everything twice.
    pub fn naive_difference(&self, after: &Self) -> (Roles, Shifts) {
        let (mut roles, mut shifts) = (Roles::new(), Shifts::new());
        for (one, other) in self.apps.iter().zip(&after.apps) {
            let requests = asked_about(one, other);
            let rules = requests.iter().map(|(method, path)| {
                (method, path, deciding(one, method, path), deciding(other, method, path))
            });
            let requests: Vec<_> = rules.collect();
            for (person, later) in self.people.iter().zip(&after.people) {
                let (before, after) = (role(person, one), role(later, other));
                if before != after {
                    roles.insert((one.id, person.id), (before, after));
                }
                if before.is_none() && after.is_none() {
                    continue;
                }
                for (method, path, earlier, then) in &requests {
                    let was = before.is_some_and(|role| passes(person, role, earlier));
                    let is = after.is_some_and(|role| passes(later, role, then));
                    if was != is {
                        let (method, path) = ((*method).clone(), (*path).clone());
                        shifts.insert((one.id, person.id, method, path, is));
                    }
                }
            }
        }
        (roles, shifts)
    }
}

fn rules(app: usize, people: &[Person], groups: &[GroupId]) -> Vec<Rule> {
    let rule = |pattern: &str, methods: Vec<&'static str>, subjects| Rule {
        id: PathRuleId::generate(),
        pattern: pattern.to_owned(),
        methods,
        subjects,
    };
    let team = (0..10).map(|place| Subject::User(people[(app * 3 + place * 31) % PEOPLE].id)).collect();
    vec![
        rule("/admin", vec![], vec![Subject::Role(Role::Owner), Subject::Role(Role::Admin)]),
        rule("/finance", vec![], vec![Subject::Group(groups[app % GROUPS]), Subject::Role(Role::Owner)]),
        rule("/reports/*/edit", vec!["POST", "DELETE"], vec![Subject::AppRole(AppRole::Editor)]),
        rule("/team", vec!["GET"], team),
        rule(
            "/api/internal",
            vec![],
            vec![Subject::Role(Role::Owner), Subject::Role(Role::Admin), Subject::Role(Role::Editor)],
        ),
    ]
}

async fn insert<const N: usize>(change: &DatabaseTransaction, table: &str, rows: Vec<[Value; N]>) {
    for some in rows.chunks(100) {
        let row = |number: usize| {
            let places: Vec<String> = (1..=N).map(|place| format!("${}", number * N + place)).collect();
            format!("({})", places.join(", "))
        };
        let values: Vec<String> = (0..some.len()).map(row).collect();
        let sql = format!("INSERT INTO {table} VALUES {}", values.join(", "));
        let values = some.iter().flatten().cloned();
        let statement = Statement::from_sql_and_values(change.get_database_backend(), sql, values);
        change.execute_raw(statement).await.unwrap();
    }
}

/// What was seen, `/`, and the page of each rule of either policy.
fn asked_about(one: &App, other: &App) -> BTreeSet<(String, String)> {
    let mut asked: BTreeSet<(String, String)> =
        SEEN.iter().map(|(method, path)| ((*method).to_owned(), (*path).to_owned())).collect();
    for rule in one.rules.iter().chain(&other.rules) {
        let methods = if rule.methods.is_empty() { vec!["GET", "POST"] } else { rule.methods.clone() };
        asked.extend(methods.into_iter().map(|method| (method.to_owned(), rule.pattern.clone())));
    }
    asked
}

fn role(person: &Person, app: &App) -> Option<AppRole> {
    let given = match app.level {
        AppLevel::Organization => Some(AppRole::Editor),
        AppLevel::Restricted => app.grants.get(&person.id).copied(),
        AppLevel::User => (app.creator == person.id).then_some(AppRole::Editor),
    };
    if person.role == Role::Member { given.map(|_| AppRole::Viewer) } else { given }
}

/// The longest rules that cover a request: all of them have to let somebody through.
fn deciding<'a>(app: &'a App, method: &str, path: &str) -> Vec<&'a Rule> {
    let segments = |text: &str| -> Vec<String> {
        text.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    let path = segments(path);
    let covers = |rule: &&Rule| {
        let pattern = segments(&rule.pattern);
        pattern.len() <= path.len()
            && pattern.iter().zip(&path).all(|(wanted, part)| wanted == "*" || wanted == part)
            && (rule.methods.is_empty() || rule.methods.contains(&method))
    };
    let covering: Vec<&Rule> = app.rules.iter().filter(covers).collect();
    let longest = covering.iter().map(|rule| segments(&rule.pattern).len()).max();
    covering.into_iter().filter(|rule| Some(segments(&rule.pattern).len()) == longest).collect()
}

fn passes(person: &Person, role: AppRole, deciding: &[&Rule]) -> bool {
    deciding.iter().all(|rule| {
        rule.subjects.iter().any(|subject| match subject {
            Subject::User(user) => *user == person.id,
            Subject::Group(group) => person.groups.contains(group),
            Subject::Role(role) => *role == person.role,
            Subject::AppRole(wanted) => *wanted == role,
        })
    })
}

/// Each wrong edit: its name, its changes, and the organization as it would be.
pub fn wrong_edits(large: &Large) -> Vec<(&'static str, Vec<PolicyChange>, Large)> {
    let mut edits = Vec::new();
    let mut edit = |name, changes, alter: &dyn Fn(&mut Large)| {
        let mut after = large.clone();
        alter(&mut after);
        edits.push((name, changes, after));
    };

    let (app_id, rule_id) = (large.apps[17].id, large.apps[17].rules[0].id);
    edit("the rule on /admin goes", vec![PolicyChange::DeletePathRule { app_id, rule_id }], &|after| {
        after.apps[17].rules.remove(0);
    });

    let app_id = large.apps[8 * 4 + 3].id;
    assert_eq!(large.apps[35].level, AppLevel::Restricted);
    let level = AppLevel::Organization;
    edit("a restricted app is opened", vec![PolicyChange::SetLevel { app_id, level }], &|after| {
        after.apps[35].level = level;
    });

    let user_id = large.people[123].id;
    edit(
        "an Editor becomes a Member",
        vec![PolicyChange::SetRole { user_id, role: Role::Member }],
        &|after| {
            after.people[123].role = Role::Member;
        },
    );

    let (user_id, group_id) = (large.people[777].id, large.groups[3]);
    edit(
        "somebody is put into a group",
        vec![PolicyChange::AddGroupMember { group_id, user_id }],
        &|after| {
            assert!(after.people[777].groups.insert(group_id));
        },
    );

    let (app_id, rule_id) = (large.apps[42].id, large.apps[42].rules[1].id);
    let rule = WantedRule {
        pattern: "/finance".parse().unwrap(),
        methods: Vec::new(),
        subjects: vec![Subject::Group(large.groups[5])],
        sign_in_within_minutes: None,
    };
    edit(
        "a rule names the wrong group",
        vec![PolicyChange::ReplacePathRule { app_id, rule_id, rule }],
        &|after| {
            after.apps[42].rules[1].subjects = vec![Subject::Group(large.groups[5])];
        },
    );

    // So many that they are asked about by several threads.
    let (changes, after) = without_a_rule(large, 5);
    edits.push(("every fifth app loses a rule", changes, after));
    edits
}

/// Every so many-th app that the Owner can edit loses its last rule.
pub fn without_a_rule(large: &Large, every: usize) -> (Vec<PolicyChange>, Large) {
    let mut after = large.clone();
    let mut changes = Vec::new();
    for app in after.apps.iter_mut().step_by(every).filter(|app| app.level != AppLevel::User) {
        let rule = app.rules.pop().unwrap();
        changes.push(PolicyChange::DeletePathRule { app_id: app.id, rule_id: rule.id });
    }
    (changes, after)
}
