//! A person, as the identity provider last described them.

use ids::{EmailAddress, UserId};

/// What apps and pages are told about a signed-in person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The person's identifier.
    pub id: UserId,
    /// The e-mail address that the provider verified.
    pub email: EmailAddress,
    /// The name as the provider writes it, any Unicode except control characters.
    pub name: String,
    /// An https address of a picture.
    pub picture: Option<String>,
}

/// The longest name that is kept, in characters.
const LONGEST_NAME: usize = 200;
/// The longest picture address that is kept, in bytes.
const LONGEST_PICTURE: usize = 2048;

/// Makes a name that is safe to show and to log: no control characters, no bidirectional overrides, not
/// endless. Without one, the e-mail address serves.
#[must_use]
pub(crate) fn tidy_name(name: Option<&str>, email: &EmailAddress) -> String {
    let overrides = |character: char| matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
    let tidy: String = name
        .unwrap_or_default()
        .chars()
        .filter(|character| !character.is_control() && !overrides(*character))
        .take(LONGEST_NAME)
        .collect();
    let tidy = tidy.trim();
    if tidy.is_empty() { email.to_string() } else { tidy.to_owned() }
}

/// Keeps a picture address only if it is a plain https address.
#[must_use]
pub(crate) fn tidy_picture(picture: Option<&str>) -> Option<String> {
    picture
        .filter(|address| {
            address.len() <= LONGEST_PICTURE
                && address.starts_with("https://")
                && address.bytes().all(|byte| byte.is_ascii_graphic())
        })
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h10_a_name_keeps_its_letters_and_loses_its_controls() {
        let email: EmailAddress = "ada@example.com".parse().unwrap();
        let check = |name: Option<&str>, expected: &str| assert_eq!(tidy_name(name, &email), expected);
        check(Some("Ada\r\nx-vybe-user-id: usr_1"), "Adax-vybe-user-id: usr_1");
        check(Some("张伟, PhD"), "张伟, PhD");
        check(Some("\u{202e}moc.live"), "moc.live");
        check(Some(" \u{0} "), "ada@example.com");
        check(None, "ada@example.com");
        assert_eq!(tidy_name(Some(&"x".repeat(10_000)), &email).len(), 200);
    }

    #[test]
    fn a_picture_is_an_https_address_or_nothing() {
        let check = |picture: &str, kept: bool| assert_eq!(tidy_picture(Some(picture)).is_some(), kept);
        check("https://pictures.example.com/ada.png", true);
        check("http://pictures.example.com/ada.png", false);
        check("javascript:alert(1)", false);
        check("https://pictures.example.com/a\"onload=x", true);
        check("https://pictures.example.com/a b", false);
    }
}
