//! The calls of apps: from the name of an account, or of a custom API, to the service's answer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use access_control::{AppCaller, CallService, FactsUnavailable, Permit, UsableBy};
use bytes::{Bytes, BytesMut};
use catalogue::{Service, Values};
use futures_util::StreamExt as _;
use http::StatusCode;
use ids::{AccountId, AppId, CustomApiId, OrganizationId, UserId};
use serde_json::value::RawValue;
use service_client::{AnswerBody, Call, CallAnswer, CallLimits, Credentials, OauthClient, ServiceClient};

use crate::answering::{ALWAYS_HELD, Answering};
use crate::call_input::{UnreadRequest, call_of_action};
use crate::call_turns::{CallTurn, CallTurnFor, CallTurns};
use crate::execute_error::ServiceRefusal;
use crate::service_call::{CallOutcome, CallVia, Called, CalledWith};
use crate::service_call_recording::{Begun, KnownCall, ServiceCallRecorder};
use crate::store::accounts;
use crate::unread_json::{read, weight};
use crate::{
    AccessTokens, Account, AccountError, AccountHolder, CustomApiError, CustomApis, ExecuteError,
    ReconnectCause, Services, Store, Unlocked, UseError,
};

/// How long a call waits for its turn at most.
const LONGEST_WAIT: Duration = Duration::from_secs(8);

/// How often an account is read again because somebody changed it meanwhile.
const ATTEMPTS: u32 = 5;

/// How much is kept of what a service says when it refuses, in bytes.
const MOST_OF_A_REFUSAL: usize = 16 << 10;

/// Whether deployed apps of an organization may use personal accounts.
pub type PersonalAccountsInApps = Arc<dyn Fn(OrganizationId) -> Result<bool, FactsUnavailable> + Send + Sync>;

/// The calls of apps.
#[derive(Clone)]
pub struct Calls {
    store: Store,
    services: Services,
    tokens: AccessTokens,
    custom_apis: CustomApis,
    client: ServiceClient,
    turns: CallTurns,
    recorder: ServiceCallRecorder,
    limits: CallLimits,
    personal_accounts: PersonalAccountsInApps,
}

/// What calls are made from.
pub struct CallParts {
    /// The tables.
    pub store: Store,
    /// The services.
    pub services: Services,
    /// What calls with accounts are made with.
    pub tokens: AccessTokens,
    /// The custom APIs.
    pub custom_apis: CustomApis,
    /// Who makes them.
    pub client: ServiceClient,
    /// In which turns.
    pub turns: CallTurns,
    /// Where they are recorded.
    pub recorder: ServiceCallRecorder,
    /// What one answer may cost.
    pub limits: CallLimits,
    /// Whether deployed apps of an organization may use personal accounts.
    pub personal_accounts: PersonalAccountsInApps,
}

/// Who calls.
#[derive(Clone, Copy)]
struct Caller {
    organization: OrganizationId,
    app: AppId,
    user: Option<UserId>,
    via: CallVia,
}

/// What a call is sent with.
#[derive(Clone, Copy)]
struct With<'a> {
    service: &'a Service,
    values: &'a Values,
    credentials: &'a Credentials,
    client: Option<&'a OauthClient>,
}

impl fmt::Debug for Calls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Calls").finish_non_exhaustive()
    }
}

impl Calls {
    /// Calls made from these.
    #[must_use]
    pub fn new(parts: CallParts) -> Self {
        let CallParts {
            store,
            services,
            tokens,
            custom_apis,
            client,
            turns,
            recorder,
            limits,
            personal_accounts,
        } = parts;
        Self { store, services, tokens, custom_apis, client, turns, recorder, limits, personal_accounts }
    }

    /// Makes a call with an account: an action of the service, or a request as it is.
    ///
    /// # Errors
    /// See [`ExecuteError`]. Once the answer has begun, errors come with its pieces.
    pub async fn execute(
        &self,
        permit: &Permit<CallService>,
        id: AccountId,
        action_id: &str,
        input: Option<Box<RawValue>>,
    ) -> Result<Answering, ExecuteError> {
        let caller = Caller::of(permit);
        let account = self.account(caller, id).await?;
        let known = caller.call(CalledWith::Account(id), account.service.as_str());
        let mut begun = self.recorder.begin(known).await?;
        let answer = match self.check_personal(caller, &account) {
            Ok(()) => self.answer_of_account(caller, &account, action_id, input, &mut begun).await,
            Err(error) => Err(error),
        };
        self.answering(answer, begun).await
    }

