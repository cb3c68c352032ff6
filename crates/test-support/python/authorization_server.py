"""An authorization server that is not ours: Django OAuth Toolkit over TLS, on an address of loopback.

PKCE is required. Refresh tokens are replaced when they are used; the old one works for a while longer, and after that it is
taken for stolen and ends the grant. Whoever opens the page where people consent is signed in, and consents.
"""

import json
import logging
import ssl
import sys
import threading
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from django.conf import settings
from django.http import HttpResponseRedirect, JsonResponse
from django.urls import include, path

given = json.loads(sys.stdin.readline())
# It warns of every refusal, which are what tests are about.
logging.disable(logging.WARNING)

settings.configure(
    SECRET_KEY="a key for sessions",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    LOGIN_URL="/login",
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": given["database"],
            "OPTIONS": {"timeout": 30, "transaction_mode": "IMMEDIATE"},
        }
    },
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "oauth2_provider",
    ],
    MIDDLEWARE=[
        # Says how long an answer is.
        "django.middleware.common.CommonMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    LOGGING_CONFIG=None,
    OAUTH2_PROVIDER={
        "ACCESS_TOKEN_EXPIRE_SECONDS": given["lives"],
        "REFRESH_TOKEN_EXPIRE_SECONDS": 600,
        "REFRESH_TOKEN_GRACE_PERIOD_SECONDS": given["grace"],
        "REFRESH_TOKEN_REUSE_PROTECTION": True,
        "ROTATE_REFRESH_TOKEN": True,
        "SCOPES": {"read": "Read", "write": "Write"},
        "DEFAULT_SCOPES": ["read"],
    },
)
django.setup()

from django.contrib.auth import get_user_model, login  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from oauth2_provider.decorators import protected_resource  # noqa: E402
from oauth2_provider.models import get_application_model  # noqa: E402

call_command("migrate", verbosity=0)
person = get_user_model().objects.create_user("ada")
get_application_model().objects.create(
    user=person,
    client_id=given["clientId"],
    client_secret=given["clientSecret"],
    hash_client_secret=False,
    client_type="confidential",
    authorization_grant_type="authorization-code",
    redirect_uris=given["redirect"],
    skip_authorization=True,
)


def sign_in(request):
    login(request, person)
    return HttpResponseRedirect(request.GET["next"])


@protected_resource()
def me(request):
    return JsonResponse({"name": request.resource_owner.username})


urlpatterns = [
    path("login", sign_in),
    path("api/me", me),
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
]


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


server = make_server("127.0.0.1", 0, get_wsgi_application(), Server, Quiet)
server.base_environ["HTTPS"] = "on"
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(given["certificate"], given["key"])
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print(json.dumps({"address": f"127.0.0.1:{server.server_port}"}), flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
# Until the test ends.
sys.stdin.read()
