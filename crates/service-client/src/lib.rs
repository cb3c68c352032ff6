//! Requests to services: for tokens, for their end, and the calls that apps make.
//!
//! What holds for every one of them: HTTPS to an address that the policy permits, judged on the very address that is
//! connected to; no proxy, no redirect followed, no cookie kept; bounded in time and size. A credential goes to the hosts
//! of the service's entry and below its base URL, and nothing of it comes back in an answer or an error.
//!
//! This crate knows no table, no permission, and not when a token is to be refreshed.

mod answer;
mod answer_headers;
mod asked;
mod assertion;
mod call;
mod call_error;
mod caller;
mod client_credentials;
mod connections;
mod credentials;
mod discovery;
mod exchange;
mod grant;
mod granted;
mod needle;
mod network;
mod oauth1;
mod oauth1_signature;
mod oauth2_code;
mod oauth_client;
mod path;
mod placement;
mod retry_after;
mod revocation;
mod scrubber;
mod secret_text;
mod sending;
mod service_client;
mod signature_v4;
mod token_answer;
mod token_call;
mod token_endpoint;
mod token_error;
mod two_step;

pub use answer::{AnswerBody, CallAnswer};
pub use asked::{AskedSecret, GivenError, asked_secrets};
pub use call::{Call, CallLimits};
pub use call_error::CallError;
pub use credentials::{Credentials, CredentialsError, Secrets, Tokens};
pub use granted::{AuthorizationRequest, Granted};
pub use network::{ClientError, ClientNetwork};
pub use oauth_client::OauthClient;
pub use path::PathError;
pub use secret_text::{NotText, SecretText};
pub use service_client::ServiceClient;
pub use token_error::{NotSent, RevokeError, TokenError};
