CREATE TABLE users (
    id TEXT NOT NULL PRIMARY KEY,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    picture TEXT,
    created_at {timestamp} NOT NULL,
    suspended_at {timestamp},
    UNIQUE (issuer, subject)
);

CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    means TEXT NOT NULL CHECK (means IN ('browser', 'api_token')),
    name TEXT CHECK ((name IS NOT NULL) = (means = 'api_token')),
    token_hash {bytes} NOT NULL,
    hosted_domain TEXT,
    user_agent TEXT NOT NULL,
    created_at {timestamp} NOT NULL,
    authenticated_at {timestamp} NOT NULL,
    last_seen_at {timestamp} NOT NULL,
    ends_at {timestamp} NOT NULL,
    lapse_hour BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_lapse_hour ON sessions (lapse_hour, id);

CREATE TABLE sign_in_attempts (
    state_hash {bytes} NOT NULL PRIMARY KEY,
    browser_hash {bytes} NOT NULL,
    provider TEXT NOT NULL,
    nonce TEXT NOT NULL,
    pkce_verifier TEXT NOT NULL,
    return_to TEXT NOT NULL,
    sign_in_within INTEGER,
    expires_at {timestamp} NOT NULL
);

CREATE TABLE hand_off_codes (
    code_hash {bytes} NOT NULL PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    host_label TEXT NOT NULL,
    browser_hash {bytes} NOT NULL,
    sealed_token {bytes} NOT NULL,
    return_path TEXT NOT NULL,
    expires_at {timestamp} NOT NULL
);

CREATE TABLE set_up (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    code_hash {bytes} NOT NULL,
    created_at {timestamp} NOT NULL,
    completed_at {timestamp}
);

CREATE TABLE organizations (
    id TEXT NOT NULL PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    hosted_domain TEXT,
    personal_accounts_in_apps BOOLEAN NOT NULL DEFAULT TRUE,
    created_at {timestamp} NOT NULL
);

CREATE TABLE retired_slugs (
    slug TEXT NOT NULL PRIMARY KEY,
    retired_at {timestamp} NOT NULL
);

CREATE TABLE members (
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    user_id TEXT NOT NULL REFERENCES users (id),
    role TEXT NOT NULL,
    created_at {timestamp} NOT NULL,
    PRIMARY KEY (organization_id, user_id)
);
CREATE INDEX members_by_user ON members (user_id);

CREATE TABLE invitations (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    email TEXT NOT NULL,
    role TEXT NOT NULL,
    token_hash {bytes} NOT NULL UNIQUE,
    invited_by TEXT NOT NULL REFERENCES users (id),
    created_at {timestamp} NOT NULL,
    expires_at {timestamp} NOT NULL,
    accepted_at {timestamp},
    revoked_at {timestamp},
    last_delivery TEXT
);
CREATE INDEX invitations_by_organization ON invitations (organization_id);

CREATE TABLE groups (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    created_at {timestamp} NOT NULL,
    UNIQUE (organization_id, name)
);

CREATE TABLE group_members (
    group_id TEXT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id),
    PRIMARY KEY (group_id, user_id)
);

CREATE TABLE apps (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    level TEXT NOT NULL,
    creator_id TEXT NOT NULL REFERENCES users (id),
    upstream_url TEXT,
    server_actions_judged_by_page BOOLEAN NOT NULL,
    created_at {timestamp} NOT NULL,
    UNIQUE (organization_id, slug)
);

CREATE TABLE hosts (
    label TEXT NOT NULL PRIMARY KEY,
    app_id TEXT NOT NULL UNIQUE REFERENCES apps (id) ON DELETE CASCADE
);

CREATE TABLE retired_labels (
    label TEXT NOT NULL PRIMARY KEY,
    retired_at {timestamp} NOT NULL
);

