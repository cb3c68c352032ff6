//! Accounts, shared and one's own: the same endpoints at different addresses.

use access_control::{ListAccounts, ListOwnAccounts, ManageAccounts, ManageOwnAccounts, Permit};
use catalogue::ServiceKey;
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Endpoint, PagingParameters, Problem};
use ids::AccountId;
use schemars::JsonSchema;

use super::LARGEST_WITH_SECRETS;
use super::account_answers::{
    AccountAnswer, AccountsAnswer, AttemptAnswer, ConnectedAnswer, DisconnectedAnswer, TrialAnswer,
};
use super::account_bodies::{AgainBody, AttemptBody, DescriptionBody, NewBody, ProofBody};
use crate::{Accounts, ConnectAttempts, ManagesAccounts, SeesAccounts};

/// The endpoints of one kind of holder, as other files name them.
struct Address {
    all: &'static str,
    one: &'static str,
    /// The segment of the path that names an account.
    id: &'static str,
    attempts: (&'static str, &'static str),
    test: (&'static str, &'static str),
    proof: (&'static str, &'static str),
    again: (&'static str, &'static str),
    list: &'static str,
    connect: &'static str,
    read: &'static str,
    describe: &'static str,
    disconnect: &'static str,
}

const SHARED: Address = Address {
    all: "/api/v1/organizations/{organization_id}/accounts",
    one: "/api/v1/organizations/{organization_id}/accounts/{account_id}",
    id: "account_id",
    attempts: ("/api/v1/organizations/{organization_id}/accounts/connect-attempts", "begin_connect_attempt"),
    test: ("/api/v1/organizations/{organization_id}/accounts/{account_id}/test", "test_account"),
    proof: (
        "/api/v1/organizations/{organization_id}/accounts/{account_id}/credentials",
        "prove_account_again",
    ),
    again: (
        "/api/v1/organizations/{organization_id}/accounts/{account_id}/connect-attempts",
        "begin_another_connect_attempt",
    ),
    list: "list_accounts",
    connect: "connect_account",
    read: "read_account",
    describe: "describe_account",
    disconnect: "disconnect_account",
};

const OWN: Address = Address {
    all: "/api/v1/organizations/{organization_id}/own-accounts",
    one: "/api/v1/organizations/{organization_id}/own-accounts/{own_account_id}",
    id: "own_account_id",
    attempts: (
        "/api/v1/organizations/{organization_id}/own-accounts/connect-attempts",
        "begin_own_connect_attempt",
    ),
    test: ("/api/v1/organizations/{organization_id}/own-accounts/{own_account_id}/test", "test_own_account"),
    proof: (
        "/api/v1/organizations/{organization_id}/own-accounts/{own_account_id}/credentials",
        "prove_own_account_again",
    ),
    again: (
        "/api/v1/organizations/{organization_id}/own-accounts/{own_account_id}/connect-attempts",
        "begin_another_own_connect_attempt",
    ),
    list: "list_own_accounts",
    connect: "connect_own_account",
    read: "read_own_account",
    describe: "describe_own_account",
    disconnect: "disconnect_own_account",
};

/// A permit for accounts that have an address.
trait Addressed {
    const ADDRESS: Address;
}

impl Addressed for ListAccounts {
    const ADDRESS: Address = SHARED;
}

impl Addressed for ManageAccounts {
    const ADDRESS: Address = SHARED;
}

impl Addressed for ListOwnAccounts {
    const ADDRESS: Address = OWN;
}

impl Addressed for ManageOwnAccounts {
    const ADDRESS: Address = OWN;
}

/// What a list can be narrowed to.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the parameters of the query")]
struct ListParameters {
    /// Of this service.
    service: Option<String>,
    #[schemars(flatten)]
    paging: PagingParameters,
}

/// Whether an account is forgotten that the service did not revoke.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the parameters of the query")]
struct DisconnectParameters {
    /// `true`: forget it even if the service does not revoke it.
    anyway: Option<bool>,
}

