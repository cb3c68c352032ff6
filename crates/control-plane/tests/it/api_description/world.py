"""People who are really signed in, and things that really exist, for requests to be about.

A request that names nothing real is answered 404 before anybody looks at the rest of it. What a request
destroys is made anew before the next one that needs it.
"""

import collections
import json
import os
import random
import re
import socket
import time
import uuid
from urllib.parse import parse_qsl, urljoin, urlsplit

import requests

SESSION_COOKIE = "__Host-vybe_session"
PROVIDER = "development"
WORD = re.compile(r"^[A-Za-z0-9._~-]+$")
IDENTIFIER = re.compile(r"^([a-z]+)_[0-9a-f]{32}$")
# A service without a call to try accounts with, and one where people consent: neither is asked for anything.
WITH_TOKEN = "fly-io"
WITH_CONSENT = "asana"
# Whose secret or account a parameter names: the identifiers of all of them look the same.
WHOSE = {
    "organization_secret_id": "organization_secret",
    "app_secret_id": "app_secret",
    "own_secret_id": "own_secret",
    "own_account_id": "own_account",
}
# What makes a named secret, and what replaces the value of one.
KEEPS_SECRET = re.compile(r"^(create|replace)_((?:app|own)_)?secret(?:_by_form)?$")
# What connects accounts, proves them again and describes them.
CONNECTS = re.compile(r"^connect_(own_)?account(?:_by_form)?$")
PROVES = re.compile(r"^(?:prove_(?:own_)?account_again|reconnect_(?:own_)?account_by_form)$")
DESCRIBES = re.compile(r"^describe_(?:own_)?account(?:_by_form)?$")
# What is about the client at a service, or about all accounts there.
AT_SERVICE = re.compile(r"_oauth_client(?:_by_form)?$|^revoke_service(?:_by_form)?$")

# Names below .localhost are this machine (RFC 6761, section 6.3), whether or not the resolver knows.
_look_up = socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **named: _look_up(
    "127.0.0.1" if isinstance(host, str) and host.endswith(".localhost") else host, *rest, **named
)


class Unmakeable(Exception):
    """What the world needs could not be made."""


class Browser:
    """Follows redirects, and sends a cookie to the host that set it and to no other."""

    def __init__(self, client: requests.Session):
        self.client = client
        self.cookies: dict[str, dict[str, str]] = collections.defaultdict(dict)

    def open(self, method: str, url: str, fields=None, origin: str | None = None):
        for _ in range(12):
            own = self.cookies[urlsplit(url).hostname]
            headers = {"accept": "text/html", "cookie": "; ".join(f"{name}={own[name]}" for name in own)}
            if origin:
                headers["origin"] = origin
            answer = self.client.request(method, url, data=fields, headers=headers, allow_redirects=False)
            own.update(answer.cookies.get_dict())
            self.client.cookies.clear()
            if not answer.is_redirect:
                return answer
            method, url, fields, origin = "GET", urljoin(url, answer.headers["location"]), None, None
        raise RuntimeError(f"the redirects do not end: {url}")