    /// Makes a call of a custom API.
    ///
    /// # Errors
    /// As [`Calls::execute`].
    pub async fn call_custom_api(
        &self,
        permit: &Permit<CallService>,
        id: CustomApiId,
        request: UnreadRequest,
    ) -> Result<Answering, ExecuteError> {
        let caller = Caller::of(permit);
        let found = self.custom_apis.of(caller.organization, id).await.map_err(told)?;
        let api = found.filter(|api| {
            let definition = &api.definition;
            caller.may_be_one_of(&definition.usable_by, definition.from_pages)
        });
        let api = api.ok_or(ExecuteError::UnknownCustomApi)?;
        let known = caller.call(CalledWith::CustomApi(id), api.definition.name.as_str());
        let mut begun = self.recorder.begin(known).await?;
        let answer = async {
            let mut turn = self.turn(caller, CalledWith::CustomApi(id), request.weight()?).await?;
            let call = request.call()?;
            call.method.as_str().clone_into(&mut begun.known.called.method);
            turn.held.shrink_to(ALWAYS_HELD + sent(&call));
            let unlocked = self.custom_apis.unlock(api).await.map_err(told)?;
            // It may have been changed since it was read.
            let definition = &unlocked.api.definition;
            if !caller.may_be_one_of(&definition.usable_by, definition.from_pages) {
                return Err(ExecuteError::UnknownCustomApi);
            }
            let (service, credentials) = (&unlocked.service, &unlocked.credentials);
            let with = With { service, values: &Values::new(), credentials, client: None };
            let answer = self.send(with, call, &mut begun).await?;
            Ok((accepted(service, answer, &mut begun).await?, turn))
        };
        let answer = answer.await;
        self.answering(answer, begun).await
    }

    async fn answer_of_account(
        &self,
        caller: Caller,
        account: &Account,
        action_id: &str,
        input: Option<Box<RawValue>>,
        begun: &mut Begun,
    ) -> Result<(CallAnswer, CallTurn), ExecuteError> {
        let known = self.services.find(account.organization, &account.service).await;
        let known = known.map_err(|error| unavailable(&error))?;
        let service = known.ok_or(ExecuteError::Blocked("service_unknown"))?.service;
        let weight = weight(input.as_deref())?;
        let mut turn = self.turn(caller, CalledWith::Account(account.id), weight).await?;
        let call = call_of_action(&service, action_id, read(input)?)?.ok_or(ExecuteError::UnknownAction)?;
        call.method.as_str().clone_into(&mut begun.known.called.method);
        turn.held.shrink_to(ALWAYS_HELD + sent(&call));
        let unlocked = self.unlocked(caller, account).await?;
        let mut answer = self.send(With::from(&unlocked), call.clone(), begun).await?;
        if answer.status == StatusCode::UNAUTHORIZED && matches!(unlocked.credentials, Credentials::Tokens(_))
        {
            // It did nothing; the token may have ended before its time.
            match self.tokens.another(account, unlocked.generation).await {
                Ok(unlocked) => answer = self.send(With::from(&unlocked), call, begun).await?,
                // There is no other one now: what the service said is what there is to say.
                Err(UseError::Unavailable { .. }) => {}
                Err(error) => return Err(of_use(error)),
            }
        }
        Ok((accepted(&unlocked.service, answer, begun).await?, turn))
    }

    /// The account, if it exists for this caller.
    async fn account(&self, caller: Caller, id: AccountId) -> Result<Account, ExecuteError> {
        let found = accounts::find(self.store.database(), caller.organization, id).await;
        let account = found.map_err(|error| unavailable(&error))?;
        account.filter(|account| caller.may_use(account)).ok_or(ExecuteError::UnknownAccount)
    }

    /// What a call is made with. Whoever changed the account meanwhile may have taken it from this caller.
    async fn unlocked(&self, caller: Caller, account: &Account) -> Result<Unlocked, ExecuteError> {
        let mut opened = self.tokens.of(account).await;
        for _ in 0..ATTEMPTS {
            match opened {
                Err(UseError::Changed) => {
                    let again = self.account(caller, account.id).await?;
                    opened = self.tokens.of(&again).await;
                }
                opened => return opened.map_err(of_use),
            }
        }
        Err(ExecuteError::Unavailable)
    }

    fn check_personal(&self, caller: Caller, account: &Account) -> Result<(), ExecuteError> {
        let is_personal = matches!(account.holder, AccountHolder::Personal(_));
        if is_personal
            && caller.via != CallVia::Preview
            && !(self.personal_accounts)(caller.organization).map_err(|_| ExecuteError::Unavailable)?
        {
            return Err(ExecuteError::PersonalAccountsOff);
        }
        Ok(())
    }

    async fn answering(
        &self,
        answer: Result<(CallAnswer, CallTurn), ExecuteError>,
        begun: Begun,
    ) -> Result<Answering, ExecuteError> {
        match answer {
            Ok((answer, turn)) => Ok(Answering::new(answer, turn, begun)),
            Err(error) => {
                begun.end(CallOutcome::from(&error));
                Err(error)
            }
        }
    }

    /// A turn for a call that takes so many bytes to be read, which is done in the turn.
    async fn turn(&self, caller: Caller, with: CalledWith, weight: usize) -> Result<CallTurn, ExecuteError> {
        let Caller { organization, app, .. } = caller;
        let at = CallTurnFor { organization, app, with, bytes: ALWAYS_HELD + weight };
        self.turns.take(at, LONGEST_WAIT).await.map_err(|_| ExecuteError::Busy)
    }