pub(super) fn endpoints(accounts: &Accounts, attempts: &ConnectAttempts) -> Vec<Endpoint> {
    let mut all = of::<ListAccounts, ManageAccounts>(accounts, attempts);
    all.extend(of::<ListOwnAccounts, ManageOwnAccounts>(accounts, attempts));
    all
}

fn of<L, M>(accounts: &Accounts, attempts: &ConnectAttempts) -> Vec<Endpoint>
where
    L: SeesAccounts + Addressed,
    M: ManagesAccounts + Addressed,
{
    let address = M::ADDRESS;
    vec![
        Endpoint::get(address.all, address.list)
            .requires::<L>()
            .query::<ListParameters>()
            .gives::<AccountsAnswer>(StatusCode::OK)
            .answers(accounts.clone(), list::<L>),
        Endpoint::post(address.all, address.connect)
            .requires::<M>()
            .takes::<NewBody>()
            .gives::<ConnectedAnswer>(StatusCode::CREATED)
            .refuses(&[StatusCode::CONFLICT, StatusCode::TOO_MANY_REQUESTS, StatusCode::BAD_GATEWAY])
            .answers(accounts.clone(), connect::<M>),
        Endpoint::post(address.attempts.0, address.attempts.1)
            .requires::<M>()
            .takes::<AttemptBody>()
            .gives::<AttemptAnswer>(StatusCode::CREATED)
            .refuses(&[StatusCode::CONFLICT, StatusCode::BAD_GATEWAY])
            .answers(attempts.clone(), begin::<M>),
        Endpoint::get(address.one, address.read)
            .requires::<L>()
            .gives::<AccountAnswer>(StatusCode::OK)
            .answers(accounts.clone(), read::<L>),
        Endpoint::put(address.one, address.describe)
            .requires::<M>()
            .takes::<DescriptionBody>()
            .gives::<AccountAnswer>(StatusCode::OK)
            .refuses(&[StatusCode::CONFLICT])
            .answers(accounts.clone(), describe::<M>),
        Endpoint::delete(address.one, address.disconnect)
            .requires::<M>()
            .query::<DisconnectParameters>()
            .gives::<DisconnectedAnswer>(StatusCode::OK)
            .refuses(&[StatusCode::CONFLICT, StatusCode::BAD_GATEWAY])
            .answers(accounts.clone(), disconnect::<M>),
        Endpoint::post(address.test.0, address.test.1)
            .requires::<M>()
            .gives::<TrialAnswer>(StatusCode::OK)
            .refuses(&[StatusCode::CONFLICT, StatusCode::TOO_MANY_REQUESTS, StatusCode::BAD_GATEWAY])
            .answers(accounts.clone(), test::<M>),
        Endpoint::put(address.proof.0, address.proof.1)
            .requires::<M>()
            .takes::<ProofBody>()
            .gives::<ConnectedAnswer>(StatusCode::OK)
            .refuses(&[StatusCode::CONFLICT, StatusCode::TOO_MANY_REQUESTS, StatusCode::BAD_GATEWAY])
            .answers(accounts.clone(), prove_again::<M>),
        Endpoint::post(address.again.0, address.again.1)
            .requires::<M>()
            .takes::<AgainBody>()
            .gives::<AttemptAnswer>(StatusCode::CREATED)
            .refuses(&[StatusCode::CONFLICT, StatusCode::BAD_GATEWAY])
            .answers(attempts.clone(), begin_again::<M>),
    ]
}

fn id<A: Addressed>(call: &Call) -> Result<AccountId, Problem> {
    call.path(A::ADDRESS.id)
}

