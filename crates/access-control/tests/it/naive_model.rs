//! The product page's decision, written as plainly as possible: lists, loops and strings.

use access_control::{AppLevel, AppRole, Role, Subject};

/// One rule as a list of segments.
pub struct NaiveRule {
    pub number: usize,
    pub pattern: Vec<&'static str>,
    pub methods: Vec<&'static str>,
    pub subjects: Vec<Subject>,
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
    pub rules: Vec<NaiveRule>,
}

impl NaiveWorld {
    /// `None` is hidden; `Err` holds the number of the refusing rule.
    pub fn decide(
        &self,
        method: &str,
        pages: &[Vec<&str>],
        every_rule: bool,
    ) -> Option<Result<AppRole, usize>> {
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
        let passes = |rule: &&NaiveRule| {
            rule.subjects.iter().any(|subject| match subject {
                Subject::User(user) => *user == self.user,
                Subject::Group(group) => self.groups.contains(group),
                Subject::Role(named) => *named == role,
                Subject::AppRole(named) => *named == app_role,
            })
        };
        for page in pages {
            let covers = |rule: &&NaiveRule| {
                (rule.methods.is_empty() || rule.methods.contains(&method))
                    && rule.pattern.len() <= page.len()
                    && rule.pattern.iter().zip(page).all(|(wanted, found)| *wanted == "*" || wanted == found)
            };
            let longest = self.rules.iter().filter(covers).map(|rule| rule.pattern.len()).max();
            let deciding =
                self.rules.iter().filter(covers).filter(|rule| Some(rule.pattern.len()) == longest);
            if let Some(number) = deciding.filter(|rule| !passes(rule)).map(|rule| rule.number).min() {
                return Some(Err(number));
            }
        }
        if every_rule
            && let Some(number) = self.rules.iter().filter(|rule| !passes(rule)).map(|rule| rule.number).min()
        {
            return Some(Err(number));
        }
        Some(Ok(app_role))
    }
}
