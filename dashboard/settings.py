"""The settings of the product: one file, completed from the environment, nothing to edit.

Every variable that it reads is listed in the README. Imported by every process, so it must stay
quick and must not ask any service for anything.
"""

import os
from pathlib import Path

from csp.constants import NONE, SELF

from dashboard import environment

BASE_DIR = Path(__file__).resolve().parent.parent
STATE_DIR = BASE_DIR / ".signalbox"

# Where things are kept, and who runs the steps

DATABASES = {"default": environment.database(os.environ, STATE_DIR)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = environment.redis_url(os.environ)

#: What differs from the defaults of `workflows_app.conf`; WORKFLOWS_<NAME> sets the others.
WORKFLOWS: dict[str, object] = {}

#: Modules to import for workflows, besides a `workflows` module in every installed app.
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

# What is installed

INSTALLED_APPS = [
    "dashboard",
    "workflows_app",
    # Always installed, so that its tables are there; its workflows are registered when asked for.
    "workflows_app.demo",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "csp",
    "django_htmx",
    "template_partials",
]
MIDDLEWARE = [
    "dashboard.plain.PlainMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    # Safe with compression: a form's token is masked differently in each response, and responses
    # are padded at random, so that the size of a page tells nothing of what it holds.
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "dashboard.zones.ZoneMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "dashboard.parts.PartsMiddleware",
]
ROOT_URLCONF = "dashboard.urls"
ASGI_APPLICATION = "dashboard.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "dashboard.rendering.Templates",
        # By this name the apps of templates know it.
        "NAME": "django",
        "DIRS": [BASE_DIR / "templates"],
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

# Forms of long lists have many inputs: up to three for each of the fields that a form shows.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 8000

# Who may come in

CSRF_FAILURE_VIEW = "dashboard.views.errors.csrf_failure"
# The second signs people in; the first says, with fewer queries, what they may do.
AUTHENTICATION_BACKENDS = [
    "dashboard.people.PeopleBackend",
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

# Cookies are shared by all ports of a host: names of our own keep neighbours apart.
SESSION_COOKIE_NAME = "signalbox_session"
CSRF_COOKIE_NAME = "signalbox_csrf"
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_HTTPONLY = True  # forms and htmx take the token from the page

# What a page may do. Nothing inline and nothing from elsewhere: a payload that a workflow shows
# can never become script.

X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}

# Static files: served by the web process itself from where the apps keep them, so that no
# `collectstatic` is needed.

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_ALLOW_ALL_ORIGINS = False

# Language and time

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

# Log

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "{asctime} {levelname:<7} {name}: {message}", "style": "{"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        # Django's own handlers would say everything twice, and mail admins that nobody named.
        "django": {"handlers": [], "level": "WARNING"},
        "django.server": {"handlers": [], "level": "INFO", "propagate": True},
        **{name: {"level": "INFO"} for name in ("dashboard", "worker", "workflows_app")},
    },
}
