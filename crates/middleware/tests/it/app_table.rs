//! Level x role x grant x membership, asked of the running proxy and compared with the oracle's table.
//!
//! The table is written by Cedar in `crates/access-control/tests/it/app_table.rs`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use access_control::Role;
use audit::Target;
use ids::{AppId, GroupId, OrganizationId, PathRuleId};
use test_support::{TestDatabase, on_both_stores};
use time::{Duration, OffsetDateTime};

use crate::house::{House, Plan, Rows, Somebody};

const TABLE: &str = include_str!("../../../access-control/tests/app_table.tsv");
const DOMAIN: &str = "acme.example";

/// One line of the table.
struct Line<'a> {
    level: &'a str,
    role: &'a str,
    grant: &'a str,
    creator: bool,
    in_group: bool,
    signed_in_at: &'a str,
    expected: Vec<(&'a str, u16)>,
}

fn lines() -> Vec<Line<'static>> {
    let mut lines = TABLE.lines();
    let pages: Vec<&str> = lines.next().unwrap().split('\t').skip(6).collect();
    let line = |line: &'static str| {
        let cells: Vec<&str> = line.split('\t').collect();
        let statuses = cells[6..].iter().map(|status| status.parse().unwrap());
        Line {
            level: cells[0],
            role: cells[1],
            grant: cells[2],
            creator: cells[3] == "yes",
            in_group: cells[4] == "yes",
            signed_in_at: cells[5],
            expected: pages.iter().copied().zip(statuses).collect(),
        }
    };
    lines.map(line).collect()
}

/// The organizations: one takes sign-ins of any hosted domain, one of a single one.
struct Tenants {
    any: (OrganizationId, GroupId),
    strict: (OrganizationId, GroupId),
}

impl Tenants {
    async fn make(rows: &Rows<'_>) -> Self {
        let mut made = Vec::new();
        for slug in ["any", "strict"] {
            let (organization, group) = (OrganizationId::generate(), GroupId::generate());
            rows.organization(organization, slug).await;
            let sql =
                "INSERT INTO groups (id, organization_id, name, created_at) VALUES ($1, $2, 'people', $3)";
            let now = OffsetDateTime::now_utc();
            rows.execute(sql, [group.to_string().into(), organization.to_string().into(), now.into()]).await;
            made.push((organization, group));
        }
        let sql = "UPDATE organizations SET hosted_domain = $1 WHERE slug = 'strict'";
        rows.execute(sql, [DOMAIN.into()]).await;
        Self { any: made[0], strict: made[1] }
    }

    fn of(&self, line: &Line<'_>) -> (OrganizationId, GroupId) {
        if line.signed_in_at == "any" { self.any } else { self.strict }
    }
}

/// The person of a line: people differ in role, group and hosted domain only.
async fn person(rows: &Rows<'_>, line: &Line<'_>, tenants: &Tenants) -> Somebody {
    let (organization, group) = tenants.of(line);
    let role = Role::ALL.into_iter().find(|role| role.as_str() == line.role);
    let subject = format!("{}-{}-{}", line.role.replace(' ', "-"), line.in_group, line.signed_in_at);
    let somebody = rows.person(&subject, &subject).await;
    let user = somebody.signed_in.user.to_string();
    let domain = match line.signed_in_at {
        "any" => None,
        "wanted" => Some(DOMAIN),
        _ => Some("other.example"),
    };
    let sql = "UPDATE sessions SET hosted_domain = $1 WHERE user_id = $2";
    rows.execute(sql, [domain.into(), user.clone().into()]).await;
    if let Some(role) = role {
        rows.member(organization, &somebody, role).await;
    }
    if line.in_group {
        let sql = "INSERT INTO group_members (group_id, user_id) VALUES ($1, $2)";
        rows.execute(sql, [group.to_string().into(), user.into()]).await;
    }
    somebody
}

