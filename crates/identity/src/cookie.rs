//! How the platform's cookies are written (RFC 6265bis): `__Host-` keeps each on one host, over TLS,
//! and out of reach of sibling hosts.

/// Binds a sign-in to the browser that began it.
pub const SIGN_IN_COOKIE: &str = "__Host-vybe_sign_in";
/// Binds a hand-off to the browser that asked the app host.
pub const HAND_OFF_COOKIE: &str = "__Host-vybe_hand_off";

/// A `Set-Cookie` value; `seconds` is how long the browser keeps it.
#[must_use]
pub fn set_cookie(name: &str, value: &str, seconds: i64) -> String {
    format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={seconds}")
}

/// A `Set-Cookie` value that makes the browser forget.
#[must_use]
pub fn clear_cookie(name: &str) -> String {
    set_cookie(name, "", 0)
}
