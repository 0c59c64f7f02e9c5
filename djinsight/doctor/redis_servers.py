"""Redis servers: check that each one answers, is this site's, accepts views, and keeps them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import redis

from djinsight.conf import conf
from djinsight.counting import connections, endpoints, faults, scripts, servers, sites
from djinsight.counting.faults import Fault
from djinsight.counting.keys import Keys
from djinsight.doctor.findings import Finding, advice, fine, problem
from djinsight.exceptions import ForeignDataSet

OLDEST = (6, 2)

_OUTSIDE = (("ping",), ("exists", "{key}"), ("ttl", "{key}"), ("xlen", "{key}"), ("hvals", "{key}"))


def examine() -> Iterator[Finding]:
    """Check each Redis server, and yield the findings."""
    for shard in servers.shards():
        yield from _server(shard, endpoints.parse(conf.redis_urls[shard]).place)


def _server(shard: int, where: str) -> Iterator[Finding]:
    client = connections.sync_client(shard)
    try:
        client.ping()
    except (redis.RedisError, OSError) as error:
        fault = faults.fault_of(error)
        if fault is not Fault.PERMISSION:
            yield _no_answer(where, error, fault)
            return
    yield from _state(where, client)
    try:
        sites.check(shard)
    except ForeignDataSet as error:
        yield problem("site", f"At {where} {error}.", error.hint)
        return
    except (redis.RedisError, OSError):
        pass  # it refuses writes, and the next finding says so
    yield from _takes_views(shard, where, client)


def _no_answer(where: str, error: BaseException, fault: Fault) -> Finding:
    if fault is Fault.DOWN:
        text = f"Redis at {where} does not answer ({type(error).__name__})."
        return problem("redis", text, "Start it, or set DJINSIGHT_REDIS_URL.")
    return problem("redis", f"Redis at {where} answers: {str(error).rstrip('.')}.", faults.cure(fault))


def _state(where: str, client: Any) -> Iterator[Finding]:
    """Check the version and the settings that the server reports."""
    try:
        info = client.info()
    except (redis.RedisError, OSError) as error:
        yield fine("redis", f"Redis at {where} answers.")
        text = f"The version and the memory settings of Redis at {where} are unknown ({str(error).rstrip('.')})."
        yield advice("info", text, "Give its user +info, so that this command can check them.")
        return
    version = str(info.get("redis_version", "0"))
    yield fine("redis", f"Redis {version} at {where} answers.")
    if _numbers(version) < OLDEST and info.get("server_name") != "valkey":
        yield problem("version", f"Redis at {where} is version {version}.", "Use Redis 6.2 or later, or Valkey.")
    yield from _keeps(where, str(info.get("maxmemory_policy", "")), bool(info.get("maxmemory")))
    if info.get("aof_enabled") == 0:
        cure = "Set appendonly yes and appendfsync everysec."
        text = f"Redis at {where} has no append-only file, so a crash loses the views that are not persisted yet."
        yield advice("appendonly", text, cure)


def _keeps(where: str, policy: str, limited: bool) -> Iterator[Finding]:
    if policy in {"", "noeviction"}:
        return
    text = f"Redis at {where} may delete keys when its memory is full (maxmemory-policy {policy})"
    if policy.startswith("allkeys") and limited:
        cure = "Set maxmemory-policy noeviction."
        yield problem("eviction", f"{text}, including views that are not persisted yet.", cure)
    else:
        yield advice("eviction", f"{text}.", "Set maxmemory-policy noeviction before you set maxmemory.")


def _takes_views(shard: int, where: str, client: Any) -> Iterator[Finding]:
    """Check that the server accepts all commands that counting needs."""
    keys = Keys(shard).of_trial()
    errors: dict[str, str] = {}
    for name, *arguments in _OUTSIDE:
        try:
            getattr(client, name)(*(each.format(key=keys[0]) for each in arguments))
        except (redis.RedisError, OSError) as error:
            errors[name.upper()] = str(error)
    try:
        reply = scripts.try_server.call(client, keys, [])
        texts = [each.decode(errors="replace") for each in reply]
        errors |= dict(zip(texts[::2], texts[1::2], strict=True))
    except (redis.RedisError, OSError) as error:
        errors["EVALSHA"] = faults.said(error)
    denied = [name for name, text in errors.items() if _is_denied(text)]
    if denied:
        text = f"The user of Redis at {where} may not use {', '.join(denied)}."
        yield problem("permission", text, faults.cure(Fault.PERMISSION))
    others = [(name, text) for name, text in errors.items() if name not in denied]
    if others:
        name, text = others[0]
        fault = faults.fault_of(text)
        yield problem("writes", f"Redis at {where} refuses {name}: {text.strip().rstrip('.')}.", faults.cure(fault))


def _is_denied(text: str) -> bool:
    # Errors inside of a script have other words, which differ between versions of Redis.
    return faults.fault_of(text) is Fault.PERMISSION or "no permission" in text or "can't run this command" in text


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])
