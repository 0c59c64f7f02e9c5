"""Settings of the demo. Values that differ between machines come from the environment, set by the supervisor."""

import os
import secrets
from pathlib import Path

ROOT = Path(__file__).resolve().parent
DATA = Path(os.environ.get("DEMO_DATA") or ROOT / ".data")
REDIS_URL = os.environ.get("REDIS_URL") or "redis://127.0.0.1:6379/0"


def _secret_key() -> str:
    """Return the key that all processes sign with; it is made once and kept with the data for restarts."""
    path = DATA / "secret_key"
    DATA.mkdir(parents=True, exist_ok=True)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(50))
    except FileExistsError:
        pass
    return path.read_text()


SECRET_KEY = _secret_key()
# Not in the worker: with DEBUG, Django keeps the last 9,000 queries of a process, and beat makes some each second.
DEBUG = os.environ.get("DEMO_WORKER") != "1"
ALLOWED_HOSTS = os.environ.get("DEMO_HOSTS", "localhost,127.0.0.1,[::1]").split(",")
ROOT_URLCONF = "demo.urls"
ASGI_APPLICATION = "asgi_example.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
INTERNAL_IPS: list[str] = []

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_celery_beat",
    "djinsight",
    "demo",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "demo.middleware.content_security_policy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA / "db.sqlite3",
        "OPTIONS": {
            # With a write-ahead log, pages that are read and a worker that writes do not wait for each other.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
        },
    }
}

# A Redis database of its own, as cache.clear() empties it; the counters and Celery use another one.
CACHES = {"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": f"{REDIS_URL}?db=1"}}
DJINSIGHT_REDIS_URL = REDIS_URL
CHANNEL_LAYERS = {
    "default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}}
}

CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 1

DJINSIGHT_PERSIST_INTERVAL = 3
# All visitors come from this machine, also the simulated ones.
DJINSIGHT_RATE_ADDRESS = DJINSIGHT_RATE_NEW_VISITORS = None
if os.environ.get("DEMO_NO_LIMITS"):
    DJINSIGHT_RATE_VISITOR = DJINSIGHT_RATE_SOCKET = None

# python -m demo --cms
CMS = os.environ.get("DEMO_CMS") == "1"
if CMS:
    INSTALLED_APPS += [
        "demo.cms",
        "djinsight.wagtail",
        "wagtail.users",
        "wagtail.sites",
        "wagtail.documents",
        "wagtail.images",
        "wagtail.search",
        "wagtail.admin",
        "wagtail",
        "modelcluster",
        "taggit",
        "django_filters",
    ]
    TEMPLATES[0]["OPTIONS"]["context_processors"].append("demo.cms.navigation.blog")
    WAGTAIL_SITE_NAME = "The Allotment"
    WAGTAILADMIN_BASE_URL = "http://localhost:8000"
    WAGTAIL_ENABLE_UPDATE_CHECK = False
    WAGTAIL_GRAVATAR_PROVIDER_URL = None
    MEDIA_ROOT = DATA / "media"
    MEDIA_URL = "media/"
