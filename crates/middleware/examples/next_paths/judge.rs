//! The platform's judgement of a request, and what it would forward.

use std::collections::HashMap;
use std::fmt;

use access_control::{
    AppFacts, AppLevel, AppRequest, Decision, MemberFacts, OrganizationFacts, PathRule, PathRules, Role,
    SignedIn, Subject, decide,
};
use ids::{AppId, OrganizationId, PathRuleId, SessionId, UserId};
use middleware::reach::{Asked, Reach};
use time::OffsetDateTime;

use crate::generator::Request;

/// The fixture's rules: below these, every answer has the marker.
pub const RULED: [&str; 6] =
    ["/admin", "/api/admin", "/api/secret", "/reports", "/docs/secret", "/notes/secret"];

/// A request as it goes to the app.
pub struct Forwarded {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

pub enum Judgement {
    Forward(Forwarded),
    Refuse(String),
}

/// A Member who passes none of the app's rules.
pub struct Judge {
    viewer: SignedIn,
    organization: OrganizationFacts,
    app: AppFacts,
}

impl Judge {
    pub fn new() -> Self {
        let (user, organization) = (UserId::generate(), OrganizationId::generate());
        let rules = RULED.iter().filter_map(|pattern| {
            Some(PathRule {
                id: PathRuleId::generate(),
                pattern: pattern.parse().ok()?,
                methods: Vec::new(),
                subjects: vec![Subject::Role(Role::Owner)],
                sign_in_within: None,
            })
        });
        let rules = PathRules::new(rules.collect());
        let member = MemberFacts { role: Role::Member, groups: Vec::new() };
        Self {
            viewer: SignedIn {
                user,
                session: SessionId::generate(),
                hosted_domain: None,
                authenticated_at: OffsetDateTime::UNIX_EPOCH,
                means: access_control::Means::Browser,
            },
            organization: OrganizationFacts {
                id: organization,
                hosted_domain: None,
                members: HashMap::from([(user, member)]),
            },
            app: AppFacts {
                id: AppId::generate(),
                organization,
                level: AppLevel::Organization,
                creator: UserId::generate(),
                grants: HashMap::new(),
                rules,
                server_actions_judged_by_page: false,
            },
        }
    }

    pub fn judge(&self, request: &Request) -> Judgement {
        let values = |wanted: &str| -> Vec<&[u8]> {
            let named = request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
            named.map(|(_, value)| value.as_bytes()).collect()
        };
        let (content_type, next_url) = (values("content-type"), values("next-url"));
        let asked = Asked {
            method: &request.method,
            target: &request.target,
            content_type: &content_type,
            next_action: !values("next-action").is_empty(),
            next_url: &next_url,
        };
        let reach = match Reach::of(&asked) {
            Ok(reach) => reach,
            Err(error) => return Judgement::Refuse(error.to_string()),
        };
        let decision = decide(&AppRequest {
            viewer: &self.viewer,
            organization: &self.organization,
            app: &self.app,
            method: &reach.method,
            paths: &reach.paths,
            under_every_rule: reach.under_every_rule,
            now: OffsetDateTime::UNIX_EPOCH,
        });
        match decision {
            Decision::Refuse(reason) => Judgement::Refuse(format!("{reason:?}")),
            Decision::Allow(_) => Judgement::Forward(Forwarded {
                method: request.method.clone(),
                target: reach.forwarded_target().into_owned(),
                headers: forwarded_headers(request, reach.forwarded_path()),
                body: request.body.clone(),
            }),
        }
    }
}

/// The headers that the middleware lets through.
fn forwarded_headers(request: &Request, path: &str) -> Vec<(String, String)> {
    use endpoint::http::header::{HeaderMap, HeaderName, HeaderValue};
    let mut client = HeaderMap::new();
    for (name, value) in &request.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
        {
            client.append(name, value);
        }
    }
    let identity = middleware::request_headers::Identity {
        user_token: "token",
        user_id: "usr_0",
        email: "member@example.com",
        name: "Member",
        request_id: "req_0",
        peer: std::net::Ipv4Addr::LOCALHOST.into(),
        host: "app.example",
    };
    let kind = middleware::request_headers::Kind {
        next_data: path.starts_with("/_next/data/"),
        ..Default::default()
    };
    let forwarded = middleware::request_headers::forwarded(&client, &identity, kind);
    let forwarded = forwarded.unwrap_or_default();
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    forwarded.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

impl fmt::Display for Forwarded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} {:?}", self.method, self.target, self.headers)
    }
}