CREATE TABLE grants (
    app_id TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    organization_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    role TEXT NOT NULL,
    granted_by TEXT NOT NULL REFERENCES users (id),
    created_at {timestamp} NOT NULL,
    expires_at {timestamp},
    PRIMARY KEY (app_id, user_id),
    FOREIGN KEY (organization_id, user_id) REFERENCES members (organization_id, user_id) ON DELETE CASCADE
);
CREATE INDEX grants_by_member ON grants (organization_id, user_id);

CREATE TABLE path_rules (
    id TEXT NOT NULL PRIMARY KEY,
    app_id TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    pattern TEXT NOT NULL,
    methods TEXT NOT NULL,
    subjects TEXT NOT NULL,
    sign_in_within INTEGER,
    created_at {timestamp} NOT NULL
);
CREATE INDEX path_rules_by_app ON path_rules (app_id);

CREATE TABLE agent_tokens (
    id TEXT NOT NULL PRIMARY KEY,
    app_id TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    organization_id TEXT NOT NULL,
    issued_by TEXT NOT NULL,
    session_id TEXT NOT NULL,
    hosted_domain TEXT,
    authenticated_at {timestamp} NOT NULL,
    secret_hash {bytes} NOT NULL UNIQUE,
    created_at {timestamp} NOT NULL,
    expires_at {timestamp} NOT NULL,
    FOREIGN KEY (organization_id, issued_by) REFERENCES members (organization_id, user_id) ON DELETE CASCADE
);
CREATE INDEX agent_tokens_by_app ON agent_tokens (app_id);
CREATE INDEX agent_tokens_by_issuer ON agent_tokens (organization_id, issued_by);

CREATE TABLE master_keys (
    id TEXT NOT NULL PRIMARY KEY,
    first_used_at {timestamp} NOT NULL
);

CREATE TABLE data_keys (
    id TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    master_key_id TEXT NOT NULL,
    wrapped {bytes} NOT NULL,
    seals BIGINT NOT NULL,
    created_at {timestamp} NOT NULL,
    retired_at {timestamp}
);
CREATE UNIQUE INDEX data_keys_current ON data_keys (holder) WHERE retired_at IS NULL;
CREATE INDEX data_keys_by_holder ON data_keys (holder);
CREATE INDEX data_keys_by_master_key ON data_keys (master_key_id);

CREATE TABLE sealed_values (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    organization_id TEXT REFERENCES organizations (id),
    app_id TEXT REFERENCES apps (id) ON DELETE CASCADE,
    user_id TEXT,
    version BIGINT NOT NULL,
    data_key_id TEXT NOT NULL REFERENCES data_keys (id),
    sealed {bytes} NOT NULL,
    updated_at {timestamp} NOT NULL,
    FOREIGN KEY (organization_id, user_id) REFERENCES members (organization_id, user_id) ON DELETE CASCADE
);
CREATE INDEX sealed_values_by_data_key ON sealed_values (data_key_id, id);
CREATE INDEX sealed_values_by_organization ON sealed_values (organization_id, id);
CREATE INDEX sealed_values_by_app ON sealed_values (app_id);
CREATE UNIQUE INDEX sealed_values_one_root ON sealed_values (kind) WHERE kind = 'root_key';

CREATE TABLE secrets (
    id TEXT NOT NULL PRIMARY KEY REFERENCES sealed_values (id) ON DELETE CASCADE,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    app_id TEXT REFERENCES apps (id) ON DELETE CASCADE,
    user_id TEXT,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    environment TEXT,
    variable TEXT,
    owner TEXT NOT NULL,
    slot TEXT NOT NULL,
    tail TEXT,
    version BIGINT NOT NULL,
    created_by TEXT NOT NULL REFERENCES users (id),
    created_at {timestamp} NOT NULL,
    updated_by TEXT NOT NULL REFERENCES users (id),
    updated_at {timestamp} NOT NULL,
    last_injected_at {timestamp}
);
CREATE UNIQUE INDEX secrets_once ON secrets (owner, slot);
CREATE INDEX secrets_by_owner ON secrets (owner, id);
CREATE INDEX secrets_by_app ON secrets (app_id);

