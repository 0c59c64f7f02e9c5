"""Sites: every data set of Redis (server, database, prefix and shard) belongs to one site.

Redis keeps a random id of the site in the data set's ``meta`` hash. Every script gets the id that its caller knows and
does nothing if Redis has another one. The caller then claims the data set with a fingerprint of its ``SECRET_KEY`` (or
of one of the fallbacks), or with the identity of its database. A caller that has none of these is another site.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed
from django.utils.crypto import salted_hmac
from redis.exceptions import NoScriptError, ResponseError

from djinsight.counting import baseline, connections
from djinsight.counting.keys import Keys
from djinsight.counting.script import Script, source
from djinsight.exceptions import ForeignDataSet

logger = logging.getLogger("djinsight.counting")

REFUSED_FOR = 5.0  # seconds in which a data set that belongs to another site is not asked again
ATTEMPTS = 4  # of one call: the script is not known, the site is not known, both again after a restart

_SALT = "djinsight.site"
_claim = Script("claim_site")

# All by the name of the meta hash. A change of the settings that choose the server empties them.
_known: dict[str, str] = {}  # the sites of data sets that are ours
_noted: dict[str, str] = {}  # the databases that these were claimed for
_refused_until: dict[str, float] = {}  # until when a foreign data set is not asked (monotonic clock)
_told: set[str] = set()  # the errors that were logged


class SiteScript(Script):
    """A script that does nothing in the data set of another site.

    Args:
        names: The names of its files.
        meta: The place of the ``meta`` hash in KEYS, from 0.
    """

    def __init__(self, *names: str, meta: int) -> None:
        super().__init__(*names)
        self._meta = meta

    @property
    def text(self) -> str:
        """The source, with the check of the site before it."""
        return _guarded(self.names, self._meta)

    def arguments(self, keys: Sequence[str], args: Sequence[Any]) -> list[Any]:
        """Return ARGV: ``args``, then the site that this process takes the data set for."""
        return [*args, _known.get(keys[self._meta], "")]

    async def asend(self, connection: Any, keys: Sequence[str], args: Sequence[Any]) -> None:
        """Send one call of the script on a connection that no other caller uses.

        The caller then calls ``areply`` with the same arguments.
        """
        await super().asend(connection, keys, self.arguments(keys, args))

    async def areply(self, connection: Any, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Return the reply to the call that ``asend`` sent, after claiming the data set if needed.

        Raises:
            redis.RedisError: The call failed.
            ForeignDataSet: The data set belongs to another site; nothing was done.
        """
        for _ in range(ATTEMPTS):
            try:
                return await connection.read_response()
            except NoScriptError:
                await connection.send_command("EVAL", self.text, len(keys), *keys, *self.arguments(keys, args))
            except ResponseError as error:
                if not _is_unclaimed(error):
                    raise
                await aclaim(connection, keys[self._meta])
                await self.asend(connection, keys, args)
        return await connection.read_response()

    def call(self, client: Any, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Call the script with a sync client, and return the reply, after claiming the data set if needed.

        Raises:
            redis.RedisError: The call failed.
            ForeignDataSet: The data set belongs to another site; nothing was done.
        """
        for _ in range(ATTEMPTS):
            try:
                return super().call(client, keys, self.arguments(keys, args))
            except ResponseError as error:
                if not _is_unclaimed(error):
                    raise
                claim(client, keys[self._meta])
        return super().call(client, keys, self.arguments(keys, args))


@lru_cache(maxsize=16)
def _guarded(names: tuple[str, ...], meta: int) -> str:
    return source("check_site").replace("@META", str(meta + 1)) + source(*names)


def _is_unclaimed(error: ResponseError) -> bool:
    return str(error).startswith("SITE ")


def known(shard: int = 0) -> str:
    """Return the site of a shard's data set, ``""`` if this process has not claimed it yet."""
    return _known.get(Keys(shard).meta, "")


async def acurrent() -> str:
    """Return the id of this site, which is that of its first shard.

    Raises:
        redis.RedisError: Redis does not answer.
        ForeignDataSet: The data set belongs to another site.
    """
    meta = Keys(0).meta
    if meta not in _known:
        async with connections.aalone(0) as connection:
            await aclaim(connection, meta)
    return _known[meta]


async def acheck() -> str:
    """Return the id of this site as Redis has it now.

    Raises:
        redis.RedisError: Redis does not answer.
        ForeignDataSet: The data set belongs to another site.
    """
    meta = Keys(0).meta
    async with connections.aalone(0) as connection:
        await aclaim(connection, meta)
    return _known[meta]


def claim(client: Any, meta: str, database: str = "", *, force: bool = False) -> str:
    """Claim a data set for this site, and return the identity of the database that it was claimed for before.

    Args:
        client: A client of its server.
        meta: The name of its ``meta`` hash.
        database: The identity of this site's database. If it is empty, it is read only if no secret key matches.
        force: Take the data set away from the site that has it.

    Raises:
        redis.RedisError: Redis does not answer.
        ForeignDataSet: The data set belongs to another site.
    """
    if not force:
        _raise_refused(meta)
    before = _read(meta, _claim.call(client, [meta], _arguments(meta, database, force)))
    if before is None and not database and (database := baseline.identity()):
        before = _read(meta, _claim.call(client, [meta], _arguments(meta, database)))
    if before is None:
        _refuse(meta)
        raise ForeignDataSet(meta)
    return before


async def aclaim(connection: Any, meta: str) -> None:
    """Claim a data set for this site on the socket path.

    Args:
        connection: A connection to its server that no other caller uses.
        meta: The name of its ``meta`` hash.

    Raises:
        redis.RedisError: Redis does not answer.
        ForeignDataSet: The data set belongs to another site.
    """
    _raise_refused(meta)
    before = _read(meta, await _aclaim(connection, meta, ""))
    if before is None:
        loop = asyncio.get_running_loop()
        database = await loop.run_in_executor(None, _identity_in_thread)
        if database:
            before = _read(meta, await _aclaim(connection, meta, database))
    if before is None:
        _refuse(meta)
        raise ForeignDataSet(meta)


async def _aclaim(connection: Any, meta: str, database: str) -> Any:
    args = _arguments(meta, database)
    await _claim.asend(connection, [meta], args)
    return await _claim.areply(connection, [meta], args)


def check(shard: int) -> None:
    """Refuse a data set that is not ours, before a caller uses it without a script.

    Raises:
        redis.RedisError: Redis does not answer.
        ForeignDataSet: The data set belongs to another site.
    """
    claim(connections.sync_client(shard), Keys(shard).meta)


def check_database(shard: int, *, again: bool = True) -> None:
    """Claim a data set for our database too, so that a changed secret key does not lose the data set.

    Args:
        shard: The number of the shard.
        again: Ask Redis even if this process has claimed the data set before.

    Raises:
        redis.RedisError: Redis does not answer.
        ForeignDataSet: The data set belongs to another site.
    """
    meta = Keys(shard).meta
    noted = _noted.get(meta, "")
    if noted and meta in _known and not again:
        return
    database = baseline.identity()
    before = claim(connections.sync_client(shard), meta, database)
    if database:
        _noted[meta] = database
    if before not in {"", database} and noted == database and _once(f"{meta} database"):
        logger.error(
            "two databases take views from the data set %s in turn, so that each has a part of them. Give each site a "
            "DJINSIGHT_REDIS_KEY_PREFIX or a Redis database of its own.",
            meta,
        )


def adopt(shard: int) -> None:
    """Take a data set away from the site that has it. Raises redis.RedisError."""
    meta = Keys(shard).meta
    _known.pop(meta, None)  # the new id tells the processes of the other site that it is theirs no longer
    _refused_until.pop(meta, None)
    claim(connections.sync_client(shard), meta, baseline.identity(), force=True)


def _identity_in_thread() -> str:
    baseline.release()
    try:
        return baseline.identity()
    finally:
        baseline.release()


def _arguments(meta: str, database: str, force: bool = False) -> list[Any]:
    # A Redis that lost its data gets the id that this process knows, so that the site's other processes keep theirs.
    site = _known.get(meta) or secrets.token_hex(16)
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return [site, database, int(force), *map(_fingerprint, keys)]


@lru_cache(maxsize=16)
def _fingerprint(key: str | bytes) -> str:
    return salted_hmac(_SALT, "fingerprint", secret=key, algorithm="sha256").hexdigest()[:32]


def _read(meta: str, reply: Sequence[Any]) -> str | None:
    """Keep the site in ``reply``; return the database that it was claimed for before, None if it is not ours."""
    ours, site, database = reply
    if not ours:
        _known.pop(meta, None)
        return None
    _known[meta] = site.decode()
    _refused_until.pop(meta, None)
    return str(database.decode())


def _raise_refused(meta: str) -> None:
    if time.monotonic() < _refused_until.get(meta, 0.0):
        raise ForeignDataSet(meta)


def _refuse(meta: str) -> None:
    _refused_until[meta] = time.monotonic() + REFUSED_FOR
    if _once(meta):
        logger.error("%s; no view is counted and none is persisted. %s", ForeignDataSet(meta), ForeignDataSet.hint)


def _once(text: str) -> bool:
    if text in _told:
        return False
    _told.add(text)
    return True


def forget() -> None:
    """Forget the sites of all data sets, so that this process claims them again."""
    for each in (_known, _noted, _refused_until, _told):
        each.clear()


def _forget(*, setting: str, **kwargs: Any) -> None:
    if setting in {"CACHES", "SECRET_KEY", "SECRET_KEY_FALLBACKS"} or setting.startswith("DJINSIGHT_REDIS_"):
        forget()


setting_changed.connect(_forget)