/// The app of a line, at a host of its own.
async fn app(
    rows: &Rows<'_>,
    line: &Line<'_>,
    label: &str,
    tenants: &Tenants,
    house: &House,
    somebody: &Somebody,
) -> AppId {
    let (id, now) = (AppId::generate(), OffsetDateTime::now_utc());
    let (organization, group) = tenants.of(line);
    let creator = if line.creator { somebody } else { &house.owner };
    let user = somebody.signed_in.user.to_string();
    let upstream = format!("http://{}", house.upstream.address);
    let sql = "INSERT INTO apps (id, organization_id, slug, name, level, creator_id, upstream_url, \
        server_actions_judged_by_page, created_at) VALUES ($1, $2, $3, $3, $4, $5, $6, false, $7)";
    let values = [
        id.to_string().into(),
        organization.to_string().into(),
        label.into(),
        line.level.into(),
        creator.signed_in.user.to_string().into(),
        upstream.into(),
        now.into(),
    ];
    rows.execute(sql, values).await;
    let sql = "INSERT INTO hosts (label, app_id) VALUES ($1, $2)";
    rows.execute(sql, [label.into(), id.to_string().into()]).await;
    let subjects = [
        ("/owners", r#"[{"kind":"role","value":"owner"}]"#.to_owned()),
        ("/editors", r#"[{"kind":"app_role","value":"editor"}]"#.to_owned()),
        ("/group", format!(r#"[{{"kind":"group","value":"{group}"}}]"#)),
    ];
    for (pattern, subjects) in subjects {
        let sql = "INSERT INTO path_rules (id, app_id, pattern, methods, subjects, created_at) \
            VALUES ($1, $2, $3, '[]', $4, $5)";
        let rule = PathRuleId::generate().to_string();
        let values = [rule.into(), id.to_string().into(), pattern.into(), subjects.into(), now.into()];
        rows.execute(sql, values).await;
    }
    if let Some(role) = ["viewer", "editor"].into_iter().find(|role| line.grant.starts_with(role)) {
        let ended = line.grant.ends_with("ended").then(|| now - Duration::minutes(1));
        let sql = "INSERT INTO grants (app_id, organization_id, user_id, role, granted_by, created_at, expires_at) \
            VALUES ($1, $2, $3, $4, $3, $5, $6)";
        let values = [
            id.to_string().into(),
            organization.to_string().into(),
            user.into(),
            role.into(),
            now.into(),
            ended.into(),
        ];
        rows.execute(sql, values).await;
    }
    id
}

on_both_stores! {
    async fn z01_the_proxy_answers_as_the_oracle_decides(database: TestDatabase) {
        let house = House::on(database, Plan::default()).await;
        let rows = house.rows();
        let tenants = Tenants::make(&rows).await;
        let lines = lines();
        let mut people: BTreeMap<(&str, bool, &str), Somebody> = BTreeMap::new();
        let mut apps = Vec::new();
        for (number, line) in lines.iter().enumerate() {
            let key = (line.role, line.in_group, line.signed_in_at);
            if let Entry::Vacant(place) = people.entry(key) {
                place.insert(person(&rows, line, &tenants).await);
            }
            let label = format!("line-{number}");
            apps.push(app(&rows, line, &label, &tenants, &house, &people[&key]).await);
        }
        house.read_again([tenants.any.0, tenants.strict.0].map(Target::Organization)).await;
        house.read_again(apps.into_iter().map(Target::App)).await;

        let (mut asked, mut differences) = (0, Vec::new());
        for (number, line) in lines.iter().enumerate() {
            let somebody = &people[&(line.role, line.in_group, line.signed_in_at)];
            let label = format!("line-{number}");
            let mut connection = house.connect(&label).await;
            let cookie = house.cookie(somebody, &label);
            for (page, expected) in &line.expected {
                let head = house.head_on(&label, &format!("GET {page}"), &cookie, "");
                let status = connection.exchange(head).await.unwrap().status;
                asked += 1;
                if status != *expected {
                    differences.push(format!(
                        "{} app, {}, grant {}, creator {}, in group {}, signed in at {} domain: \
                         {page} answered {status}, the oracle says {expected}",
                        line.level, line.role, line.grant, line.creator, line.in_group, line.signed_in_at
                    ));
                }
            }
        }
        println!("app table: {} situations, {asked} requests, {} differences", lines.len(), differences.len());
        assert!(differences.is_empty(), "{differences:#?}");
        assert!(asked >= 2_900, "the table shrank to {asked}");
    }
}
