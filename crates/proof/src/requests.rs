//! What is asked: one example request for every endpoint, with which it succeeds.
//!
//! `$names` stand for objects of the proof's world: what stands in paths (`$user_id`), `$unique` (a name that
//! nobody has used), `$email` (an address likewise). A mounted endpoint without a row is an error.

use std::collections::BTreeMap;

use crate::ProofError;
use crate::declared::Endpoint;
use crate::example::{Example, Sends, bare, form, json};

/// What parameters and `$names` stand for.
pub(crate) type Objects = BTreeMap<&'static str, String>;

const BY_THE_PLATFORM: &str = "asked by the platform itself, in every sign-in of this proof";
const ONCE: &str = "succeeds once in the life of a platform";
const PATH_RULE: &str = r#"{"pattern":"/proof","subjects":[{"kind":"user","value":"$user_id"},{"kind":"group","value":"$group_id"}]}"#;
const DRAFT: &str = r#"{"changes":[{"kind":"add_path_rule","appId":"$app_id","rule":{"pattern":"/$unique","subjects":[{"kind":"user","value":"$user_id"}]}}]}"#;

const SECRET: &str = r#"{"kind":"bearer_token","name":"$unique","environment":"preview","value":"proof"}"#;
const SECRET_FORM: &str = "kind=bearer_token&name=$unique&environment=preview&value=proof";
const OWN_SECRET: &str = r#"{"kind":"api_key","name":"$unique","value":"proof"}"#;

/// No database is behind it: names under `invalid` are asked of nobody (RFC 6761).
const CONNECTION: &str = r#"{"kind":"external","name":"$unique","engine":"postgresql","host":"proof.invalid","database":"proof","user":"proof","password":"proof","readOnly":true}"#;
const DEFINITION: &str = r#"{"name":"$unique","engine":"postgresql","host":"proof.invalid","database":"proof","user":"proof","password":"proof","readOnly":true}"#;
const CONNECTION_FORM: &str = "kind=external&name=$unique&engine=postgresql&host=proof.invalid&database=proof&user=proof&password=proof&tls=verify-full&most_rows=1&most_bytes=1024&most_milliseconds=1000&most_sessions=1&usable_by=every_app";
const DATA_QUERY: &str = r#"{"name":"$unique","connectionId":"$connection_id","sql":"SELECT 1"}"#;
const DATA_QUERY_FORM: &str = "name=$unique&connection_id=$connection_id&sql=SELECT+1&timeout=1000";
/// Services without a call to try accounts with, and with consent: none is asked for anything.
const ACCOUNT: &str = r#"{"service":"fly-io","name":"$unique","secrets":{"token":"proof"}}"#;
const ACCOUNT_FORM: &str = "name=$unique&usable_by=every_app&secret_token=proof";
const DESCRIPTION: &str = r#"{"name":"$unique"}"#;
const OAUTH_CLIENT: &str = r#"{"service":"asana","clientId":"proof","clientSecret":"proof"}"#;
const CUSTOM_API: &str =
    r#"{"name":"$unique","baseUrl":"https://proof.invalid/","authentication":"api_key","value":"proof"}"#;
const CUSTOM_API_FORM: &str = "name=$unique&base_url=https%3A%2F%2Fproof.invalid%2F&authentication=api_key&value=proof&usable_by=every_app";
const IN_A_BROWSER: &str = "people consent at the service, in a browser";
const NO_SERVICE: &str = "no service is behind the accounts of this proof";
const NO_DATABASE: &str = "no database is behind the connections of this proof";
const HOST_KEY: &str = r#"{"hop":0,"hostKey":"SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#;
/// Nothing is asked of its service.
const IMPORT: &str = r#"{"document":"openapi: 3.0.0\ninfo: { title: Proof }\npaths: {}","answers":{"key":"$unique","base_url":"https://proof.acme.com","authentication":"bearer_token"}}"#;
const IMPORT_FORM: &str = "document=openapi%3A+3.0.0%0Ainfo%3A+%7B+title%3A+Proof+%7D%0Apaths%3A+%7B%7D&answer_key=$unique&answer_base_url=https%3A%2F%2Fproof.acme.com&answer_authentication=bearer_token";