CREATE TABLE secret_uses (
    secret_id TEXT NOT NULL REFERENCES secrets (id) ON DELETE CASCADE,
    app_id TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    version BIGINT NOT NULL,
    injected_by TEXT NOT NULL REFERENCES users (id),
    injected_at {timestamp} NOT NULL,
    PRIMARY KEY (secret_id, app_id)
);
CREATE INDEX secret_uses_by_app ON secret_uses (app_id);

CREATE TABLE key_rotations (
    id TEXT NOT NULL PRIMARY KEY,
    subject TEXT NOT NULL,
    state TEXT NOT NULL,
    successor TEXT NOT NULL,
    total BIGINT NOT NULL,
    done BIGINT NOT NULL,
    started_at {timestamp} NOT NULL,
    finished_at {timestamp},
    outcome TEXT,
    lease TEXT,
    leased_until {timestamp} NOT NULL
);
CREATE UNIQUE INDEX key_rotations_one_running ON key_rotations (subject) WHERE finished_at IS NULL;
CREATE INDEX key_rotations_by_subject ON key_rotations (subject, id);

CREATE TABLE signing_keys (
    id TEXT NOT NULL PRIMARY KEY,
    public_key {bytes} NOT NULL,
    secret_id TEXT NOT NULL REFERENCES sealed_values (id),
    created_at {timestamp} NOT NULL,
    retired_at {timestamp}
);

