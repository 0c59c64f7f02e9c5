"""Faults: the meaning of an error of Redis, and its cure by the operator. Pure."""

from __future__ import annotations

import re
from enum import StrEnum

import redis

MAX_TEXT = 300  # characters of an error in a log line


class Fault(StrEnum):
    """A kind of error. The values are stable."""

    ELSEWHERE = "elsewhere"  # the server is not, or no longer, the right one
    FULL = "full"
    REPLICAS = "replicas"
    DISK = "disk"
    PERMISSION = "permission"
    PASSWORD = "password"
    CLUSTER = "cluster"
    DOWN = "down"  # no answer, or no connection
    OTHER = "other"


class WrongServer(redis.ConnectionError):
    """A server replied that it is not, or no longer, the right one. It applied nothing; its connection is closed."""


# By the word that an error begins with. In the error of a script of Redis 6 it comes later, after a dash.
_WORDS = {
    "READONLY": Fault.ELSEWHERE,
    "MASTERDOWN": Fault.ELSEWHERE,
    "LOADING": Fault.ELSEWHERE,
    "CLUSTERDOWN": Fault.ELSEWHERE,
    "MOVED": Fault.ELSEWHERE,
    "ASK": Fault.ELSEWHERE,
    "UNBLOCKED": Fault.ELSEWHERE,
    "OOM": Fault.FULL,
    "NOREPLICAS": Fault.REPLICAS,
    "MISCONF": Fault.DISK,
    "NOPERM": Fault.PERMISSION,
    "NOAUTH": Fault.PASSWORD,
    "WRONGPASS": Fault.PASSWORD,
    "CROSSSLOT": Fault.CLUSTER,
}
_WORD = re.compile(rf"(?:^|[\s:]-|^-)({'|'.join(_WORDS)})\b")

# By the class of an error: redis-py removes the word from the message of these.
_CLASSES: tuple[tuple[type[Exception], Fault], ...] = (
    (WrongServer, Fault.ELSEWHERE),
    (redis.ReadOnlyError, Fault.ELSEWHERE),
    (redis.BusyLoadingError, Fault.ELSEWHERE),
    (redis.exceptions.MasterDownError, Fault.ELSEWHERE),
    (redis.exceptions.ClusterDownError, Fault.ELSEWHERE),
    (redis.exceptions.AskError, Fault.ELSEWHERE),  # and its subclass MovedError
    (redis.exceptions.ClusterCrossSlotError, Fault.CLUSTER),
    (redis.exceptions.OutOfMemoryError, Fault.FULL),
    (redis.exceptions.NoPermissionError, Fault.PERMISSION),
    (redis.exceptions.AuthenticationError, Fault.PASSWORD),
    (redis.exceptions.AuthorizationError, Fault.PERMISSION),
)

_TAKEN: dict[type[BaseException], str] = {
    redis.ReadOnlyError: "READONLY ",
    redis.BusyLoadingError: "LOADING ",
    redis.exceptions.OutOfMemoryError: "OOM ",
    redis.exceptions.ClusterCrossSlotError: "CROSSSLOT ",
    redis.exceptions.NoPermissionError: "NOPERM ",
}

_CURES = {
    Fault.ELSEWHERE: "Set DJINSIGHT_REDIS_URL to the URL of the primary.",
    Fault.FULL: "Raise its maxmemory, or start a Celery worker: djinsight.persist makes room.",
    Fault.REPLICAS: "Start its replicas, or lower min-replicas-to-write.",
    Fault.DISK: "Make it able to write its files: look at its log and at the free space on its disk.",
    Fault.PERMISSION: "Give its user the permissions that docs/how-to/redis.md lists.",
    Fault.PASSWORD: "Correct the user and the password in DJINSIGHT_REDIS_URL.",
    Fault.CLUSTER: "It is a cluster: set DJINSIGHT_REDIS_SHARDS to 2 or more, and assign all slots to this node.",
    Fault.DOWN: "Start it, or correct DJINSIGHT_REDIS_URL.",
    Fault.OTHER: "Look at its log.",
}


def fault_of(error: BaseException | str) -> Fault:
    """Return the kind of ``error``, an exception or the message of an error that a script caught."""
    for cls, fault in _CLASSES:
        if isinstance(error, cls):
            return fault
    word = _WORD.search(str(error))
    if word is not None and not isinstance(error, redis.ConnectionError):
        return _WORDS[word[1]]
    return Fault.DOWN if isinstance(error, OSError | redis.ConnectionError | redis.TimeoutError) else Fault.OTHER


def said(error: BaseException) -> str:
    """Return the message of ``error``, with the word that redis-py removed from it."""
    return f"{_TAKEN.get(type(error), '')}{error}"


def cure(fault: Fault) -> str:
    """Return the step that the operator can take against ``fault``, as one sentence."""
    return _CURES[fault]


def described(error: BaseException | str) -> str:
    """Return the error, cut to ``MAX_TEXT`` characters, and its cure, for a log line."""
    text = (error if isinstance(error, str) else said(error)).strip() or repr(error)
    if len(text) > MAX_TEXT:
        text = f"{text[:MAX_TEXT]}..."
    return f"{text.rstrip('.')}. {cure(fault_of(error))}"