    async fn send(
        &self,
        with: With<'_>,
        mut call: Call,
        begun: &mut Begun,
    ) -> Result<CallAnswer, ExecuteError> {
        call.limits = self.limits;
        let With { service, values, credentials, client } = with;
        let host = service.base_url(values).ok().and_then(|url| url.host_str().map(str::to_owned));
        begun.known.called.host = host.unwrap_or_default();
        let answer = self.client.send(service, values, credentials, client, call).await?;
        begun.known.status = Some(answer.status.as_u16());
        Ok(answer)
    }
}

/// How many bytes a call sends.
fn sent(call: &Call) -> usize {
    call.body.as_ref().map_or(0, Bytes::len)
}

/// The answer, if the service did what it was asked.
async fn accepted(
    service: &Service,
    answer: CallAnswer,
    begun: &mut Begun,
) -> Result<CallAnswer, ExecuteError> {
    let status = answer.status.as_u16();
    if answer.status.is_success() {
        return Ok(answer);
    }
    let says_so = service.api.rate_limit.statuses.contains(&status) && answer.retry_after.is_some();
    if status == 429 || says_so {
        return Err(ExecuteError::Limited { retry_after: answer.retry_after });
    }
    begun.known.status = Some(status);
    let (body, is_whole) = beginning(answer.body).await;
    Err(ExecuteError::Refused(ServiceRefusal { status, body, is_whole }))
}

/// As much of a body as is kept, and whether it is all of it.
async fn beginning(mut body: AnswerBody) -> (Bytes, bool) {
    let mut begun = BytesMut::new();
    while let Some(piece) = body.next().await {
        let Ok(piece) = piece else { return (begun.freeze(), false) };
        let room = MOST_OF_A_REFUSAL - begun.len();
        begun.extend_from_slice(piece.get(..room).unwrap_or(&piece));
        if piece.len() > room {
            return (begun.freeze(), false);
        }
    }
    (begun.freeze(), true)
}

impl Caller {
    fn of(permit: &Permit<CallService>) -> Self {
        let caller: &AppCaller = permit.caller();
        Self {
            organization: permit.calling_organization(),
            app: permit.calling_app(),
            user: caller.person().map(|person| person.user),
            via: CallVia::from(caller),
        }
    }

    fn may_be_one_of(self, usable_by: &UsableBy, from_pages: bool) -> bool {
        usable_by.includes(self.app) && (from_pages || self.via != CallVia::Page)
    }

    /// A personal account exists only for calls on behalf of the person whose it is.
    fn may_use(self, account: &Account) -> bool {
        let is_theirs = match account.holder {
            AccountHolder::Shared => true,
            AccountHolder::Personal(owner) => self.user == Some(owner),
        };
        is_theirs
            && account.organization == self.organization
            && self.may_be_one_of(&account.usable_by, account.from_pages)
    }

    /// What is known of a call at first.
    fn call(self, with: CalledWith, service: &str) -> KnownCall {
        let Self { organization, app, user, via } = self;
        let (service, host, method) = (service.to_owned(), String::new(), String::new());
        let called = Called { organization, app, user, via, with, service, host, method };
        KnownCall { called, status: None }
    }
}

impl<'a> From<&'a Unlocked> for With<'a> {
    fn from(unlocked: &'a Unlocked) -> Self {
        let Unlocked { service, values, credentials, client, .. } = unlocked;
        Self { service, values, credentials, client: client.as_ref() }
    }
}

/// What a call is told when there is nothing to make it with.
fn of_use(error: UseError) -> ExecuteError {
    match error {
        UseError::NotFound | UseError::Account(AccountError::NotFound) => ExecuteError::UnknownAccount,
        UseError::NeedsReconnect(cause) => ExecuteError::NeedsReconnect(cause),
        UseError::Unavailable { retry_after } => ExecuteError::NoToken { retry_after: Some(retry_after) },
        UseError::Account(AccountError::Tampered(_)) => ExecuteError::Blocked("account_tampered"),
        UseError::Account(AccountError::ClientTampered) => ExecuteError::Blocked("oauth_client_tampered"),
        UseError::Account(AccountError::ServiceChanged) => {
            ExecuteError::NeedsReconnect(ReconnectCause::ServiceChanged)
        }
        UseError::Account(AccountError::ClientChanged) => {
            ExecuteError::NeedsReconnect(ReconnectCause::ClientChanged)
        }
        error => unavailable(&error),
    }
}

fn told(error: CustomApiError) -> ExecuteError {
    match error {
        CustomApiError::NotFound => ExecuteError::UnknownCustomApi,
        CustomApiError::Tampered(_) => ExecuteError::Blocked("custom_api_tampered"),
        error => unavailable(&error),
    }
}

fn unavailable(error: &(dyn std::error::Error + 'static)) -> ExecuteError {
    tracing::error!(error, "what a call needs could not be read");
    ExecuteError::Unavailable
}
