"""Checks: Django's system checks of the site's configuration.

Their ids are stable: E0xx for a configuration that cannot work, W0xx for one that works badly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from django.apps import apps
from django.conf import settings
from django.conf.urls.i18n import is_language_prefix_patterns_used
from django.contrib.contenttypes.models import ContentType
from django.core import checks
from django.db import connections, router
from django.db.models import CompositePrimaryKey, Model
from django.utils import timezone, translation
from django.utils.module_loading import import_string

from djinsight import caches, database
from djinsight.conf import conf
from djinsight.counting import endpoints
from djinsight.pages import fallback
from djinsight.tracked.refs import MAX_LENGTH
from djinsight.tracked.registry import has_plain_key, is_tracked_model, key_field, tracked_model, tracked_models

PUBSUB_LAYER = "channels_redis.pubsub.RedisPubSubChannelLayer"
PREFIX = "DJINSIGHT_"
MAX_LANGUAGES = 2  # Django prepares the URLs for each language, and mostly only their prefixes differ
ALIKE = 0.75  # of 1; how similar a name must be to that of a setting to pass for a mistyped one


def register() -> None:
    """Register all checks with Django."""
    checks.register(check_settings, "djinsight")
    checks.register(check_channel_layer, "djinsight")
    checks.register(check_session_engine, "djinsight")
    checks.register(check_allowed_hosts, "djinsight")
    checks.register(check_names, "djinsight")
    checks.register(check_urls, "djinsight")
    checks.register(check_tables, checks.Tags.database)
    checks.register(check_zones_of_database, checks.Tags.database)
    checks.register(check_routers, "djinsight")
    checks.register(check_time_zones, "djinsight")
    checks.register(check_primary_keys, "djinsight")
    checks.register(check_cache, "djinsight")
    checks.register(check_shared_database, "djinsight")
    checks.register(check_lengths, "djinsight")
    checks.register(check_tenants, "djinsight")
    checks.register(check_testing, "djinsight", deploy=True)


def check_settings(**kwargs: Any) -> list[checks.CheckMessage]:
    """Report settings with values that cannot work (E001)."""
    return [
        checks.Error(f"{setting.name} must be {problem}.", id="djinsight.E001", obj=setting.name)
        for setting in conf
        if (problem := setting.problem())
    ]


def check_testing(**kwargs: Any) -> list[checks.CheckMessage]:
    """Warn, with ``check --deploy``, that ``DJINSIGHT_TESTING`` is on and no view is counted (W020)."""
    if conf.testing:
        hint = "Set it only in the settings of tests."
        return [checks.Warning("DJINSIGHT_TESTING is on, so no view is counted.", hint, id="djinsight.W020")]
    return []


def check_channel_layer(**kwargs: Any) -> list[checks.CheckMessage]:
    """Report a missing channel layer (E002), and warn of one that loses messages or has only one process (W001)."""
    backend = getattr(settings, "CHANNEL_LAYERS", {}).get("default", {}).get("BACKEND")
    if backend is None:
        hint = f'Set CHANNEL_LAYERS["default"]["BACKEND"] to "{PUBSUB_LAYER}".'
        return [
            checks.Error("There is no default channel layer, so no page gets new numbers.", hint, id="djinsight.E002")
        ]
    if backend.startswith(("channels_redis.core.", "channels.layers.InMemory")):
        hint = f'Use "{PUBSUB_LAYER}".'
        return [checks.Warning(f"{backend} loses messages, or reaches only one process.", hint, id="djinsight.W001")]
    try:
        import_string(backend)
    except ImportError as error:
        return [
            checks.Error(f"The channel layer cannot be imported: {error}.", "Correct its BACKEND.", id="djinsight.E002")
        ]
    return []


def check_session_engine(**kwargs: Any) -> list[checks.CheckMessage]:
    """Warn of sessions in signed cookies, whose key changes with each write and so makes a new visitor (W002)."""
    if conf.visitor == "session" and settings.SESSION_ENGINE == "django.contrib.sessions.backends.signed_cookies":
        hint = 'Leave DJINSIGHT_VISITOR at "cookie".'
        return [checks.Warning("A session in a signed cookie does not identify a visitor.", hint, id="djinsight.W002")]
    return []


def check_allowed_hosts(**kwargs: Any) -> list[checks.CheckMessage]:
    """Warn that pages of any host name that leads to this server pass for the site's own (W003)."""
    if not settings.DEBUG and "*" in settings.ALLOWED_HOSTS:
        hint = "Name the hosts of the site in ALLOWED_HOSTS."
        return [checks.Warning("Pages of any host name may open sockets and send views.", hint, id="djinsight.W003")]
    return []