/// Add a row here for a new endpoint.
const EXAMPLES: &[Example] = &[
    // Signing in.
    bare("choose_provider"),
    bare("begin_sign_in"),
    bare("complete_sign_in"),
    bare("redeem_hand_off"),
    bare("read_signing_keys"),
    bare("read_security_txt").may_be_absent(),
    // The development provider.
    bare("read_issuer_metadata"),
    bare("read_issuer_keys"),
    bare("choose_demo_user"),
    bare("sign_in_demo_user"),
    bare("list_caught_letters"),
    bare("show_caught_letter"),
    bare("read_caught_letter"),
    bare("exchange_code").never_succeeds(BY_THE_PLATFORM),
    // One's own account.
    bare("get_session").is_a_record(),
    bare("sign_out").ends_sessions(),
    bare("sign_out_by_form").ends_sessions(),
    bare("list_sessions"),
    bare("end_session").ends_sessions(),
    bare("end_all_sessions").ends_sessions(),
    bare("list_api_tokens"),
    json("issue_api_token", r#"{"name":"$unique"}"#),
    bare("revoke_api_token"),
    json("complete_set_up", r#"{"code":"proof","slug":"$unique","name":"Proof"}"#).never_succeeds(ONCE),
    // Organizations.
    bare("list_organizations"),
    bare("get_full_organization").may_ask("?organizationId=$organization_id"),
    json("create_organization", r#"{"slug":"$unique","name":"Proof"}"#),
    bare("read_organization"),
    json("update_organization", r#"{"name":"$unique"}"#),
    bare("delete_organization").asks("?slug=$organization_slug").in_new_organization(),
    bare("list_members"),
    json("change_role", r#"{"role":"editor"}"#).in_new_organization(),
    bare("remove_member").in_new_organization(),
    bare("leave_organization").in_new_organization(),
    bare("transfer_ownership").in_new_organization(),
    bare("list_invitations"),
    json("create_invitation", r#"{"email":"$email","role":"member"}"#),
    bare("revoke_invitation"),
    bare("resend_invitation"),
    json("accept_invitation", r#"{"token":"$invitation_token"}"#),
    bare("list_groups"),
    json("create_group", r#"{"name":"$unique"}"#),
    json("rename_group", r#"{"name":"$unique"}"#),
    bare("delete_group"),
    bare("add_group_member"),
    bare("remove_group_member"),
    // The organization's key.
    bare("read_organization_key"),
    bare("list_key_rotations"),
    bare("rotate_organization_key").in_new_organization(),
    bare("read_key_rotation"),
    // Apps.
    bare("list_orphaned_apps"),
    json("transfer_orphaned_app", r#"{"userId":"$owner_id"}"#).in_new_organization(),
    bare("delete_orphaned_app").in_new_organization(),
    bare("list_apps"),
    json("create_app", r#"{"slug":"$unique","name":"Proof"}"#),
    bare("read_app"),
    json("update_app", r#"{"name":"$unique"}"#),
    bare("delete_app"),
    bare("read_app_access"),
    json("put_grant", r#"{"role":"viewer"}"#),
    bare("delete_grant"),
    json("create_path_rule", PATH_RULE),
    json("replace_path_rule", PATH_RULE),
    bare("delete_path_rule"),
    bare("list_server_secrets"),
    json("issue_server_secret", r#"{"environment":"preview"}"#),
    json("rotate_server_secret", r#"{"environment":"preview","graceSeconds":0,"force":true}"#),
    json("begin_server_secret_rotation", r#"{"graceSeconds":0}"#).in_new_organization(),
    bare("read_server_secret_rotation"),
    bare("revoke_server_secret"),
    // Secrets.
    bare("list_secrets"),
    json("create_secret", SECRET),
    bare("read_secret"),
    bare("list_secret_uses"),
    json("replace_secret", r#"{"value":"another"}"#),
    bare("delete_secret"),
    bare("list_app_secrets"),
    json("create_app_secret", SECRET),
    bare("read_app_secret"),
    bare("list_app_secret_uses"),
    json("replace_app_secret", r#"{"value":"another"}"#),
    bare("delete_app_secret"),
    bare("read_environment").asks("?environment=preview"),
    bare("list_own_secrets"),
    json("create_own_secret", OWN_SECRET),
    bare("read_own_secret"),
    json("replace_own_secret", r#"{"value":"another"}"#),
    bare("delete_own_secret"),
    // Databases.
    bare("list_database_connections"),
    json("create_database_connection", CONNECTION),
    json("test_given_database_connection", DEFINITION).recorded_as("database_connections.test"),
    json("read_ssh_host_key", r#"{"host":"proof.invalid"}"#)
        .recorded_as("database_connections.read_host_key"),
    bare("read_database_connection"),
    json("replace_database_connection", DEFINITION),
    bare("delete_database_connection"),
    bare("test_database_connection").changes_nothing(),
    json("confirm_ssh_host_key", HOST_KEY).never_succeeds(NO_DATABASE),
    bare("read_database_schema"),
    // No database answers, so that its event tells of a failure.
    bare("examine_read_only").changes_nothing(),
    json("query_internal_database", "{}").never_succeeds(NO_DATABASE),
    json("query_external_database", "{}").never_succeeds(NO_DATABASE),
    json("query_organization_database", "{}").never_succeeds(NO_DATABASE),
    bare("list_data_queries"),
    json("create_data_query", DATA_QUERY),
    bare("read_data_query"),
    json("replace_data_query", DATA_QUERY),
    bare("delete_data_query"),
    json("try_data_query", "{}").never_succeeds(NO_DATABASE),
    json("run_data_query", "{}").never_succeeds(NO_DATABASE),
    bare("list_query_records").may_ask("?app=$app_id&connection=$connection_id&user=$user_id").is_a_record(),
    // Services.
    bare("list_services"),
    bare("read_service"),
    bare("list_imported_services"),
    json("import_service", IMPORT),
    json("propose_service", IMPORT).changes_nothing(),
    bare("read_imported_service"),
    json("import_service_again", IMPORT),
    bare("delete_imported_service"),
    json("propose_service_again", IMPORT).changes_nothing(),
    bare("list_oauth_clients"),
    json("create_oauth_client", OAUTH_CLIENT).in_new_organization(),
    bare("read_oauth_client"),
    json("replace_oauth_client", r#"{"clientId":"proof","clientSecret":"another"}"#).in_new_organization(),
    bare("delete_oauth_client").in_new_organization(),
    bare("list_accounts"),
    json("connect_account", ACCOUNT),
    json("begin_connect_attempt", r#"{"service":"asana","name":"$unique"}"#).never_succeeds(IN_A_BROWSER),
    bare("read_account"),
    json("describe_account", DESCRIPTION),
    bare("disconnect_account"),
    bare("test_account").changes_nothing(),
    json("prove_account_again", r#"{"secrets":{"token":"another"}}"#),
    json("begin_another_connect_attempt", "{}").never_succeeds(IN_A_BROWSER),
    bare("list_own_accounts"),
    json("connect_own_account", ACCOUNT),
    json("begin_own_connect_attempt", r#"{"service":"asana","name":"$unique"}"#).never_succeeds(IN_A_BROWSER),
    bare("read_own_account"),
    json("describe_own_account", DESCRIPTION),
    bare("disconnect_own_account"),
    bare("test_own_account").changes_nothing(),
    json("prove_own_account_again", r#"{"secrets":{"token":"another"}}"#),
    json("begin_another_own_connect_attempt", "{}").never_succeeds(IN_A_BROWSER),
    bare("complete_connect_attempt").asks("?state=proof&code=proof").never_succeeds(IN_A_BROWSER),
    bare("complete_connect_attempt_at_imported_service")
        .asks("?state=proof&code=proof")
        .never_succeeds(IN_A_BROWSER),
    bare("list_custom_apis"),
    json("create_custom_api", CUSTOM_API),
    bare("read_custom_api"),
    json("replace_custom_api", CUSTOM_API),
    bare("delete_custom_api"),
    json("execute_action", r#"{"actionId":"proof"}"#).never_succeeds(NO_SERVICE),
    json("run_action", r#"{"actionId":"proof"}"#).never_succeeds(NO_SERVICE),
    json("execute_custom_api", "{}").never_succeeds(NO_SERVICE),
    bare("list_service_calls")
        .may_ask("?app=$app_id&account=$account_id&customApi=$custom_api_id&user=$user_id")
        .is_a_record(),
    bare("revoke_service").in_new_organization(),
    bare("list_service_revocations"),
    bare("read_service_revocation"),
    // Decisions.
    bare("list_decisions").asks("?user=$user_id").is_a_record(),
    bare("read_app_decision"),
    bare("read_organization_decision"),
    // The policy.
    bare("explain_access").asks("?user=$user_id&path=/proof"),
    json("simulate_policy", DRAFT).changes_nothing(),
    json("simulate_app", DRAFT).changes_nothing(),
    bare("read_policy"),
    json("apply_policy", DRAFT).recorded_as("app.update"),
    json("apply_app_policy", DRAFT),
    // The audit trail.
    bare("search_audit_events").is_a_record(),
    bare("export_audit_events").is_a_record(),
    bare("read_audit_event"),
    // The coding agent's tokens.
    bare("list_agent_tokens"),
    json("issue_agent_token", "{}"),
    bare("revoke_agent_token"),
    // Apps and agents about themselves.
    bare("whoami"),
    bare("identify_agent"),
    // Pages.
    bare("show_start"),
    bare("show_apps"),
    bare("show_organizations"),
    bare("show_organization"),
    form("change_role_by_form", "role=editor").in_new_organization(),
    bare("remove_member_by_form").in_new_organization(),
    form("change_organization_by_form", "personal_accounts_in_apps=false").in_new_organization(),
    bare("leave_organization_by_form").in_new_organization(),
    form("create_invitation_by_form", "email=$email&role=member"),
    bare("resend_invitation_by_form"),
    bare("revoke_invitation_by_form"),
    bare("show_secrets"),
    form("create_secret_by_form", SECRET_FORM),
    form("replace_secret_by_form", "value=another"),
    bare("delete_secret_by_form"),
    bare("show_app_secrets"),
    form("create_app_secret_by_form", SECRET_FORM),
    form("replace_app_secret_by_form", "value=another"),
    bare("delete_app_secret_by_form"),
    bare("show_own_secrets"),
    form("create_own_secret_by_form", "kind=api_key&name=$unique&value=proof"),
    form("replace_own_secret_by_form", "value=another"),
    bare("delete_own_secret_by_form"),
    bare("show_databases"),
    bare("show_new_database"),
    form("create_database_by_form", CONNECTION_FORM),
    form("read_ssh_host_key_by_form", "ask=0&hop_0_host=proof.invalid").never_succeeds(NO_DATABASE),
    bare("show_database"),
    bare("show_database_form"),
    form("replace_database_by_form", CONNECTION_FORM),
    bare("delete_database_by_form"),
    bare("test_database_by_form").changes_nothing(),
    form("confirm_ssh_host_key_by_form", "hop=0&host_key=none").never_succeeds(NO_DATABASE),
    bare("show_database_schema"),
    bare("show_read_only_examination"),
    bare("examine_read_only_by_form").changes_nothing(),
    bare("show_query_records").is_a_record(),
    bare("show_services"),
    bare("show_service"),
    bare("show_new_service"),
    form("propose_service_by_form", IMPORT_FORM).changes_nothing(),
    form("import_service_by_form", IMPORT_FORM),
    bare("show_imported_service"),
    form("propose_service_again_by_form", IMPORT_FORM).changes_nothing(),
    form("import_service_again_by_form", IMPORT_FORM),
    bare("delete_imported_service_by_form"),
    form("put_oauth_client_by_form", "client_id=proof&client_secret=proof").in_new_organization(),
    bare("delete_oauth_client_by_form").in_new_organization(),
    bare("revoke_service_by_form").in_new_organization(),
    bare("show_service_revocation"),
    bare("show_service_calls").is_a_record(),
    form("connect_account_by_form", ACCOUNT_FORM),
    bare("show_accounts"),
    bare("show_account"),
    bare("test_account_by_form").changes_nothing(),
    form("reconnect_account_by_form", "secret_token=another"),
    form("describe_account_by_form", "name=$unique&usable_by=every_app"),
    form("disconnect_account_by_form", "anyway="),
    form("connect_own_account_by_form", ACCOUNT_FORM),
    bare("show_own_accounts"),
    bare("show_own_account"),
    bare("test_own_account_by_form").changes_nothing(),
    form("reconnect_own_account_by_form", "secret_token=another"),
    form("describe_own_account_by_form", "name=$unique&usable_by=every_app"),
    form("disconnect_own_account_by_form", "anyway="),
    bare("show_custom_apis"),
    bare("show_new_custom_api"),
    form("create_custom_api_by_form", CUSTOM_API_FORM),
    bare("show_custom_api"),
    form("replace_custom_api_by_form", CUSTOM_API_FORM),
    bare("delete_custom_api_by_form"),
    bare("show_data_queries"),
    bare("show_new_data_query"),
    form("create_data_query_by_form", DATA_QUERY_FORM),
    bare("show_data_query"),
    bare("show_data_query_form"),
    form("replace_data_query_by_form", DATA_QUERY_FORM),
    bare("delete_data_query_by_form"),
    form("run_data_query_by_form", "value_none=none").never_succeeds(NO_DATABASE),
    bare("show_organization_keys"),
    bare("rotate_organization_key_by_form").in_new_organization(),
    form("rotate_all_server_secrets_by_form", "grace_seconds=0").in_new_organization(),
    bare("show_server_secrets"),
    form("rotate_server_secret_by_form", "environment=preview&grace_seconds=0"),
    bare("revoke_server_secret_by_form"),
    bare("show_sessions"),
    bare("show_set_up"),
    form("complete_set_up_by_form", "code=proof&slug=$unique&name=Proof").never_succeeds(ONCE),
    bare("show_invitation").asks("?token=$invitation_token"),
    form("accept_invitation_by_form", "token=$invitation_token"),
    bare("end_session_by_form").ends_sessions(),
    bare("end_all_sessions_by_form").ends_sessions(),
    form("issue_api_token_by_form", "name=$unique&expires_in_days=1"),
    bare("revoke_api_token_by_form"),
    // What everybody may see.
    bare("read_style_on_platform"),
    bare("read_style_on_app_hosts"),
    bare("read_style_on_issuer"),
    bare("read_api_description"),
    bare("check_liveness"),
    bare("check_readiness"),
    bare("read_metrics"),
];

/// Whether every endpoint has a row.
pub(crate) fn check(endpoints: &[Endpoint]) -> Result<(), ProofError> {
    let missing: Vec<&str> = endpoints
        .iter()
        .filter(|endpoint| example(endpoint).is_err())
        .map(|endpoint| endpoint.name.as_str())
        .collect();
    if missing.is_empty() { Ok(()) } else { Err(ProofError::NoExample(missing.join("`, `"))) }
}

/// The example for an endpoint.
pub(crate) fn example(endpoint: &Endpoint) -> Result<&'static Example, ProofError> {
    EXAMPLES
        .iter()
        .find(|example| example.name == endpoint.name)
        .ok_or_else(|| ProofError::NoExample(endpoint.name.clone()))
}

/// Path and query, filled in.
pub(crate) fn address(endpoint: &Endpoint, objects: &Objects) -> Result<String, ProofError> {
    Ok(path(endpoint, objects)? + &fill(example(endpoint)?.query, objects)?)
}

/// The same with every identifier that the query may have, and other objects in it than in the path.
pub(crate) fn varied_address(
    endpoint: &Endpoint,
    in_path: &Objects,
    in_query: &Objects,
) -> Result<String, ProofError> {
    Ok(path(endpoint, in_path)? + &fill(varied_query(endpoint)?, in_query)?)
}

pub(crate) fn varied_query(endpoint: &Endpoint) -> Result<&'static str, ProofError> {
    let example = example(endpoint)?;
    Ok(example.varied_query.unwrap_or(example.query))
}

fn path(endpoint: &Endpoint, objects: &Objects) -> Result<String, ProofError> {
    let mut filled = String::new();
    for segment in endpoint.path.split('/').skip(1) {
        filled.push('/');
        match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            None => filled.push_str(segment),
            Some(name) => {
                filled.push_str(objects.get(name).ok_or_else(|| ProofError::NoObject(format!("{{{name}}}")))?)
            }
        }
    }
    Ok(filled)
}

/// The body with which the request succeeds, with its media type.
pub(crate) fn body(
    example: &Example,
    objects: &Objects,
) -> Result<Option<(&'static str, String)>, ProofError> {
    Ok(match example.sends {
        Sends::Nothing => None,
        Sends::Json(text) => Some(("application/json", fill(text, objects)?)),
        Sends::Form(text) => Some(("application/x-www-form-urlencoded", fill(text, objects)?)),
    })
}

/// The names of objects that stand in an example's body and query.
pub(crate) fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split('$').skip(1).map(|rest| {
        let end = rest.find(|character: char| !character.is_ascii_lowercase() && character != '_');
        end.and_then(|end| rest.get(..end)).unwrap_or(rest)
    })
}

fn fill(text: &str, objects: &Objects) -> Result<String, ProofError> {
    let mut filled = text.split('$').next().unwrap_or_default().to_owned();
    for (name, rest) in names(text).zip(text.split('$').skip(1)) {
        let value = objects.get(name).ok_or_else(|| ProofError::NoObject(format!("${name}")))?;
        filled.push_str(value);
        filled.push_str(rest.strip_prefix(name).unwrap_or_default());
    }
    Ok(filled)
}
