"""What is asked of every answer besides conformance, and who asks."""

import atexit
import collections
import json
import os
import re

import schemathesis
from schemathesis.generation.meta import TestPhase

import world as worlds

world = worlds.load()
# How often each operation gave each status.
seen = collections.defaultdict(collections.Counter)
# How many cases of an operation were made up systematically, and how many of them are asked at least.
systematic = collections.Counter()
most = int(os.environ["VYBE_MOST_CASES"]) if "VYBE_MOST_CASES" in os.environ else None
problems = re.compile(r"^[a-z0-9_]+$")

# What no answer may contain, whoever asks.
NOWHERE = [
    "sqlx", "sea_orm", "sea-orm", "SELECT ", "INSERT INTO", "UNIQUE constraint", "sqlite:", "postgres:",
    "panicked", "stack backtrace", ".rs:", "/root", "/home/", "/tmp/", "/work/", "vybe.db", "master.key",
    "BEGIN PRIVATE KEY", *world.description.get("canaries", []),
]
# What may be said to whoever set it, and never by a refusal.
NOT_IN_PROBLEMS = [world.description["upstream"]]

# The requests of an operation's path with a method that it does not have; they count as no answer of it.
OTHER_METHOD = "other method"
# Who asks with an API token wherever one is accepted.
PROGRAM = "admin"
# What ends sessions or tokens of the caller.
SIGNS_OUT = {
    "sign_out", "sign_out_by_form", "end_all_sessions", "end_all_sessions_by_form", "end_session",
    "end_session_by_form", "revoke_api_token", "revoke_api_token_by_form", "revoke_agent_token",
}
# What changes who is who in the organization.
SHUFFLES = {
    "change_role", "change_role_by_form", "remove_member", "leave_organization",
    "leave_organization_by_form", "delete_organization", "transfer_ownership", "apply_policy",
}
# What needs an app whose editor has left.
ORPHANS = {"transfer_orphaned_app", "delete_orphaned_app"}


def operation(case) -> str:
    return case.operation.definition.raw["operationId"]


def security(case) -> list[dict]:
    return case.operation.definition.raw.get("security", [])


def fits(case) -> bool:
    """Whether it is as the description says."""
    return case.meta is not None and case.meta.generation.mode.is_positive


def completed(name: str) -> bool:
    return any(status != OTHER_METHOD and status < 400 for status in seen[name])


@schemathesis.auth(refresh_interval=None)
class RealCredentials:
    """What the operation asks for: the caller's session, or the secret of an app."""

    def get(self, case, _):
        wanted = [name for alternative in security(case) for name in alternative]
        headers, cookies = {}, {}
        if "apiToken" in wanted and world.caller == PROGRAM:
            headers["Authorization"] = f"Bearer {world.api_token(world.caller)}"
        elif "session" in wanted:
            cookies[worlds.SESSION_COOKIE] = world.cookie(world.caller)
            if case.method.upper() not in ("GET", "HEAD", "OPTIONS"):
                headers["origin"] = world.platform
        if "serverSecret" in wanted:
            headers["VYBE_SERVER_SECRET"] = world.description["apps"]["hello"]["serverSecret"]
        if "agentToken" in wanted:
            headers["Authorization"] = f"Bearer {world.agent_token()}"
        return headers, cookies

    def set(self, case, data, _):
        headers, cookies = data
        case.headers = {**(case.headers or {}), **headers}
        case.cookies = {**(case.cookies or {}), **cookies}


@schemathesis.hook
def filter_case(_, case):
    """Of the thousands of cases that the schema of a draft leads to, the short form asks the first, then
    every eighth, and what may complete an operation that nothing has completed so far."""
    if most is None or case.meta is None or case.meta.phase.name != TestPhase.COVERAGE:
        return True
    systematic[operation(case)] += 1
    number = systematic[operation(case)]
    return number <= most or number % 8 == 0 or (fits(case) and not completed(operation(case)))


@schemathesis.hook
def before_call(_, case, kwargs):
    kwargs["allow_redirects"] = False
    # Until an operation has been completed once, luck has no part in it.
    world.certain = fits(case) and not completed(operation(case))
    case.path_parameters = world.real(case.path_parameters)
    case.query = world.real(case.query)
    if isinstance(case.body, (dict, list)):
        case.body = world.real(case.body)
    named = all(
        key == "service" or worlds.IDENTIFIER.match(str(value)) for key, value in (case.path_parameters or {}).items()
    )
    if named and (world.certain or world.random.random() < 0.5):
        world.prepared(operation(case), case)


@schemathesis.hook
def after_call(_, case, response):
    name = operation(case)
    if case.method.upper() == case.operation.method.upper():
        seen[name][response.status_code] += 1
    else:
        seen[name][OTHER_METHOD] += 1
    done = response.status_code < 400
    # Which of the things that exist the request was about, if it was about nothing else.
    values = [str(value) for value in (case.path_parameters or {}).values()]
    about = [kind for kind, thing in world.things.items() if thing in values]
    if len(about) < len([value for value in values if not value.startswith("usr_")]):
        about = []
    if response.status_code == 401 or (done and name in SIGNS_OUT):
        world.cookies.pop(world.caller, None)
        world.tokens.pop(world.caller, None)
        world.agent = None
    if (done and name in SHUFFLES) or name in ORPHANS:
        world.forget("org")
    elif response.status_code == 404 or (done and case.method.upper() == "DELETE"):
        # Things are made from the outside in: the last one is the innermost.
        for kind in about[-1:]:
            world.forget(kind)


def words(response) -> str:
    headers = "\n".join(f"{name}: {value}" for name, values in response.headers.items() for value in values)
    return headers + "\n" + response.content.decode("utf-8", "replace")


def sent(response) -> str:
    body = response.request.body or b""
    body = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body)
    return f"{response.request.url}\n{body}"


@schemathesis.check
def no_leak(_, response, case):
    text, request = words(response), sent(response)
    needles = NOWHERE + (NOT_IN_PROBLEMS if response.status_code >= 400 else [])
    others = [cookie for subject, cookie in world.cookies.items() if subject != world.caller]
    for needle in needles + others + world.kept:
        if needle in text and needle not in request:
            raise AssertionError(f"the answer contains {needle!r}")


@schemathesis.check
def has_a_request_id(_, response, case):
    assert "x-request-id" in response.headers, "an answer without a request id"


@schemathesis.check
def refuses_with_a_problem(_, response, case):
    if response.status_code < 400:
        return
    kind = response.headers["content-type"][0]
    if kind.startswith("text/html"):
        # Where the description says so.
        return
    assert kind == "application/problem+json", f"a refusal as {kind}"
    if response.request.method == "HEAD":
        return
    problem = json.loads(response.content)
    assert problem["status"] == response.status_code, "a problem of another status"
    assert problems.match(problem["code"]), f"no code: {problem['code']}"
    assert problem["requestId"] == response.headers["x-request-id"][0], "a problem of another request"


@atexit.register
def report():
    with open(os.environ["VYBE_FIGURES"], "w") as file:
        json.dump({name: dict(statuses) for name, statuses in seen.items()}, file)