def check_names(**kwargs: Any) -> list[checks.CheckMessage]:
    """Warn of settings that nothing reads, as the name is mistyped or of djinsight 0.x (W004)."""
    known = {setting.name for setting in conf}
    return [
        checks.Warning(f"{name} is not a setting of djinsight.", _nearest(name, known), name, "djinsight.W004")
        for name in dir(settings)
        if (name == "DJINSIGHT" or name.startswith(PREFIX)) and name not in known
    ]


def check_urls(**kwargs: Any) -> list[checks.CheckMessage]:
    """Warn if the URL of the HTTP fallback does not lead to the views of ``djinsight.urls`` (W005)."""
    if not getattr(settings, "ROOT_URLCONF", None):
        return []  # the site has no pages yet
    for language in _languages():
        with translation.override(language):
            route = fallback.route()
        if not route.works:
            return [_unrouted(route)]
    return []


def _unrouted(route: fallback.Route) -> checks.CheckMessage:
    include = 'path("djinsight/", include("djinsight.urls"))'
    if not route.path:
        message = "The HTTP fallback has no URL, so browsers whose sockets do not work send no views."
        return checks.Warning(message, f"Add {include} to the URLs.", id="djinsight.W005")
    message = (
        f"{route.path} leads to {route.swallowed_by} and not to djinsight, so browsers whose sockets do not work send "
        "no views."
    )
    hint = f"Put {include} before that pattern, as Django takes the first one that matches."
    return checks.Warning(message, hint, id="djinsight.W005")


def _languages() -> list[str]:
    """Return the languages in which to check the URLs, as another one may put a prefix before them."""
    default = settings.LANGUAGE_CODE
    if not is_language_prefix_patterns_used(settings.ROOT_URLCONF)[0]:
        return [default]
    return [default, *(code for code, _ in settings.LANGUAGES if code != default)][:MAX_LANGUAGES]


def check_cache(**kwargs: Any) -> list[checks.CheckMessage]:
    """Report that djinsight cannot connect to the Redis of ``CACHES["default"]`` as the cache does (E007)."""
    problem = "" if conf.redis_url is not None else caches.problem()
    if not problem:
        return []
    message = f'djinsight cannot use the Redis of CACHES["default"]: {problem}.'
    return [checks.Error(message, "Set DJINSIGHT_REDIS_URL.", "CACHES", "djinsight.E007")]


def check_shared_database(**kwargs: Any) -> list[checks.CheckMessage]:
    """Warn of counters in the Redis database of a cache, whose ``clear()`` would delete them (W006)."""
    try:
        ours = {endpoints.parse(url).database for url in conf.redis_urls}
    except ValueError:
        return []  # E001 reports the URL
    shared = [alias for alias, each in sorted(settings.CACHES.items()) if ours & _databases(each)]
    if not shared:
        return []
    names = ", ".join(f'CACHES["{alias}"]' for alias in shared)
    message = f"Views are counted in the Redis database of {names}, whose clear() deletes views not yet persisted."
    hint = "Set DJINSIGHT_REDIS_URL to a database of its own, like redis://127.0.0.1:6379/1."
    return [checks.Warning(message, hint, "DJINSIGHT_REDIS_URL", "djinsight.W006")]


def _databases(cache: Mapping[str, Any]) -> set[tuple[Any, ...]]:
    try:
        return {endpoints.parse(url).database for url in caches.urls_of(cache)}
    except ValueError:
        return set()  # the cache itself cannot be made either


