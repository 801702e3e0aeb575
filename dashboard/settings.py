"""The settings of the product: one file, completed from the environment, nothing to edit.

docs/settings.md lists every variable that it reads. Every process imports it, so it must stay quick
and must not connect to any service.
"""

import os
from datetime import timedelta
from pathlib import Path

from workflows_app import packages

from . import environment, logs, pages

#: The package of the pages: `dashboard`, or `signalbox.dashboard` where it was installed.
HERE = __package__
BASE_DIR = Path(__file__).resolve().parent.parent
STATE_DIR = BASE_DIR / ".signalbox"

# Where things are kept, and what runs the steps

DATABASES = {"default": environment.database(os.environ, STATE_DIR)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = environment.redis_url(os.environ)

#: Overrides of the defaults in `workflows_app.conf`; variables WORKFLOWS_<NAME> set the others.
WORKFLOWS: dict[str, object] = {}

#: Modules to import for workflows, in addition to the `workflows` module of every installed app.
WORKFLOWS_MODULES = environment.words(os.environ, "WORKFLOWS_MODULES")
if environment.flag(os.environ, "SIGNALBOX_DEMO"):
    WORKFLOWS_MODULES.append("workflows_app.demo.workflows")

# Secrets and hosts

DEBUG = environment.flag(os.environ, "DJANGO_DEBUG")
SECRET_KEY = environment.secret_key(
    os.environ,
    os.environ.get("WORKFLOWS_EXECUTION") or ("distributed" if REDIS_URL else "embedded"),
    environment.key_file(DATABASES["default"], STATE_DIR),
)
ALLOWED_HOSTS = environment.hosts(os.environ)
CSRF_TRUSTED_ORIGINS = environment.trusted_origins(ALLOWED_HOSTS)
#: Whose word counts on for whom, and how, they ask: proxies in front of the web processes.
TRUSTED_PROXIES = environment.networks(os.environ, "TRUSTED_PROXIES")

# What is installed

INSTALLED_APPS = [
    HERE,
    packages.named("worker"),
    "workflows_app",
    # Always installed, so that its tables exist; its workflows are registered only on request.
    "workflows_app.demo",
    f"{HERE}.monitoring",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "channels",
    "ninja",  # the page of the HTTP API's documentation, with its script and style
]
MIDDLEWARE = [
    f"{HERE}.request.ids.RequestIdMiddleware",
    f"{HERE}.request.forwarded.ForwardedMiddleware",
    # Takes requests of the HTTP API past those that follow, which are for pages.
    "workflows_app.api.middleware.EntranceMiddleware",
    f"{HERE}.middleware.GuardMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    # Safe with compression: a form's token is masked differently in each response, and responses
    # are padded at random, so the size of a page reveals nothing about its content.
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    f"{HERE}.middleware.SignalboxMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = f"{HERE}.site"
ASGI_APPLICATION = f"{HERE}.asgi.application"
TEMPLATES = [
    {
        "BACKEND": f"{HERE}.pages.Templates",
        # The apps that bring templates know the engine by this name.
        "NAME": "django",
        "DIRS": [pages.FOLDER],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# The forms of long lists have many inputs: up to three for each field that they show.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 8000
# How large a body may be `dashboard.request.limits` says, before it is read.
DATA_UPLOAD_MAX_MEMORY_SIZE = None

# Who may sign in

CSRF_FAILURE_VIEW = f"{HERE}.request.errors.csrf_failure"
# The third backend signs people in; the second checks their permissions, with fewer queries; the
# first stops people who guess passwords.
AUTHENTICATION_BACKENDS = [
    f"{HERE}.people.throttle.ThrottleBackend",
    f"{HERE}.request.person.PeopleBackend",
    "django.contrib.auth.backends.ModelBackend",
]
LOGIN_URL = "/sign-in/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = LOGIN_URL
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# What `dashboard.people.throttle` says holds by account and by address.
AXES_HANDLER = f"{HERE}.people.throttle.Failures"
AXES_LOCKOUT_PARAMETERS = ["username", "ip_address"]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = f"{HERE}.people.throttle.address"
AXES_LOCKOUT_CALLABLE = f"{HERE}.people.throttle.refused"
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False

# All ports of a host share cookies, so these have names of their own.
SESSION_COOKIE_NAME = "signalbox_session"
CSRF_COOKIE_NAME = "signalbox_csrf"
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_HTTPONLY = True  # forms and htmx take the token from the page

# TLS. DJANGO_HTTPS=1: all of it, always. Left out: for what a trusted proxy says came over TLS, and
# what it says came without is led there. 0: a proxy's word changes nothing but the scheme.

DJANGO_HTTPS = environment.optional_flag(os.environ, "DJANGO_HTTPS")
#: Paths that probes and scrapers may ask for without TLS: they come from inside.
PLAIN_PATHS = ("healthz", "readyz", "metrics")
SECURE_PROXY_SSL_HEADER = ("signalbox.scheme", "https") if TRUSTED_PROXIES else None
SECURE_SSL_REDIRECT = DJANGO_HTTPS is True
SECURE_REDIRECT_EXEMPT = [rf"^{path}$" for path in PLAIN_PATHS]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = DJANGO_HTTPS is True
# Only answers over TLS say it.
SECURE_HSTS_SECONDS = 0 if DJANGO_HTTPS is False else 365 * 24 * 3600
# Whether all names below this one speak TLS only the owner of the domain knows.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

# What browsers may do with an answer; what a page may load says `dashboard.request.policy`.

X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"

# Static files: the web process serves them from the folders of the apps, so that `collectstatic` is
# not needed.

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_ALLOW_ALL_ORIGINS = False

# Language and time

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
#: The languages of the pages; a browser's Accept-Language chooses.
LANGUAGES = [("en", "English"), ("de", "Deutsch")]

# Log

LOG_FORMAT = environment.choice(os.environ, "LOG_FORMAT", ("text", "json"))
#: Whether lines may hold what exceptions say, which is often made of values of a run.
LOG_PAYLOADS = environment.flag(os.environ, "LOG_PAYLOADS")
LOGGING = logs.settings(LOG_FORMAT, payloads=LOG_PAYLOADS)
