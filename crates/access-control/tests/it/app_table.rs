//! The table of who sees which page of an app, as Cedar has it, written down for the proxy to be asked.
//!
//! `crates/middleware/tests/it/app_table.rs` asks every line of it. `VYBE_WRITE_APP_TABLE=1` writes it anew.

use std::fmt::Write as _;

use access_control::{AppRole, PathRule, Role, Subject};
use ids::PathRuleId;

use crate::oracle::{Oracle, Outcome};
use crate::situation::{Cast, DOMAIN, Situation};

/// Where the table is.
const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/app_table.tsv");

/// The pages that are asked for, and whom the rule of each lets through.
fn pages(cast: &Cast) -> [(&'static str, Option<Subject>); 4] {
    [
        ("/", None),
        ("/owners", Some(Subject::Role(Role::Owner))),
        ("/editors", Some(Subject::AppRole(AppRole::Editor))),
        ("/group", Some(Subject::Group(cast.group))),
    ]
}

/// Situations that a store can hold: grants and groups are for members, and a grant holds or has ended.
fn is_kept(situation: &Situation) -> bool {
    let member = situation.role.is_some();
    (member || (situation.grant.is_none() && !situation.in_group))
        && matches!(situation.grant, None | Some((_, None | Some(-60))))
        && (situation.domain_wanted == situation.domain.is_some())
}

#[test]
fn z01_the_table_that_the_proxy_is_asked_is_cedars() {
    let cast = Cast::new();
    let oracle = Oracle::new(cast, &[include_str!("apps.cedar")]);
    let pages = pages(&cast);
    let rules: Vec<PathRule> = pages
        .iter()
        .filter_map(|(page, subject)| {
            Some(PathRule {
                id: PathRuleId::generate(),
                pattern: page.parse().expect("a pattern"),
                methods: Vec::new(),
                subjects: vec![(*subject)?],
                sign_in_within: None,
            })
        })
        .collect();
    let mut table = "level\trole\tgrant\tcreator\tin_group\tsigned_in_at".to_owned();
    for (page, _) in pages {
        write!(table, "\t{page}").expect("a String takes everything");
    }
    table.push('\n');
    let mut lines = 0;
    for situation in Situation::all().filter(is_kept) {
        let grant = match situation.grant {
            None => "none".to_owned(),
            Some((role, None)) => role.as_str().to_owned(),
            Some((role, Some(_))) => format!("{} ended", role.as_str()),
        };
        let yes = |it: bool| if it { "yes" } else { "no" };
        let domain = match situation.domain {
            None => "any",
            Some(DOMAIN) => "wanted",
            Some(_) => "other",
        };
        let role = situation.role.map_or("no member", Role::as_str);
        let creator = yes(situation.creator);
        write!(
            table,
            "{}\t{role}\t{grant}\t{creator}\t{}\t{domain}",
            situation.level.as_str(),
            yes(situation.in_group)
        )
        .expect("a String takes everything");
        for (page, _) in pages {
            let status = match oracle.decide(&situation, &rules, "GET", &[page], false) {
                Outcome::Allowed(_) => 200,
                Outcome::Hidden => 404,
                _ => 403,
            };
            write!(table, "\t{status}").expect("a String takes everything");
        }
        table.push('\n');
        lines += 1;
    }
    println!("app table: {lines} situations x {} pages, by Cedar", pages.len());
    if std::env::var_os("VYBE_WRITE_APP_TABLE").is_some() {
        std::fs::write(TABLE, &table).expect("the table can be written");
    }
    let kept = std::fs::read_to_string(TABLE).unwrap_or_default();
    assert!(kept == table, "tests/app_table.tsv is not what Cedar decides; see the top of this file");
}