def check_tables(databases: Sequence[str] | None = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Report tables of djinsight 0.x before ``migrate`` runs, which would find nothing to do (E003)."""
    from djinsight.upgrade import tables

    if database.alias() not in (databases or ()):
        return []
    if tables.is_too_old():
        hint = "Install djinsight 0.4.2, run its migrate, then install this version again."
    elif tables.is_needed():
        hint = "Back up the database and run: python manage.py djinsight_upgrade"
    else:
        return []
    return [checks.Error("The tables of djinsight are those of version 0.x.", hint, id="djinsight.E003")]


def check_zones_of_database(databases: Sequence[str] | None = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Warn if MySQL or MariaDB does not know the site's time zone, so that queries by month find nothing (W007)."""
    connection = connections[database.alias()]
    zone = timezone.get_default_timezone_name()
    if connection.alias not in (databases or ()) or connection.vendor != "mysql" or zone == connection.timezone_name:
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT CONVERT_TZ('2000-01-01 00:00:00', %s, %s)", [connection.timezone_name, zone])
        if cursor.fetchone()[0] is not None:
            return []
    message = f"The database does not know the time zone {zone}, so queries like last_viewed_at__month=11 find nothing."
    hint = "Load the time zone tables: mysql_tzinfo_to_sql /usr/share/zoneinfo | mysql -u root mysql"
    return [checks.Warning(message, hint, id="djinsight.W007")]


def check_routers(**kwargs: Any) -> list[checks.CheckMessage]:
    """Report routers that spread djinsight's tables and their content types over several databases (E004)."""
    where: dict[str, list[str]] = {}
    for model in apps.get_app_config("djinsight").get_models():
        where.setdefault(router.db_for_write(model), []).append(model.__name__)
    # Content types may be in every database; djinsight needs them in its own.
    if not router.allow_migrate_model(database.alias(), ContentType):
        where.setdefault(router.db_for_write(ContentType), []).append(ContentType.__name__)
    if len(where) == 1:
        return []
    places = ", ".join(f'"{alias}" ({", ".join(sorted(where[alias]))})' for alias in sorted(where))
    message = (
        f"djinsight needs all its tables and the content types in one database, for its transactions, but they are in "
        f"{places}."
    )
    hint = "Let DATABASE_ROUTERS put all models of djinsight into one database, and migrate contenttypes there, too."
    return [checks.Error(message, hint, id="djinsight.E004")]


def check_time_zones(**kwargs: Any) -> list[checks.CheckMessage]:
    """Report ``USE_TZ = False``, as the database refuses the times of views then (E005)."""
    if settings.USE_TZ:
        return []
    hint = "Set USE_TZ = True."
    return [checks.Error("Views are stored with times that have a zone.", hint, "USE_TZ", "djinsight.E005")]


def check_primary_keys(**kwargs: Any) -> list[checks.CheckMessage]:
    """Report tracked models with a primary key by which their objects cannot be counted (E006)."""
    return [
        checks.Error(f"The primary key of {model._meta.label} is not fit for counting.", hint, model, "djinsight.E006")
        for model in tracked_models()
        if (hint := unfit_key(model))
    ]


def check_tenants(**kwargs: Any) -> list[checks.CheckMessage]:
    """Report tracked models of tenants, whose objects have equal names in the schemas of several tenants (E010)."""
    if not any(apps.is_installed(app) for app in ("django_tenants", "tenant_schemas")):
        return []
    tenants = [str(app) for app in getattr(settings, "TENANT_APPS", ())]
    names = {name for name in tenants if "." in name and name.rpartition(".")[2].endswith("Config")}
    names = {name.rpartition(".apps.")[0] for name in names} | set(tenants)
    found = sorted(
        config.name
        for config in apps.get_app_configs()
        if config.name in names and (config.label == "djinsight" or any(map(is_tracked_model, config.get_models())))
    )
    if not found:
        return []
    message = f"TENANT_APPS has {', '.join(found)}, so objects of several tenants with one key would share their views."
    hint = "Track only models of SHARED_APPS, with djinsight among them, or run a site for each tenant."
    return [checks.Error(message, hint, "TENANT_APPS", "djinsight.E010")]


def unfit_key(model: type[Model]) -> str:
    """Return what to do about the primary key of ``model``, ``""`` if its objects can be counted by it."""
    field: Any = model._meta.pk
    if isinstance(field, CompositePrimaryKey):
        return "Give it a primary key of one field, and the fields a UniqueConstraint."
    tracked = tracked_model(model)
    while field.remote_field is not None and field.model is not tracked:
        field = field.target_field
    if field != tracked._meta.pk:
        return f"Its objects are counted as those of {tracked._meta.label}. Give it the same primary key."
    if not has_plain_key(tracked):
        return (
            f"Each database writes its {type(key_field(tracked)).__name__} as another string. Give the model a primary "
            "key that is a whole number, a string or a UUID in Django's own field, and keep the present key in a field "
            "with unique=True."
        )
    return ""


def check_lengths(**kwargs: Any) -> list[checks.CheckMessage]:
    """Warn of tracked models whose keys may be too long for their objects to be counted (W010)."""
    found: list[checks.CheckMessage] = []
    for model in tracked_models():
        if tracked_model(model) is model and not unfit_key(model):
            room = MAX_LENGTH - len(f"{model._meta.app_label}.{model._meta.model_name}:")
            longest = getattr(key_field(model), "max_length", None) or 0
            if longest > room:
                message = f"Objects of {model._meta.label} with a key of more than {room} characters are not counted."
                hint = f"Set max_length={room} on its primary key, if no key is longer."
                found.append(checks.Warning(message, hint, model, "djinsight.W010"))
    return found


def _nearest(name: str, known: set[str]) -> str:
    if name == "DJINSIGHT":
        return "Each setting has a name of its own, like DJINSIGHT_VISITOR."
    # The prefix that all names share would make them too similar.
    ends = [each.removeprefix(PREFIX) for each in known]
    nearest = get_close_matches(name.removeprefix(PREFIX), ends, n=1, cutoff=ALIKE)
    return f"Did you mean {PREFIX}{nearest[0]}?" if nearest else "No setting has a similar name. Delete it."
