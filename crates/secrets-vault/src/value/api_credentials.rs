//! Credentials of custom APIs: keys, bearer tokens, and user names with passwords.

use cryptography::SecretBytes;

use super::{GivenParts, ValueError, fields, one_line};

/// A key, as it goes into a header.
pub fn check_key(text: SecretBytes) -> Result<SecretBytes, ValueError> {
    let text = one_line(text)?;
    if text.reveal().trim_ascii().len() != text.reveal().len() {
        return Err(ValueError::Refused("it begins or ends with a space"));
    }
    Ok(text)
}

/// A token (RFC 6750, section 2.1): visible ASCII characters.
pub fn check_token(text: SecretBytes) -> Result<SecretBytes, ValueError> {
    let text = one_line(text)?;
    if !text.reveal().iter().all(u8::is_ascii_graphic) {
        return Err(ValueError::Refused(
            "a bearer token has visible ASCII characters only, and no word before it",
        ));
    }
    Ok(text)
}

/// A user name and password (RFC 7617). One of them may be empty.
pub struct BasicCredentials {
    /// The name.
    pub user: SecretBytes,
    /// The password.
    pub password: SecretBytes,
}

impl BasicCredentials {
    /// Checks what was sent.
    pub(super) fn given(parts: GivenParts) -> Result<Self, ValueError> {
        parts.only(&["user", "password"])?;
        let user = parts.user.ok_or(ValueError::Missing("user"))?;
        let password = parts.password.ok_or(ValueError::Missing("password"))?;
        if user.reveal().is_empty() && password.reveal().is_empty() {
            return Err(ValueError::Empty);
        }
        if user.reveal().contains(&b':') {
            return Err(ValueError::Refused("the user name contains a colon (RFC 7617)"));
        }
        let check = |part: SecretBytes| if part.reveal().is_empty() { Ok(part) } else { one_line(part) };
        Ok(Self { user: check(user)?, password: check(password)? })
    }

    /// As it is sealed.
    pub(super) fn sealed(&self) -> SecretBytes {
        fields::join(&[self.user.reveal(), self.password.reveal()])
    }

    /// What was sealed.
    #[must_use]
    pub fn opened(value: &SecretBytes) -> Option<Self> {
        let [user, password] = fields::split(value)?;
        Some(Self { user: SecretBytes::copy_of(user), password: SecretBytes::copy_of(password) })
    }

    /// `user:password`, as apps get it.
    #[must_use]
    pub fn joined(&self) -> SecretBytes {
        let (user, password) = (self.user.reveal(), self.password.reveal());
        let mut joined = zeroize::Zeroizing::new(Vec::with_capacity(user.len() + password.len() + 1));
        joined.extend_from_slice(user);
        joined.push(b':');
        joined.extend_from_slice(password);
        SecretBytes::new(joined)
    }
}
