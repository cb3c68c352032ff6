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
# Whose secret a parameter names: the identifiers of all of them look the same.
SECRETS = {
    "organization_secret_id": "organization_secret",
    "app_secret_id": "app_secret",
    "own_secret_id": "own_secret",
}
# What makes a named secret, and what replaces the value of one.
KEEPS_SECRET = re.compile(r"^(create|replace)_((?:app|own)_)?secret(?:_by_form)?$")

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
        below = {"org": list(self.things), "app": ["rul", "sec", "agt", "dec", "app_secret"]}
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
        fits = key == "provider" and isinstance(value, str) and WORD.match(value)
        return PROVIDER if fits and (self.certain or self.random.random() < 0.5) else None


def kind_of(name: str, value) -> str | None:
    """What kind of thing is named, if any is."""
    known = IDENTIFIER.match(value) if isinstance(value, str) else None
    return known and SECRETS.get(name, known[1])


def unique() -> str:
    return f"w{uuid.uuid4().hex[:12]}"


def load() -> World:
    with open(os.environ["VYBE_DESCRIPTION"]) as file:
        return World(json.load(file), os.environ["VYBE_CALLER"])
