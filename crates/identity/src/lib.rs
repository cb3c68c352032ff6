//! Who is asking: sign-in through OpenID Connect, people, sessions, and the user tokens that tell apps.
//!
//! Invariants:
//! - a person is (issuer, subject) of an identity provider, never an e-mail address;
//! - a session is one row, whatever the number of cookies made from it; ended, it is dead for the next
//!   request and for whoever still serves a stream on it;
//! - cookies, codes, states and tokens are stored as hashes or sealed, and are good for one host.
//!
//! This crate does not know organizations, apps or their hosts; whether somebody may open an app is
//! asked through `endpoint::Authenticator`.

mod cookie;
mod error;
mod live_sessions;
mod person;
mod session;
mod sessions;
mod signing_key;
mod signing_keys;
mod store;
mod token_cryptography;
mod user_token;
mod user_tokens;
mod users;

pub use cookie::{HAND_OFF_COOKIE, SIGN_IN_COOKIE, clear_cookie, set_cookie};
pub use error::{IdentityError, SessionError};
pub use person::Person;
pub use session::{CookieHost, Lifetimes, LiveSession};
pub use sessions::{ListedSession, Sessions};
pub use signing_key::PublishedKey;
pub use signing_keys::SigningKeys;
pub use store::Store;
pub use user_token::LIFE as USER_TOKEN_LIFE;
pub use user_tokens::UserTokens;
pub use users::Users;