async fn list<L: SeesAccounts + Addressed>(
    accounts: Accounts,
    permit: Permit<L>,
    call: Call,
) -> Result<Answer, Problem> {
    let paging = call.paging()?;
    let service = call.query("service")?.map(|text| text.parse::<ServiceKey>());
    let service =
        service.transpose().map_err(|error| Problem::invalid("invalid_query", error.to_string()))?;
    let most = paging.limit.saturating_add(1);
    let mut found = accounts.list(&permit, service.as_ref(), paging.after()?, most, call.now()).await?;
    let next_cursor = paging.cut(&mut found, |account| account.id.to_string());
    let accounts = found.into_iter().map(AccountAnswer::from).collect();
    Ok(Answer::json(&AccountsAnswer { accounts, next_cursor }))
}

async fn connect<M: ManagesAccounts + Addressed>(
    accounts: Accounts,
    permit: Permit<M>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let body: NewBody = call.json_up_to(LARGEST_WITH_SECRETS).await?;
    let (account, trial) = accounts.connect(&permit, body.given()?, call.occasion()).await?;
    Ok(Answer::created(&ConnectedAnswer { account: account.into(), test: trial.into() }))
}

async fn read<L: SeesAccounts + Addressed>(
    accounts: Accounts,
    permit: Permit<L>,
    call: Call,
) -> Result<Answer, Problem> {
    let found = accounts.find(&permit, id::<L>(&call)?, call.now()).await?;
    Ok(Answer::json(&AccountAnswer::from(found)))
}

async fn describe<M: ManagesAccounts + Addressed>(
    accounts: Accounts,
    permit: Permit<M>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let id = id::<M>(&call)?;
    let body: DescriptionBody = call.json_up_to(LARGEST_WITH_SECRETS).await?;
    let version = body.version;
    let changed = accounts.describe(&permit, id, body.given()?, version, call.occasion()).await?;
    Ok(Answer::json(&AccountAnswer::from(changed)))
}

async fn disconnect<M: ManagesAccounts + Addressed>(
    accounts: Accounts,
    permit: Permit<M>,
    call: Call,
) -> Result<Answer, Problem> {
    let anyway = match call.query("anyway")?.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Problem::invalid("invalid_query", "anyway is true or false.")),
    };
    let disconnected = accounts.disconnect(&permit, id::<M>(&call)?, anyway, call.occasion()).await?;
    Ok(Answer::json(&DisconnectedAnswer::from(disconnected)))
}

async fn test<M: ManagesAccounts + Addressed>(
    accounts: Accounts,
    permit: Permit<M>,
    call: Call,
) -> Result<Answer, Problem> {
    let trial = accounts.test(&permit, id::<M>(&call)?).await?;
    Ok(Answer::json(&TrialAnswer::from(trial)))
}

async fn prove_again<M: ManagesAccounts + Addressed>(
    accounts: Accounts,
    permit: Permit<M>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let id = id::<M>(&call)?;
    let mut body: ProofBody = call.json_up_to(LARGEST_WITH_SECRETS).await?;
    let secrets = body.secrets()?;
    let proved = accounts.prove_again(&permit, id, body.values, secrets, body.test, call.occasion()).await;
    let (account, trial) = proved?;
    Ok(Answer::json(&ConnectedAnswer { account: account.into(), test: trial.into() }))
}

async fn begin<M: ManagesAccounts + Addressed>(
    attempts: ConnectAttempts,
    permit: Permit<M>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let body: AttemptBody = call.json_up_to(LARGEST_WITH_SECRETS).await?;
    let begun = attempts.begin(&permit, body.given()?, call.occasion()).await?;
    Ok(Answer::created(&AttemptAnswer::from(begun)))
}

async fn begin_again<M: ManagesAccounts + Addressed>(
    attempts: ConnectAttempts,
    permit: Permit<M>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let id = id::<M>(&call)?;
    let AgainBody { values, scopes, return_to } = call.json_up_to(LARGEST_WITH_SECRETS).await?;
    let begun = attempts.begin_again(&permit, id, values, scopes, return_to, call.occasion()).await?;
    Ok(Answer::created(&AttemptAnswer::from(begun)))
}
