"""Services: check settings, tables, the channel layer and the schedule from within this process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import redis
from asgiref.sync import async_to_sync
from celery import current_app
from channels.exceptions import InvalidChannelLayerError
from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.apps import apps
from django.conf import settings as django_settings
from django.core import checks
from django.db import DatabaseError, router
from django.db import connections as databases

from djinsight import database
from djinsight.conf import conf
from djinsight.doctor.findings import Finding, advice, fine, problem

LAYER_WITHIN = 5.0  # seconds
NAMED = 3  # missing tables that a finding names; it counts the others

_NEEDED = {"djinsight", "contenttypes", "django_celery_beat"}
# Warnings after which some pages get no numbers or are not counted: the channel layer, and the URLs of the fallback.
_SERIOUS = {"djinsight.W001", "djinsight.W005"}


def settings() -> Iterator[Finding]:
    """Report the messages of the system checks, and tracking that is off."""
    for message in checks.run_checks(tags=["djinsight"]):
        kind = problem if message.level >= checks.ERROR or message.id in _SERIOUS else advice
        yield kind(message.id or "check", message.msg, message.hint or "")
    if not conf.enable_tracking:
        yield problem("tracking", "Tracking is off, so no view is counted.", "Set DJINSIGHT_ENABLE_TRACKING = True.")


def tables() -> Iterator[Finding]:
    """Check that all tables exist and are of this version."""
    alias = database.alias()
    try:
        for message in checks.run_checks(tags=[checks.Tags.database], databases=[alias]):
            if str(message.id).startswith("djinsight."):
                serious = message.level >= checks.ERROR
                yield (problem if serious else advice)(str(message.id), message.msg, message.hint or "")
                if serious:
                    return
        missing = _missing_tables()
    except DatabaseError as error:
        text = f"The database does not answer ({type(error).__name__}: {error})."
        yield problem("database", text, "Start the database, or correct DATABASES.")
        return
    if missing:
        more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
        text = f"Tables are missing: {', '.join(missing[:NAMED])}{more}."
        yield problem("tables", text, "Run python manage.py migrate.")
    else:
        yield fine("tables", "The tables are there.")


def _missing_tables() -> list[str]:
    """Return the missing tables of djinsight and of the apps that it reads, in the database that the router names."""
    by_alias: dict[str, set[str]] = {}
    for model in apps.get_models():
        if model._meta.app_label in _NEEDED:
            by_alias.setdefault(router.db_for_write(model), set()).add(model._meta.db_table)
    missing: list[str] = []
    for alias, names in by_alias.items():
        introspection = databases[alias].introspection
        there = set(introspection.table_names(include_views=True))
        missing += (name for name in sorted(names) if introspection.identifier_converter(name) not in there)
    return missing


def channel_layer() -> Iterator[Finding]:
    """Check that a message to a group of the channel layer comes back."""
    try:
        layer = get_channel_layer()
        if layer is None or isinstance(layer, InMemoryChannelLayer):
            return  # a system check reports this; a message within one process would prove nothing
        async_to_sync(_send_and_receive)(layer)
    except (InvalidChannelLayerError, ImportError):
        return  # a system check reports this
    except (redis.RedisError, OSError, TimeoutError) as error:
        text = f"The channel layer does not deliver ({type(error).__name__}), so open pages get no numbers."
        yield problem("channel_layer", text, 'Correct the hosts of CHANNEL_LAYERS["default"]["CONFIG"].')
        return
    yield fine("channel_layer", "The channel layer delivers messages.")


async def _send_and_receive(layer: object) -> None:
    async with asyncio.timeout(LAYER_WITHIN):
        channel = await layer.new_channel()  # type: ignore[attr-defined]
        await layer.group_add("djinsight.doctor", channel)  # type: ignore[attr-defined]
        await layer.group_send("djinsight.doctor", {"type": "djinsight.doctor"})  # type: ignore[attr-defined]
        await layer.receive(channel)  # type: ignore[attr-defined]
        await layer.group_discard("djinsight.doctor", channel)  # type: ignore[attr-defined]


def celery() -> Iterator[Finding]:
    """Check that this process has the site's Celery app, without which the site's Celery settings are not read."""
    named = sorted(name for name in dir(django_settings) if name.startswith("CELERY_"))
    if has_celery_app() or not (named or apps.is_installed("django_celery_beat")):
        return
    module = getattr(django_settings, "SETTINGS_MODULE", "")
    package = module.partition(".")[0] if "." in module else "mysite"
    text = "This process has Celery's default app"
    text += f", which does not read {named[0]} and the like" if named else ", which reads no settings of the site"
    text += ", so tasks that Django sends do not reach your workers."
    cure = f'Import the app that {package}/celery.py makes in {package}/__init__.py: "from .celery import app".'
    yield advice("celery", text, cure)


def has_celery_app() -> bool:
    """Return whether this process has a Celery app other than Celery's default one."""
    return bool(current_app.main != "default")


def _beat() -> Iterator[Finding]:
    """Check that the scheduler of beat reads the tables of the periodic tasks."""
    scheduler = str(current_app.conf.beat_scheduler)
    own = {entry.get("task") for entry in current_app.conf.beat_schedule.values()}
    if "django_celery_beat" not in scheduler and "djinsight.persist" not in own:
        text = f"The tasks are in the tables of django_celery_beat, which {scheduler} does not read."
        cure = 'Set CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler".'
        yield advice("beat", text, cure)


def schedule() -> Iterator[Finding]:
    """Check that django_celery_beat, if it is installed, schedules the task that writes views."""
    yield from celery()
    if not apps.is_installed("django_celery_beat"):
        return
    if has_celery_app():  # without it, the site's Celery settings are unknown
        yield from _beat()
    tasks = apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(task="djinsight.persist")
    if not tasks.exists():
        yield problem("schedule", "The task djinsight.persist is not scheduled.", "Run python manage.py migrate.")
    elif not tasks.filter(enabled=True).exists():
        # No problem: the probe finds out if something else writes views, as cron with process_pageviews.
        text = "The periodic task djinsight.persist is disabled, so Celery writes no view to the database."
        yield advice("schedule", text, "Enable it in the admin, unless cron runs process_pageviews.")
