//! What holds for every path and every pattern.

use access_control::{AppRequest, PathPattern, PathRule, PathRules, RequestPath, Role, Subject, explain};
use ids::PathRuleId;
use proptest::prelude::*;

use crate::situation::{Cast, NOW, Situation};

/// Texts that are, or nearly are, paths.
fn raw_path() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-zA-Z0-9_~.-]{1,6}",
        2 => prop_oneof![Just("/".to_owned()), Just("//".to_owned()), Just("/./".to_owned()), Just("/../".to_owned())],
        2 => any::<u8>().prop_map(|byte| format!("%{byte:02x}")),
        1 => any::<char>().prop_map(String::from),
        1 => "[!$&'()*+,=:@\\[\\]|^%;?#\\\\]",
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| format!("/{}", pieces.concat()))
}

fn segment() -> impl Strategy<Value = String> {
    prop_oneof![Just("*".to_owned()), "[ab]", "[A-Z%\u{e9}\u{df} ]".prop_map(|text| encode(&text))]
}

fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn what_is_forwarded_is_read_as_what_was_judged(raw in raw_path()) {
        if let Ok(path) = RequestPath::parse(&raw) {
            let again = RequestPath::parse(path.forwarded()).expect("canonical paths are paths");
            prop_assert_eq!(again.forwarded(), path.forwarded());
            prop_assert_eq!(again.judged(), path.judged());
            prop_assert_eq!(path.clone().into_owned(), path);
        }
    }

    #[test]
    fn what_is_forwarded_has_one_reading(raw in raw_path()) {
        if let Ok(path) = RequestPath::parse(&raw) {
            let forwarded = path.forwarded();
            prop_assert!(forwarded.starts_with('/') && forwarded.is_ascii(), "{}", forwarded);
            prop_assert!(!forwarded.contains("//") && !forwarded.contains('\\') && !forwarded.contains(';'));
            prop_assert!(!forwarded.contains(['?', '#', ' ']) && !forwarded.to_lowercase().contains("%2f"));
            prop_assert!(!forwarded.split('/').any(|segment| segment == "." || segment == ".."));
        }
    }

    #[test]
    fn a_pattern_is_read_from_its_own_text(segments in prop::collection::vec(segment(), 0..5)) {
        let pattern: PathPattern = format!("/{}", segments.join("/")).parse().expect("a pattern");
        let again: PathPattern = pattern.to_string().parse().expect("its text is a pattern");
        prop_assert_eq!(again, pattern);
    }

    #[test]
    fn a_path_falls_under_the_pattern_that_is_spelled_like_it(raw in raw_path()) {
        if let (Ok(path), Ok(pattern)) = (RequestPath::parse(&raw), raw.parse::<PathPattern>()) {
            let canonical: PathPattern = path.forwarded().parse().expect("canonical paths are patterns");
            prop_assert_eq!(canonical, pattern);
        }
    }

    #[test]
    fn the_order_of_rules_does_not_matter(
        patterns in prop::collection::vec((prop::collection::vec("[ab*]", 0..4), any::<bool>()), 0..8),
        page in prop::collection::vec("[abc]", 0..5),
        turn in 0_usize..8,
    ) {
        let rules: Vec<PathRule> = patterns.iter().map(|(segments, passes)| PathRule {
            id: PathRuleId::generate(),
            pattern: format!("/{}", segments.join("/")).parse().expect("a pattern"),
            methods: Vec::new(),
            subjects: vec![Subject::Role(if *passes { Role::Member } else { Role::Owner })],
            sign_in_within: None,
        }).collect();
        let mut turned = rules.clone();
        turned.rotate_left(turn % (rules.len().max(1)));
        turned.reverse();
        let cast = Cast::new();
        let situation = Situation { role: Some(Role::Member), ..Situation::plain().next().expect("one") };
        let decision = |rules| {
            let (viewer, organization) = (cast.signed_in(&situation), cast.organization_facts(&situation));
            let app = cast.app_facts(&situation, PathRules::new(rules));
            let text = format!("/{}", page.join("/"));
            explain(&AppRequest {
                viewer: &viewer,
                organization: &organization,
                app: &app,
                method: &"GET".parse().expect("a method"),
                paths: &[RequestPath::parse(&text).expect("a path")],
                under_every_rule: false,
                now: NOW,
            })
        };
        prop_assert_eq!(decision(rules), decision(turned));
    }
}
