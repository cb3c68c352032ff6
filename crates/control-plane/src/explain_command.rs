//! `vybe explain`: what is decided for a person and a request, and why.

use clap::Args;
use serde::Deserialize;

use crate::StartError;
use crate::output::print;
use crate::remote::{Remote, RemoteArguments};

#[derive(Args)]
#[command(
    after_help = "Ends with 0 whatever the answer, with 1 without one.\n\nExample:\n  vybe explain --url https://vybe.example.com --app reports --user ann@example.com --path /admin"
)]
pub(crate) struct ExplainArguments {
    #[command(flatten)]
    remote: RemoteArguments,
    /// The app: its slug, or its identifier.
    #[arg(long, value_name = "APP")]
    app: String,
    /// The slug of its organization, where several have an app of this slug.
    #[arg(long, value_name = "SLUG")]
    organization: Option<String>,
    /// The person: an e-mail address, or an identifier.
    #[arg(long, value_name = "PERSON")]
    user: String,
    /// The method, in any case.
    #[arg(long, default_value = "GET")]
    method: String,
    /// The path, with its query if it matters.
    #[arg(long)]
    path: String,
    /// How many minutes ago the person is taken to have signed in.
    #[arg(long, value_name = "MINUTES", default_value_t = 0)]
    signed_in_minutes_ago: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Explained {
    words: Vec<String>,
    refused_with: Option<u16>,
    policy_version: u64,
}

pub(crate) async fn run(arguments: ExplainArguments) -> Result<(), StartError> {
    let remote = Remote::new(&arguments.remote)?;
    let app = remote.app(&arguments.app, arguments.organization.as_deref()).await?;
    let ago = arguments.signed_in_minutes_ago.to_string();
    // A person may write it in any case; to the platform, methods are case-sensitive (RFC 9110, section 9.1).
    let method = arguments.method.to_ascii_uppercase();
    let query = [
        ("user", arguments.user.as_str()),
        ("method", &method),
        ("path", &arguments.path),
        ("signedInMinutesAgo", &ago),
    ];
    let explained: Explained = remote.get(&["apps", &app, "explain"], &query).await?;
    for sentence in &explained.words {
        print(sentence)?;
    }
    let status = explained.refused_with.map(|status| format!("; answered with {status}")).unwrap_or_default();
    print(&format!("(policy version {}{status})", explained.policy_version))
}
