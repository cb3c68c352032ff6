//! The product page's decision, written as plainly as possible: lists, loops and strings.

use access_control::{AppLevel, AppRole, Role, Subject};

/// One rule as a list of segments.
pub struct NaiveRule {
    pub number: usize,
    pub pattern: Vec<&'static str>,
    pub methods: Vec<&'static str>,
    pub subjects: Vec<Subject>,
    /// The largest age of a sign-in, in minutes.
    pub within: Option<i64>,
}

/// The rule that refuses, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It does not name the person.
    For(usize),
    /// It wants a more recent sign-in.
    Until(usize),
}

/// Everything about one person and one app.
pub struct NaiveWorld {
    pub role: Option<Role>,
    pub user: ids::UserId,
    pub groups: Vec<ids::GroupId>,
    pub right_domain: bool,
    pub level: AppLevel,
    pub creator: bool,
    pub live_grant: Option<AppRole>,
    /// How many seconds ago the person signed in.
    pub signed_in_ago: i64,
    pub rules: Vec<NaiveRule>,
}

impl NaiveWorld {
    /// `None` is hidden.
    pub fn decide(
        &self,
        method: &str,
        pages: &[Vec<&str>],
        every_rule: bool,
    ) -> Option<Result<AppRole, Refused>> {
        let role = self.role?;
        if !self.right_domain {
            return None;
        }
        let given = match self.level {
            AppLevel::Organization => AppRole::Editor,
            AppLevel::Restricted => self.live_grant?,
            AppLevel::User if self.creator => AppRole::Editor,
            AppLevel::User => return None,
        };
        let app_role = if role == Role::Member { AppRole::Viewer } else { given };
        let names = |rule: &NaiveRule| {
            rule.subjects.iter().any(|subject| match subject {
                Subject::User(user) => *user == self.user,
                Subject::Group(group) => self.groups.contains(group),
                Subject::Role(named) => *named == role,
                Subject::AppRole(named) => *named == app_role,
            })
        };
        let mut asked: Vec<Vec<&NaiveRule>> = Vec::new();
        for page in pages {
            let covers = |rule: &&NaiveRule| {
                (rule.methods.is_empty() || rule.methods.contains(&method))
                    && rule.pattern.len() <= page.len()
                    && rule.pattern.iter().zip(page).all(|(wanted, found)| *wanted == "*" || wanted == found)
            };
            let longest = self.rules.iter().filter(covers).map(|rule| rule.pattern.len()).max();
            let deciding =
                self.rules.iter().filter(covers).filter(|rule| Some(rule.pattern.len()) == longest);
            asked.push(deciding.collect());
        }
        if every_rule {
            asked.push(self.rules.iter().collect());
        }
        for rules in &asked {
            if let Some(number) = rules.iter().filter(|rule| !names(rule)).map(|rule| rule.number).min() {
                return Some(Err(Refused::For(number)));
            }
        }
        let late = |rule: &&&NaiveRule| rule.within.is_some_and(|within| self.signed_in_ago > within * 60);
        for rules in &asked {
            if let Some(number) = rules.iter().filter(late).map(|rule| rule.number).min() {
                return Some(Err(Refused::Until(number)));
            }
        }
        Some(Ok(app_role))
    }
}