CREATE TABLE server_secrets (
    id TEXT NOT NULL PRIMARY KEY,
    app_id TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    environment TEXT NOT NULL,
    secret_hash {bytes} NOT NULL UNIQUE,
    secret_id TEXT NOT NULL UNIQUE REFERENCES sealed_values (id) ON DELETE CASCADE,
    issued_by TEXT NOT NULL REFERENCES users (id),
    created_at {timestamp} NOT NULL,
    expires_at {timestamp},
    last_used_at {timestamp}
);
CREATE INDEX server_secrets_by_app ON server_secrets (app_id);
CREATE INDEX server_secrets_ending ON server_secrets (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE server_secret_rotations (
    organization_id TEXT NOT NULL PRIMARY KEY REFERENCES organizations (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    requested_by TEXT NOT NULL REFERENCES users (id),
    total BIGINT NOT NULL,
    started_at {timestamp} NOT NULL,
    ends_at {timestamp} NOT NULL,
    finished_at {timestamp},
    checked BIGINT
);

CREATE TABLE database_connections (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    kind TEXT NOT NULL,
    app_id TEXT REFERENCES apps (id) ON DELETE CASCADE CHECK ((app_id IS NOT NULL) = (kind = 'internal')),
    name TEXT NOT NULL,
    slot TEXT NOT NULL,
    destination TEXT NOT NULL,
    limits TEXT NOT NULL,
    read_only BOOLEAN NOT NULL,
    every_app BOOLEAN NOT NULL,
    version BIGINT NOT NULL,
    credentials TEXT NOT NULL UNIQUE REFERENCES sealed_values (id) ON DELETE CASCADE,
    changed_hop INTEGER,
    changed_host_key TEXT CHECK ((changed_host_key IS NOT NULL) = (changed_hop IS NOT NULL)),
    changed_at {timestamp} CHECK ((changed_at IS NOT NULL) = (changed_hop IS NOT NULL)),
    created_by TEXT NOT NULL REFERENCES users (id),
    created_at {timestamp} NOT NULL,
    updated_by TEXT NOT NULL REFERENCES users (id),
    updated_at {timestamp} NOT NULL
);
CREATE UNIQUE INDEX database_connections_once ON database_connections (organization_id, kind, slot);
CREATE UNIQUE INDEX database_connections_by_app ON database_connections (app_id);
CREATE INDEX database_connections_by_organization ON database_connections (organization_id, id);

CREATE TABLE database_connection_apps (
    connection_id TEXT NOT NULL REFERENCES database_connections (id) ON DELETE CASCADE,
    app_id TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    PRIMARY KEY (connection_id, app_id)
);
CREATE INDEX database_connection_apps_by_app ON database_connection_apps (app_id);

CREATE TABLE data_queries (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    app_id TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    connection_id TEXT NOT NULL,
    name TEXT NOT NULL,
    sql TEXT NOT NULL,
    parameters TEXT NOT NULL,
    timeout_milliseconds BIGINT NOT NULL,
    from_pages BOOLEAN NOT NULL,
    kind TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    version BIGINT NOT NULL,
    created_by TEXT NOT NULL REFERENCES users (id),
    created_at {timestamp} NOT NULL,
    updated_by TEXT NOT NULL REFERENCES users (id),
    updated_at {timestamp} NOT NULL
);
CREATE UNIQUE INDEX data_queries_once ON data_queries (app_id, name);
CREATE INDEX data_queries_by_app ON data_queries (app_id, id);

CREATE TABLE query_records (
    id TEXT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    organization_id TEXT NOT NULL,
    app_id TEXT NOT NULL,
    user_id TEXT,
    via TEXT NOT NULL,
    connection_id TEXT NOT NULL,
    data_query_id TEXT,
    kind TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    outcome TEXT NOT NULL,
    count BIGINT NOT NULL,
    rows BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    microseconds BIGINT NOT NULL,
    longest_microseconds BIGINT NOT NULL
);
CREATE INDEX query_records_by_organization ON query_records (organization_id, id);
CREATE INDEX query_records_by_app ON query_records (app_id, id);
CREATE INDEX query_records_by_connection ON query_records (connection_id, id);
CREATE INDEX query_records_by_user ON query_records (user_id, id);

CREATE TABLE decisions (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL,
    app_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    allowed BOOLEAN NOT NULL,
    path TEXT NOT NULL,
    policy TEXT NOT NULL,
    record TEXT NOT NULL
);
CREATE INDEX decisions_by_app ON decisions (app_id, id);

CREATE TABLE policy_snapshots (
    digest TEXT NOT NULL PRIMARY KEY,
    policy TEXT NOT NULL,
    last_used_day INTEGER NOT NULL
);

CREATE TABLE seen_paths (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL,
    app_id TEXT NOT NULL,
    method TEXT NOT NULL,
    paths TEXT NOT NULL,
    under_every_rule BOOLEAN NOT NULL,
    last_day INTEGER NOT NULL
);
CREATE INDEX seen_paths_by_app ON seen_paths (app_id, id);
CREATE INDEX seen_paths_by_day ON seen_paths (last_day);
CREATE INDEX seen_paths_by_organization ON seen_paths (organization_id, app_id);

CREATE TABLE audit_events (
    chain TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    hash {bytes} NOT NULL,
    id TEXT NOT NULL UNIQUE,
    at {timestamp} NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id TEXT,
    action TEXT NOT NULL,
    outcome TEXT NOT NULL,
    target_kind TEXT NOT NULL,
    target_id TEXT,
    request_id TEXT,
    decision_id TEXT,
    detail TEXT NOT NULL,
    PRIMARY KEY (chain, sequence)
);
CREATE INDEX audit_events_by_actor ON audit_events (chain, actor_id, sequence);
CREATE INDEX audit_events_by_action ON audit_events (chain, action, sequence);
CREATE INDEX audit_events_by_target ON audit_events (chain, target_id, sequence);
CREATE INDEX audit_events_by_outcome ON audit_events (chain, outcome, sequence);
CREATE INDEX audit_events_by_request ON audit_events (chain, request_id, sequence);
CREATE INDEX audit_events_by_decision ON audit_events (chain, decision_id, sequence);
CREATE INDEX audit_events_by_time ON audit_events (chain, at);

CREATE TABLE audit_deliveries (
    receiver TEXT NOT NULL,
    chain TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    PRIMARY KEY (receiver, chain)
);

CREATE TABLE audit_heads (
    chain TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    hash {bytes} NOT NULL,
    at {timestamp} NOT NULL,
    key_id TEXT NOT NULL,
    signature {bytes} NOT NULL,
    PRIMARY KEY (chain, sequence)
);

CREATE TABLE imported_services (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    service TEXT NOT NULL,
    name TEXT NOT NULL,
    definition TEXT NOT NULL,
    digest TEXT NOT NULL,
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    created_by TEXT NOT NULL REFERENCES users (id),
    created_at {timestamp} NOT NULL,
    updated_by TEXT NOT NULL REFERENCES users (id),
    updated_at {timestamp} NOT NULL
);
CREATE UNIQUE INDEX imported_services_once ON imported_services (organization_id, service);

CREATE TABLE oauth_clients (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    service TEXT NOT NULL,
    client_id TEXT NOT NULL,
    scopes TEXT NOT NULL,
    version BIGINT NOT NULL,
    secret TEXT NOT NULL UNIQUE REFERENCES sealed_values (id) ON DELETE CASCADE,
    created_by TEXT NOT NULL REFERENCES users (id),
    created_at {timestamp} NOT NULL,
    updated_by TEXT NOT NULL REFERENCES users (id),
    updated_at {timestamp} NOT NULL
);
CREATE UNIQUE INDEX oauth_clients_once ON oauth_clients (organization_id, service);

CREATE TABLE accounts (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    service TEXT NOT NULL,
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    variables TEXT NOT NULL,
    asked_scopes TEXT NOT NULL,
    scopes TEXT NOT NULL,
    every_app BOOLEAN NOT NULL,
    from_pages BOOLEAN NOT NULL,
    state TEXT NOT NULL,
    cause TEXT CHECK ((cause IS NOT NULL) = (state = 'needs_reconnect')),
    version BIGINT NOT NULL,
    credentials TEXT NOT NULL UNIQUE REFERENCES sealed_values (id) ON DELETE CASCADE,
    generation BIGINT NOT NULL,
    expires_at BIGINT,
    refreshed_at BIGINT NOT NULL,
    refresh_at BIGINT,
    failures BIGINT NOT NULL,
    failure TEXT,
    notice_due BOOLEAN NOT NULL,
    notice_after BIGINT,
    lease_holder TEXT,
    lease_fence BIGINT NOT NULL,
    lease_until BIGINT CHECK ((lease_until IS NOT NULL) = (lease_holder IS NOT NULL)),
    consented_at {timestamp} NOT NULL,
    created_by TEXT NOT NULL REFERENCES users (id),
    created_at {timestamp} NOT NULL,
    updated_by TEXT NOT NULL REFERENCES users (id),
    updated_at {timestamp} NOT NULL
);
CREATE INDEX accounts_by_organization ON accounts (organization_id, id);
CREATE INDEX accounts_by_user ON accounts (user_id);
CREATE INDEX accounts_by_service ON accounts (organization_id, service, id);
CREATE INDEX accounts_to_refresh ON accounts (refresh_at);
CREATE INDEX accounts_leased ON accounts (lease_until);
CREATE INDEX accounts_with_notice ON accounts (id) WHERE notice_due;

CREATE TABLE account_apps (
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    app_id TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    PRIMARY KEY (account_id, app_id)
);
CREATE INDEX account_apps_by_app ON account_apps (app_id);

CREATE TABLE refresh_intents (
    account_id TEXT NOT NULL PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    generation BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    token_hash {bytes} NOT NULL,
    begun_at BIGINT NOT NULL
);

CREATE TABLE connect_attempts (
    state_hash {bytes} NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session_id TEXT NOT NULL,
    account_id TEXT REFERENCES accounts (id) ON DELETE CASCADE,
    sealed_request {bytes} NOT NULL,
    expires_at {timestamp} NOT NULL
);
CREATE INDEX connect_attempts_by_expiry ON connect_attempts (expires_at);
CREATE INDEX connect_attempts_by_user ON connect_attempts (user_id);
CREATE INDEX connect_attempts_by_account ON connect_attempts (account_id);

CREATE TABLE service_revocations (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    service TEXT NOT NULL,
    requested_by TEXT NOT NULL REFERENCES users (id),
    started_at {timestamp} NOT NULL,
    finished_at {timestamp},
    waits BIGINT NOT NULL,
    report TEXT,
    lease TEXT,
    leased_until BIGINT NOT NULL
);
CREATE UNIQUE INDEX service_revocations_one_running ON service_revocations (organization_id, service) WHERE finished_at IS NULL;
CREATE INDEX service_revocations_by_organization ON service_revocations (organization_id, service, id);

CREATE TABLE revoked_accounts (
    revocation_id TEXT NOT NULL REFERENCES service_revocations (id) ON DELETE CASCADE,
    account_id TEXT NOT NULL,
    name TEXT NOT NULL,
    user_id TEXT,
    outcome TEXT,
    reason TEXT,
    attempts BIGINT NOT NULL,
    at {timestamp},
    PRIMARY KEY (revocation_id, account_id)
);
CREATE INDEX revoked_accounts_by_account ON revoked_accounts (account_id) WHERE outcome IS NULL;

CREATE TABLE custom_apis (
    id TEXT NOT NULL PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    slot TEXT NOT NULL,
    base_url TEXT NOT NULL,
    authentication TEXT NOT NULL,
    headers TEXT NOT NULL,
    every_app BOOLEAN NOT NULL,
    from_pages BOOLEAN NOT NULL,
    version BIGINT NOT NULL,
    credentials TEXT NOT NULL UNIQUE REFERENCES sealed_values (id) ON DELETE CASCADE,
    created_by TEXT NOT NULL REFERENCES users (id),
    created_at {timestamp} NOT NULL,
    updated_by TEXT NOT NULL REFERENCES users (id),
    updated_at {timestamp} NOT NULL
);
CREATE UNIQUE INDEX custom_apis_once ON custom_apis (organization_id, slot);

CREATE TABLE custom_api_apps (
    custom_api_id TEXT NOT NULL REFERENCES custom_apis (id) ON DELETE CASCADE,
    app_id TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    PRIMARY KEY (custom_api_id, app_id)
);
CREATE INDEX custom_api_apps_by_app ON custom_api_apps (app_id);

CREATE TABLE service_calls (
    id TEXT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    organization_id TEXT NOT NULL,
    app_id TEXT NOT NULL,
    user_id TEXT,
    via TEXT NOT NULL,
    account_id TEXT,
    custom_api_id TEXT,
    service TEXT NOT NULL,
    host TEXT NOT NULL,
    method TEXT NOT NULL,
    outcome TEXT NOT NULL,
    status INTEGER,
    count BIGINT NOT NULL,
    microseconds BIGINT NOT NULL,
    longest_microseconds BIGINT NOT NULL
);
CREATE INDEX service_calls_by_organization ON service_calls (organization_id, id);
CREATE INDEX service_calls_by_app ON service_calls (app_id, id);
CREATE INDEX service_calls_by_account ON service_calls (account_id, id);
CREATE INDEX service_calls_by_custom_api ON service_calls (custom_api_id, id);
CREATE INDEX service_calls_by_user ON service_calls (user_id, id);

-- What processes tell each other: nothing that a copy of the store would need.
CREATE TABLE announcement_counter (
    sequence BIGINT NOT NULL
);
INSERT INTO announcement_counter (sequence) VALUES (0);

CREATE TABLE announcements (
    sequence BIGINT NOT NULL PRIMARY KEY,
    at {timestamp} NOT NULL,
    replica TEXT NOT NULL,
    changes TEXT NOT NULL
);
CREATE INDEX announcements_by_time ON announcements (at);

CREATE TABLE replicas (
    id TEXT NOT NULL PRIMARY KEY,
    version TEXT NOT NULL,
    started_at {timestamp} NOT NULL,
    seen_at {timestamp} NOT NULL,
    followed BIGINT NOT NULL
);

CREATE TABLE leases (
    task TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    fence BIGINT NOT NULL,
    held_until {timestamp} NOT NULL
);