class World:
    """One organization with its people and things, made when asked for."""

    def __init__(self, description: dict, caller: str):
        self.description = description
        self.platform = description["platform"]
        self.caller = caller
        self.random = random.Random(0)
        self.cookies: dict[str, str] = {}
        self.tokens: dict[str, str] = {}
        self.agent: str | None = None
        # Values that secrets have or had.
        self.kept: list[str] = []
        self.slug = ""
        # Whether what the next request names is there, or only most of the time.
        self.certain = False
        self.things: dict[str, str] = {}
        # It trusts the development authority, whatever the environment says.
        self.client = requests.Session()
        self.client.trust_env = False
        self.client.verify = description["authority"]

    # People

    def cookie(self, subject: str) -> str:
        """The session cookie of somebody who signed in through the provider."""
        if subject not in self.cookies:
            self.cookies[subject] = self.sign_in(subject)
        return self.cookies[subject]

    def sign_in(self, subject: str) -> str:
        return self.signed_in(subject).cookies[urlsplit(self.platform).hostname][SESSION_COOKIE]

    def signed_in(self, subject: str) -> "Browser":
        browser = Browser(self.client)
        choice = browser.open("GET", f"{self.platform}/login?return_to=%2Fset-up")
        fields = parse_qsl(urlsplit(choice.url).query) + [("user", subject)]
        browser.open("POST", urljoin(choice.url, "/authorize"), fields, self.description["issuer"])
        return browser

    def api_token(self, subject: str) -> str:
        """A token with which a program acts for somebody."""
        if subject not in self.tokens:
            body = {"name": unique()}
            self.tokens[subject] = self.call(subject, "POST", "/api/v1/api-tokens", body)["value"]
        return self.tokens[subject]

    def agent_token(self) -> str:
        """A token of the coding agent for the app."""
        if self.thing("agt") is None or self.agent is None:
            self.things["agt"] = self.make_agt()
        return self.agent

    def user(self, subject: str) -> str:
        return self.description["users"][subject]["id"]

    def call(self, subject: str, method: str, path: str, body=None):
        """A call that has to succeed; a session that ended is begun anew."""
        # Other runs sign the same people out.
        for _ in range(6):
            answer = self.client.request(
                method,
                self.platform + path,
                json=body,
                headers={"origin": self.platform, "cookie": f"{SESSION_COOKIE}={self.cookie(subject)}"},
            )
            if answer.status_code != 401:
                break
            del self.cookies[subject]
        if not answer.ok:
            raise Unmakeable(f"{method} {path} as {subject}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None

    # Things

    def thing(self, prefix: str) -> str | None:
        """Something that exists, of the kind that this prefix of an identifier stands for."""
        if prefix == "usr" and self.certain:
            return self.user("member")
        if prefix == "usr":
            return self.user(self.random.choice(["member", "member", "admin", "editor", "owner", "outsider"]))
        make = getattr(self, f"make_{prefix}", None)
        if make is None:
            return None
        if prefix not in self.things:
            try:
                self.things[prefix] = make()
            except Unmakeable:
                # A request before this one changed who may do what.
                self.things.clear()
                self.things[prefix] = make()
        return self.things[prefix]

    def make_org(self) -> str:
        self.things.clear()
        self.slug = unique()
        body = {"slug": self.slug, "name": "World"}
        made = self.call("owner", "POST", "/api/v1/organizations", body)["id"]
        for subject in ["admin", "editor", "member"]:
            self.join(made, subject)
        return made

    def join(self, organization: str, subject: str) -> None:
        email = self.description["users"][subject]["email"]
        token = self.invite(organization, email, subject)["link"].rsplit("=", 1)[1]
        self.call(subject, "POST", "/api/v1/invitations/accept", {"token": token})

    def invite(self, organization: str, email: str, role: str, by: str = "owner") -> dict:
        path = f"/api/v1/organizations/{organization}/invitations"
        return self.call(by, "POST", path, {"email": email, "role": role})

    def make_inv(self) -> str:
        return self.invite(self.thing("org"), f"{unique()}@acme.example", "member")["id"]

    def invitation_token(self) -> str:
        """Of an invitation for the caller, to an organization that the caller is no member of."""
        made = self.call("outsider", "POST", "/api/v1/organizations", {"slug": unique(), "name": "Other"})["id"]
        email = self.description["users"][self.caller]["email"]
        return self.invite(made, email, "member", "outsider")["link"].rsplit("=", 1)[1]

    def make_grp(self) -> str:
        path = f"/api/v1/organizations/{self.thing('org')}/groups"
        return self.call("owner", "POST", path, {"name": unique()})["id"]

    def make_app(self) -> str:
        path = f"/api/v1/organizations/{self.thing('org')}/apps"
        made = self.call("editor", "POST", path, {"slug": unique(), "name": "App"})
        self.host_label = made["hostLabel"]
        return made["id"]

    def make_rul(self) -> str:
        body = {"pattern": "/x", "subjects": [{"kind": "role", "value": "owner"}]}
        return self.call("editor", "POST", f"/api/v1/apps/{self.thing('app')}/path-rules", body)["id"]

    def make_sec(self) -> str:
        path = f"/api/v1/apps/{self.thing('app')}/server-secrets"
        for known in self.call("editor", "GET", path):
            self.call("editor", "DELETE", f"{path}/{known['id']}")
        return self.call("editor", "POST", path, {"environment": "preview"})["id"]

    def make_organization_secret(self) -> str:
        return self.keep("owner", f"/api/v1/organizations/{self.thing('org')}/secrets", self.new_secret())

    def make_app_secret(self) -> str:
        return self.keep("editor", f"/api/v1/apps/{self.thing('app')}/secrets", self.new_secret())

    def make_own_secret(self) -> str:
        path = f"/api/v1/organizations/{self.thing('org')}/own-secrets"
        return self.keep(self.caller, path, {**self.new_secret(), "environment": None})

    def keep(self, subject: str, path: str, body: dict) -> str:
        self.kept.append(body["value"])
        return self.call(subject, "POST", path, body)["id"]

    @staticmethod
    def new_secret() -> dict:
        value = f"kept-{uuid.uuid4().hex}"
        return {"kind": "bearer_token", "name": unique(), "environment": "preview", "value": value}

    def of_organization(self, by: str, segment: str, body: dict | None = None) -> str:
        """Something new of the organization."""
        return self.call(by, "POST", f"/api/v1/organizations/{self.thing('org')}/{segment}", body)["id"]

    @staticmethod
    def database() -> dict:
        """A database that is not there: names under .invalid are asked of nobody (RFC 6761, section 6.4)."""
        return {
            "name": unique(), "engine": "postgresql", "host": "world.invalid", "database": "world",
            "user": "world", "password": f"kept-{uuid.uuid4().hex}", "readOnly": True,
        }

    def make_dbc(self) -> str:
        return self.of_organization("owner", "database-connections", {"kind": "external", **self.database()})

    def make_dqu(self) -> str:
        # The innermost is made last.
        app, connection = self.thing("app"), self.thing("dbc")
        body = {"name": unique(), "connectionId": connection, "sql": "select 1"}
        return self.call("editor", "POST", f"/api/v1/apps/{app}/data-queries", body)["id"]

    def account(self) -> dict:
        return {"service": WITH_TOKEN, "name": unique(), "secrets": {"token": self.credential()}}

    def credential(self) -> str:
        self.kept.append(f"kept-{uuid.uuid4().hex}")
        return self.kept[-1]

    def make_acc(self) -> str:
        return self.of_organization("owner", "accounts", self.account())

    def make_own_account(self) -> str:
        return self.of_organization(self.caller, "own-accounts", self.account())

    def oauth_client(self) -> dict:
        return {"service": WITH_CONSENT, "clientId": "world", "clientSecret": self.credential()}

    def make_ocl(self) -> str:
        return self.of_organization("owner", "oauth-clients", self.oauth_client())

    def custom_api(self) -> dict:
        return {
            "name": unique(), "baseUrl": "https://world.invalid/", "authentication": "api_key",
            "value": self.credential(),
        }

    def make_api(self) -> str:
        return self.of_organization("owner", "custom-apis", self.custom_api())

    @staticmethod
    def document() -> dict:
        """What a service is imported from; nothing is asked of it."""
        return {
            "document": "openapi: 3.0.0\ninfo: { title: World }\npaths: {}",
            "answers": {
                "key": unique(), "base_url": "https://world.acme.com", "authentication": "bearer_token",
            },
        }

    def make_svc(self) -> str:
        return self.of_organization("owner", "imported-services", self.document())

    def make_rvk(self) -> str:
        return self.of_organization("owner", f"services/{WITH_CONSENT}/revocations")

    def make_rot(self) -> str:
        """A rotation of the organization's key; one that has ended will do."""
        path = f"/api/v1/organizations/{self.thing('org')}/key-rotations"
        known = self.call("owner", "GET", path)
        return known[0]["id"] if known else self.call("owner", "POST", path)["id"]

    def make_agt(self) -> str:
        path = f"/api/v1/apps/{self.thing('app')}/agent-tokens"
        for known in self.call("editor", "GET", path):
            self.call("editor", "DELETE", f"{path}/{known['id']}")
        made = self.call("editor", "POST", path, {})
        self.agent = made["value"]
        return made["id"]

    def make_dec(self) -> str:
        """A decision about the editor, who opened the app."""
        app = self.thing("app")
        there = urlsplit(self.platform)
        self.signed_in("editor").open("GET", f"{there.scheme}://{self.host_label}.{there.netloc}/")
        for _ in range(50):
            decisions = self.call("editor", "GET", f"/api/v1/apps/{app}/decisions")["decisions"]
            if decisions:
                return decisions[0]["id"]
            time.sleep(0.1)
        raise RuntimeError("a decision was not recorded")

    def orphan(self) -> str:
        """An app that nobody can edit any more: the editor whose alone it was has left."""
        organization = f"/api/v1/organizations/{self.thing('org')}"
        app = self.call("editor", "POST", f"{organization}/apps", {"slug": unique(), "name": "Orphan"})["id"]
        self.call("editor", "PATCH", f"/api/v1/apps/{app}", {"level": "user"})
        self.call("owner", "DELETE", f"{organization}/members/{self.user('editor')}")
        return app

    def make_ses(self) -> str:
        """Another session of the caller."""
        cookie = self.sign_in(self.caller)
        headers = {"cookie": f"{SESSION_COOKIE}={cookie}"}
        answer = self.client.get(f"{self.platform}/api/v1/sessions", headers=headers)
        return next(line["id"] for line in answer.json()["sessions"] if line["current"])

    # What a request needs that no identifier stands for

    def prepared(self, operation: str, case) -> None:
        """Makes what a request is about, and names it."""
        try:
            self.prepare(operation, case)
        except Unmakeable:
            # A request before this one changed who may do what.
            self.things.clear()
            case.path_parameters = self.moved(case.path_parameters)
            self.prepare(operation, case)

    def moved(self, parameters):
        """The same parameters, about what exists by now."""
        kinds = {key: kind_of(key, value) for key, value in (parameters or {}).items()}
        return {key: (kind and self.thing(kind)) or parameters[key] for key, kind in kinds.items()}

    def prepare(self, operation: str, case) -> None:
        path = case.path_parameters
        if operation == "delete_grant":
            grant = f"/api/v1/apps/{self.thing('app')}/grants/{self.user('member')}"
            self.call("editor", "PUT", grant, {"role": "viewer"})
            path["user_id"] = self.user("member")
        elif operation == "remove_group_member":
            group = f"/api/v1/organizations/{self.thing('org')}/groups/{self.thing('grp')}"
            self.call("owner", "PUT", f"{group}/members/{self.user('member')}")
            path["user_id"] = self.user("member")
        elif operation == "delete_organization":
            path["organization_id"] = self.thing("org")
            case.query = {"slug": self.slug}
        elif operation in ("delete_orphaned_app", "transfer_orphaned_app"):
            path["app_id"] = self.orphan()
            path["organization_id"] = self.thing("org")
            if isinstance(case.body, dict) and "userId" in case.body:
                case.body["userId"] = self.user("admin")
        elif operation in ("revoke_api_token", "revoke_api_token_by_form"):
            body = {"name": unique()}
            path["api_token_id"] = self.call(self.caller, "POST", "/api/v1/api-tokens", body)["id"]
        elif operation in ("leave_organization", "leave_organization_by_form") and self.caller == "owner":
            # The last Owner cannot leave.
            successor = f"/api/v1/organizations/{self.thing('org')}/members/{self.user('admin')}"
            self.call("owner", "PATCH", successor, {"role": "owner"})
        elif operation == "get_full_organization" and self.certain:
            case.query = {"organizationId": self.thing("org")}
        elif operation == "create_organization" and self.certain:
            if isinstance(case.body, dict) and isinstance(case.body.get("slug"), str):
                case.body["slug"] = unique()
        elif operation in ("rotate_organization_key", "rotate_organization_key_by_form") and self.certain:
            # A key that was rotated a moment ago is not rotated again.
            self.forget("org")
            path["organization_id"] = self.thing("org")
        elif operation == "explain_access" and "path" in (case.query or {}):
            case.query = {**case.query, "user": self.user("member"), "path": "/"}
        elif operation in ("create_path_rule", "replace_path_rule"):
            if isinstance(case.body, dict) and isinstance(case.body.get("pattern"), str):
                case.body = {**case.body, "pattern": "/x"}
        elif operation in ("accept_invitation", "accept_invitation_by_form"):
            if isinstance(case.body, dict) and isinstance(case.body.get("token"), str):
                case.body["token"] = self.invitation_token()
        elif KEEPS_SECRET.match(operation) and isinstance(case.body, dict):
            self.prepare_secret(*KEEPS_SECRET.match(operation).groups(), case)
        elif self.certain:
            self.prepare_integration(operation, case)

    def prepare_integration(self, operation: str, case) -> None:
        """What fits the description need not fit the service or the database."""
        by_form = operation.endswith("_by_form")
        if AT_SERVICE.search(operation):
            # One client for each service, and one revocation at a time.
            if not (operation.startswith("replace_") or operation.startswith("delete_oauth_client")):
                self.forget("org")
            elif by_form:
                self.things.pop("ocl", None) or self.forget("org")
                self.things["ocl"] = self.make_ocl()
            case.path_parameters = self.moved(case.path_parameters)
            if "service" in (case.path_parameters or {}):
                case.path_parameters["service"] = WITH_CONSENT
        if not isinstance(case.body, dict):
            return
        if CONNECTS.match(operation):
            body = self.account()
            if by_form:
                body = {"name": body["name"], "usable_by": "every_app", "secret_token": body["secrets"]["token"]}
            case.body = body
        elif PROVES.match(operation):
            token = self.credential()
            case.body = {"secret_token": token} if by_form else {"secrets": {"token": token}}
        elif DESCRIBES.match(operation):
            case.body = {"name": unique(), **({"usable_by": "every_app"} if by_form else {})}
        elif operation in ("create_oauth_client", "replace_oauth_client"):
            body = self.oauth_client()
            if operation == "replace_oauth_client":
                del body["service"]
            case.body = body
        elif operation == "put_oauth_client_by_form":
            case.body = {"client_id": "world", "client_secret": self.credential()}
        elif operation in ("create_custom_api", "replace_custom_api"):
            case.body = self.custom_api()
        elif operation in ("create_custom_api_by_form", "replace_custom_api_by_form"):
            body = self.custom_api()
            body["base_url"] = body.pop("baseUrl")
            case.body = {**body, "usable_by": "every_app"}
        elif operation in (
            "import_service", "import_service_again", "propose_service", "propose_service_again",
        ):
            case.body = self.document()
        elif operation in (
            "import_service_by_form", "import_service_again_by_form", "propose_service_by_form",
            "propose_service_again_by_form",
        ):
            document = self.document()
            answers = {f"answer_{key}": text for key, text in document["answers"].items()}
            case.body = {"document": document["document"], **answers}
        elif operation in ("create_database_connection", "replace_database_connection"):
            kind = {"kind": "external"} if operation.startswith("create") else {}
            case.body = {**kind, **self.database()}
        elif operation == "test_given_database_connection":
            case.body = self.database()
        elif operation in ("create_database_by_form", "replace_database_by_form"):
            body = self.database()
            del body["readOnly"]
            bounds = {"rows": 1, "bytes": 1024, "milliseconds": 1000, "sessions": 1}
            bounds = {f"most_{name}": str(most) for name, most in bounds.items()}
            case.body = {"kind": "external", **body, **bounds, "tls": "verify-full", "usable_by": "every_app"}
        elif operation == "read_ssh_host_key":
            case.body = {"host": "world.invalid"}
        elif operation in ("create_data_query", "replace_data_query"):
            case.body = {"name": unique(), "connectionId": self.thing("dbc"), "sql": "select 1"}
        elif operation in ("create_data_query_by_form", "replace_data_query_by_form"):
            body = {"name": unique(), "connection_id": self.thing("dbc"), "sql": "select 1"}
            case.body = {**body, "timeout": "1000"}

    def prepare_secret(self, verb: str, whose: str | None, case) -> None:
        """What fits the description need not fit the kind of the secret."""
        if self.certain:
            body = self.new_secret()
            if verb == "replace":
                body = {"value": body["value"]}
            elif whose == "own_":
                del body["environment"]
            case.body = body
        elif isinstance(case.body.get("name"), str):
            case.body["name"] = unique()

    # Repairs

    def forget(self, prefix: str) -> None:
        """Something is gone, and whatever hung on it."""
        below = {"org": list(self.things), "app": ["rul", "sec", "agt", "dec", "dqu", "app_secret"], "dbc": ["dqu"]}
        for gone in [prefix, *below.get(prefix, [])]:
            self.things.pop(gone, None)

    def real(self, value, name: str = ""):
        """The same value with identifiers of things that exist, most of the time."""
        if isinstance(value, dict):
            return {key: self.word(key, item) or self.real(item, key) for key, item in value.items()}
        if isinstance(value, list):
            return [self.real(item) for item in value]
        kind = kind_of(name, value)
        if kind is None or (not self.certain and self.random.random() < 0.1):
            return value
        return self.thing(kind) or value

    def word(self, key: str, value) -> str | None:
        """What a parameter that is no identifier can be, half of the time."""
        known = {"provider": PROVIDER, "service": WITH_TOKEN}.get(key)
        fits = known and isinstance(value, str) and WORD.match(value)
        return known if fits and (self.certain or self.random.random() < 0.5) else None


def kind_of(name: str, value) -> str | None:
    """What kind of thing is named, if any is."""
    known = IDENTIFIER.match(value) if isinstance(value, str) else None
    return known and WHOSE.get(name, known[1])


def unique() -> str:
    return f"w{uuid.uuid4().hex[:12]}"


def load() -> World:
    with open(os.environ["VYBE_DESCRIPTION"]) as file:
        return World(json.load(file), os.environ["VYBE_CALLER"])
