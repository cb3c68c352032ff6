//! The cases P01–P05 and P10–P12 as far as they are about the path alone.

use access_control::{
    AppLevel, AppRequest, Decision, Method, PathRule, PathRules, Reason, RequestPath, RequestPathError, Role,
    Subject, decide,
};
use ids::PathRuleId;

use crate::situation::{Cast, NOW, Situation};

/// What becomes of a Member's request when `/admin` is for Owners.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Forwarded,
    Ruled,
    BadRequest(RequestPathError),
}

fn fate(method: &str, raw: &str) -> Fate {
    fate_under(&[("/admin", &[])], method, raw)
}

fn fate_under(rules: &[(&str, &[&str])], method: &str, raw: &str) -> Fate {
    let cast = Cast::new();
    let plain = Situation::plain().next().expect("one");
    let situation = Situation { role: Some(Role::Member), level: AppLevel::Organization, ..plain };
    let rules = rules.iter().map(|(pattern, methods)| PathRule {
        id: PathRuleId::generate(),
        pattern: pattern.parse().expect("a pattern"),
        methods: methods.iter().map(|method| method.parse().expect("a method")).collect(),
        subjects: vec![Subject::Role(Role::Owner)],
        sign_in_within: None,
    });
    let app = cast.app_facts(&situation, PathRules::new(rules.collect()));
    let path = match RequestPath::parse(raw) {
        Ok(path) => path,
        Err(error) => return Fate::BadRequest(error),
    };
    let method: Method = method.parse().expect("a method");
    let decision = decide(&AppRequest {
        viewer: &cast.signed_in(&situation),
        organization: &cast.organization_facts(&situation),
        app: &app,
        method: &method,
        paths: &[path],
        under_every_rule: false,
        now: NOW,
    });
    match decision {
        Decision::Allow(_) => Fate::Forwarded,
        Decision::Refuse(Reason::PathRule(_)) => Fate::Ruled,
        Decision::Refuse(reason) => panic!("{raw}: {reason:?}"),
    }
}

#[track_caller]
fn all(fate_of_all: &Fate, paths: &[&str]) {
    for raw in paths {
        assert_eq!(fate("GET", raw), *fate_of_all, "{raw}");
    }
}

#[test]
fn p01_dot_segments_are_resolved() {
    all(
        &Fate::Ruled,
        &["/x/../admin", "/./admin", "/admin/.", "/admin/./x", "/x/y/../../admin/x", "/admin/x/.."],
    );
    all(&Fate::Forwarded, &["/admin/..", "/admin/../x", "/x/./y"]);
    all(&Fate::BadRequest(RequestPathError::AboveRoot), &["/../admin", "/x/../../admin", "/.."]);
}

#[test]
fn p02_encoded_dots_are_resolved_and_encoded_slashes_refused() {
    all(&Fate::Ruled, &["/x/%2e%2e/admin", "/%2e/admin", "/x/%2E%2E/admin", "/x/.%2e/admin", "/admin/%2e"]);
    all(
        &Fate::BadRequest(RequestPathError::EncodedSlash),
        &["/x/..%2fadmin", "/admin%2fx", "/%2Fadmin", "/x%2f"],
    );
    all(&Fate::BadRequest(RequestPathError::Backslash), &["/x/..%5cadmin", "/x\\..\\admin", "/%5Cadmin"]);
    all(
        &Fate::BadRequest(RequestPathError::Semicolon),
        &["/x/..;/admin", "/admin;x=1", "/admin%3b", "/;/admin"],
    );
    all(
        &Fate::BadRequest(RequestPathError::Encoding),
        &["/%c0%ae%c0%ae/admin", "/admin%ff", "/\u{ff0f}admin"],
    );
    all(&Fate::BadRequest(RequestPathError::ControlCharacter), &["/admin%00", "/admin%0d%0a", "/%09/admin"]);
    all(
        &Fate::BadRequest(RequestPathError::PercentEncoding),
        &["/admin%", "/admin%2", "/%zz", "/%u0061dmin"],
    );
}

#[test]
fn p03_slashes_are_folded_and_the_judged_path_is_forwarded() {
    all(&Fate::Ruled, &["//admin", "/admin//api", "/.//admin", "///admin///", "/x//..//admin"]);
    for (raw, forwarded) in
        [("//admin", "/admin"), ("/admin//api", "/admin/api"), (".//admin", ""), ("/.//admin/", "/admin/")]
    {
        let found = RequestPath::parse(raw).map(|path| path.forwarded().to_owned()).unwrap_or_default();
        assert_eq!(found, forwarded, "{raw}");
    }
}

#[test]
fn p04_percent_encoded_letters_are_decoded_once() {
    all(&Fate::Ruled, &["/%61dmin/file.txt", "/%61%64%6d%69%6e", "/adm%69n/", "/%41DMIN"]);
    // Decoding twice would be one time too many.
    all(&Fate::Forwarded, &["/%2561dmin", "/%25252e/admin"]);
    assert_eq!(RequestPath::parse("/%2561dmin").expect("a path").forwarded(), "/%2561dmin");
}

#[test]
fn p05_a_query_is_no_path() {
    all(&Fate::BadRequest(RequestPathError::Encoding), &["/admin?x=/public", "/public?/admin", "/admin#x"]);
}

#[test]
fn p10_a_prefix_ends_at_a_segment() {
    all(&Fate::Ruled, &["/admin", "/admin/", "/admin/x", "/admin/x/y/"]);
    all(
        &Fate::Forwarded,
        &["/administrator", "/admin.json", "/admin-x", "/x/admin", "/", "/admi", "/admin%20"],
    );
    let wildcard = |raw| fate_under(&[("/teams/*/admin/", &[])], "GET", raw);
    assert_eq!(wildcard("/teams/7/admin/x"), Fate::Ruled);
    assert_eq!(wildcard("/teams//7/admin"), Fate::Ruled);
    assert_eq!(wildcard("/teams/admin"), Fate::Forwarded);
    assert_eq!(wildcard("/teams/7/8/admin"), Fate::Forwarded);
}

#[test]
fn p11_letter_case_makes_no_difference() {
    all(&Fate::Ruled, &["/ADMIN", "/Admin/x", "/aDmIn", "/%41dmin"]);
    let upper = |raw| fate_under(&[("/Admin/Caf%C3%89", &[])], "GET", raw);
    assert_eq!(upper("/admin/caf%c3%a9"), Fate::Ruled);
    assert_eq!(upper("/ADMIN/CAF%C3%89/x"), Fate::Ruled);
    // What is forwarded keeps its case, since files and identifiers may depend on it.
    assert_eq!(RequestPath::parse("/Docs/Report.PDF").expect("a path").forwarded(), "/Docs/Report.PDF");
}

#[test]
fn p12_head_is_judged_as_get() {
    let reading = |method| fate_under(&[("/admin", &["GET"])], method, "/admin");
    assert_eq!(reading("GET"), Fate::Ruled);
    assert_eq!(reading("HEAD"), Fate::Ruled);
    assert_eq!(reading("POST"), Fate::Forwarded);
    let writing = |method| fate_under(&[("/admin", &["POST", "PURGE"])], method, "/admin");
    assert_eq!(writing("HEAD"), Fate::Forwarded);
    assert_eq!(writing("PURGE"), Fate::Ruled);
    for no_method in ["get", "", "GE T", "G\u{cb}T", "POST\r\n"] {
        assert!(no_method.parse::<Method>().is_err(), "{no_method:?}");
    }
}
