"""What this process itself can see: settings, tables, Redis, the channel layer and the schedule."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import redis
from asgiref.sync import async_to_sync
from celery import current_app
from channels.exceptions import InvalidChannelLayerError
from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.apps import apps
from django.core import checks
from django.db import DatabaseError, router
from django.db import connections as databases

from djinsight import database
from djinsight.conf import conf
from djinsight.counting import connections, older, sites
from djinsight.doctor.findings import Finding, advice, fine, problem
from djinsight.exceptions import ForeignDataSet

OLDEST_REDIS = (6, 2)
LAYER_WITHIN = 5.0  # seconds
NAMED = 3  # missing tables; of the others, how many

_NEEDED = {"djinsight", "contenttypes", "django_celery_beat"}
# Warnings where some pages get no numbers, or are not counted: the channel layer, and the URLs of the fallback.
_SERIOUS = {"djinsight.W001", "djinsight.W005"}


def settings() -> Iterator[Finding]:
    """What the system checks say, and whether anything is tracked at all."""
    for message in checks.run_checks(tags=["djinsight"]):
        kind = problem if message.level >= checks.ERROR or message.id in _SERIOUS else advice
        yield kind(message.id or "check", message.msg, message.hint or "")
    if not conf.enable_tracking:
        yield problem("tracking", "Tracking is off: no view is counted.", "Set DJINSIGHT_ENABLE_TRACKING = True.")


def tables() -> Iterator[Finding]:
    """Are the tables there, and are they of this version?"""
    alias = database.alias()
    try:
        for message in checks.run_checks(tags=[checks.Tags.database], databases=[alias]):
            if str(message.id).startswith("djinsight."):
                yield problem(str(message.id), message.msg, message.hint or "")
                return
        missing = _missing_tables()
    except DatabaseError as error:
        text = f"The database does not answer ({type(error).__name__}: {error})."
        yield problem("database", text, "Start it, or correct DATABASES.")
        return
    if missing:
        more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
        text = f"Tables are missing: {', '.join(missing[:NAMED])}{more}."
        yield problem("tables", text, "Run python manage.py migrate.")
    else:
        yield fine("tables", "The tables are there.")


def _missing_tables() -> list[str]:
    """Of djinsight, and of the apps it reads; each where a router has it."""
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


def servers() -> Iterator[Finding]:
    """Each Redis: is it there, new enough, and does it keep what it is given?"""
    for shard in older.servers():
        where = _where(conf.redis_urls[shard])
        try:
            info = connections.sync_client(shard).info()
            sites.check(shard)
        except ForeignDataSet as error:
            yield problem("site", f"At {where} {error}.", error.hint)
            continue
        except (redis.RedisError, OSError) as error:
            cure = "Start it, or set DJINSIGHT_REDIS_URL."
            yield problem("redis", f"Redis at {where} does not answer ({type(error).__name__}).", cure)
            continue
        version = str(info.get("redis_version", "0"))
        yield fine("redis", f"Redis {version} at {where} answers.")
        if _numbers(version) < OLDEST_REDIS and info.get("server_name") != "valkey":
            yield problem("version", f"Redis at {where} is version {version}.", "Use 6.2 or later, or Valkey.")
        yield from _keeps(where, str(info.get("maxmemory_policy", "")), bool(info.get("maxmemory")))
        if info.get("aof_enabled") == 0:
            cure = "Set appendonly yes and appendfsync everysec."
            text = f"Redis at {where} has no append-only file: a crash loses the views that are not persisted yet."
            yield advice("appendonly", text, cure)


def _keeps(where: str, policy: str, limited: bool) -> Iterator[Finding]:
    if policy in {"", "noeviction"}:
        return
    text = f"Redis at {where} may delete keys when its memory is full (maxmemory-policy {policy})"
    if policy.startswith("allkeys") and limited:
        cure = "Set maxmemory-policy noeviction."
        yield problem("eviction", f"{text}, views that are not persisted yet among them.", cure)
    else:
        yield advice("eviction", f"{text}.", "Set maxmemory-policy noeviction before you set maxmemory.")


def channel_layer() -> Iterator[Finding]:
    """Does a message to a group come back?"""
    try:
        layer = get_channel_layer()
        if layer is None or isinstance(layer, InMemoryChannelLayer):
            return  # a system check says so; what a process sends to itself says nothing of others
        async_to_sync(_send_and_receive)(layer)
    except (InvalidChannelLayerError, ImportError):
        return  # the same
    except (redis.RedisError, OSError, TimeoutError) as error:
        text = f"The channel layer does not deliver ({type(error).__name__}): open pages get no numbers."
        yield problem("channel_layer", text, 'Correct the hosts of CHANNEL_LAYERS["default"]["CONFIG"].')
        return
    yield fine("channel_layer", "The channel layer delivers.")


async def _send_and_receive(layer: object) -> None:
    async with asyncio.timeout(LAYER_WITHIN):
        channel = await layer.new_channel()  # type: ignore[attr-defined]
        await layer.group_add("djinsight.doctor", channel)  # type: ignore[attr-defined]
        await layer.group_send("djinsight.doctor", {"type": "djinsight.doctor"})  # type: ignore[attr-defined]
        await layer.receive(channel)  # type: ignore[attr-defined]
        await layer.group_discard("djinsight.doctor", channel)  # type: ignore[attr-defined]


def schedule() -> Iterator[Finding]:
    """With django_celery_beat: is the task that writes views scheduled?"""
    if not apps.is_installed("django_celery_beat"):
        return
    scheduler = str(current_app.conf.beat_scheduler)
    own = {entry.get("task") for entry in current_app.conf.beat_schedule.values()}
    if "django_celery_beat" not in scheduler and "djinsight.persist" not in own:
        text = f"The tasks are in the tables of django_celery_beat, which {scheduler} does not read."
        cure = 'Set CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler".'
        yield advice("beat", text, cure)
    tasks = apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(task="djinsight.persist")
    if not tasks.exists():
        yield problem("schedule", "The task djinsight.persist is not scheduled.", "Run python manage.py migrate.")
    elif not tasks.filter(enabled=True).exists():
        text = "The periodic task djinsight.persist is disabled: no view gets into the database."
        yield problem("schedule", text, "Enable it in the admin.")


def _where(url: str) -> str:
    """The server of a Redis URL, without its password."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 6379}" if parts.hostname else parts.path


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])
