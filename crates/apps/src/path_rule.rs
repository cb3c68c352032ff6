//! What a new or changed path rule is made from.

use access_control::{Method, PathPattern, PathPatternError, SignInAge, Subject};

/// A path rule to be.
#[derive(Clone, Debug)]
pub struct NewPathRule {
    /// The pages it covers.
    pub pattern: PathPattern,
    /// The methods it covers; none means all.
    pub methods: Vec<Method>,
    /// Whom it lets through.
    pub subjects: Vec<Subject>,
    /// How long ago those may have signed in.
    pub sign_in_within: Option<SignInAge>,
}

/// Why something is no path rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathRuleError {
    /// The pattern.
    #[error(transparent)]
    Pattern(#[from] PathPatternError),
    /// A method.
    #[error(transparent)]
    Method(#[from] access_control::MethodError),
    /// The age of the sign-in.
    #[error(transparent)]
    SignInAge(#[from] access_control::SignInAgeError),
    /// More methods or subjects than a rule can have.
    #[error("a rule names at most {LARGEST} methods and {LARGEST} subjects")]
    TooLarge,
}

/// The most methods, and the most subjects, of one rule.
const LARGEST: usize = 100;

impl NewPathRule {
    /// Reads a rule. No subject means that nobody passes.
    ///
    /// # Errors
    /// See [`PathRuleError`].
    pub fn new(pattern: &str, methods: &[String], subjects: Vec<Subject>) -> Result<Self, PathRuleError> {
        if methods.len() > LARGEST || subjects.len() > LARGEST {
            return Err(PathRuleError::TooLarge);
        }
        let pattern = pattern.parse()?;
        let mut judged: Vec<Method> = Vec::new();
        for method in methods {
            let method = method.parse()?;
            if !judged.contains(&method) {
                judged.push(method);
            }
        }
        Ok(Self { pattern, methods: judged, subjects, sign_in_within: None })
    }

    /// Asks for a sign-in that is at most this many minutes old.
    ///
    /// # Errors
    /// No rule can ask for that.
    pub fn signed_in_within(mut self, minutes: Option<u32>) -> Result<Self, PathRuleError> {
        self.sign_in_within = minutes.map(SignInAge::try_from).transpose()?;
        Ok(self)
    }
}
