//! Who is asking: sign-in through OpenID Connect, people, sessions, and the user tokens that tell apps.
//!
//! Invariants:
//! - a person is (issuer, subject) of an identity provider, never an e-mail address;
//! - a session is one row, whatever the number of cookies made from it; ended, it is dead for the next
//!   request and for whoever still serves a stream on it;
//! - an API token is a session of its own, good for nothing that a cookie is good for;
//! - cookies, codes, states and tokens are stored as hashes or sealed, and are good for one host.
//!
//! This crate does not know organizations, apps or their hosts; whether somebody may open an app is
//! asked through `endpoint::Authenticator`.

mod api_token;
mod api_tokens;
mod cookie;
mod endpoints;
mod error;
mod hand_off;
mod id_token;
#[cfg(any(test, fuzzing))]
pub mod invariants;
mod live_sessions;
mod openid;
mod person;
mod provider;
mod provider_client;
mod providers;
mod return_to;
mod session;
mod session_cookie;
mod sessions;
mod sign_ins;
mod signing_key;
mod signing_keys;
mod store;
mod token_cryptography;
mod user_token;
mod user_tokens;
mod users;

pub use api_token::{ApiToken, ApiTokenLife, ApiTokenLifeError, ApiTokenText, NewApiToken};
pub use api_tokens::{ApiTokens, MadeApiToken};
pub use cookie::{HAND_OFF_COOKIE, SIGN_IN_COOKIE, clear_cookie, set_cookie};
pub use endpoints::{Identity, endpoints};
pub use error::{IdentityError, SessionError};
pub use hand_off::{Departure, HandOff, HandOffError, Return};
pub use person::Person;
pub use provider::{Provider, ProviderError, Reauthentication};
pub use providers::Providers;
pub use return_to::ReturnTo;
pub use session::{CookieHost, Lifetimes, LiveSession};
pub use sessions::{EndedSessions, ListedSession, Sessions};
pub use sign_ins::{Begun, Browser, Callback, SignInError, SignInWish, SignIns, SignedInNow};
pub use signing_key::PublishedKey;
pub use signing_keys::SigningKeys;
pub use store::Store;
pub use user_token::LIFE as USER_TOKEN_LIFE;
pub use user_tokens::UserTokens;
pub use users::Users;
