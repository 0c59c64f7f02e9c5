"""A Lua script: its source, its digest, and calls of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha1
from importlib.resources import files
from typing import Any

from redis.exceptions import NoScriptError

from djinsight.counting.keys import more_fields


class Script:
    """A script that is called by its digest; its source is sent only if Redis does not know it.

    Args:
        names: The names of its files without ``.lua``, in the order in which they are put together.
    """

    def __init__(self, *names: str) -> None:
        self.names = names  # the files that the script needs come first

    @property
    def text(self) -> str:
        """The source, as Redis is sent it."""
        return source(*self.names)

    @property
    def digest(self) -> str:
        """The SHA-1 of ``text``, by which Redis knows the script."""
        return digest_of(self.text)

    async def asend(self, connection: Any, keys: Sequence[str], args: Sequence[Any]) -> None:
        """Send one call of the script on a connection that no other caller uses.

        The caller then calls ``areply`` with the same arguments.
        """
        await connection.send_command("EVALSHA", self.digest, len(keys), *keys, *args)

    async def areply(self, connection: Any, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Return the reply to the call that ``asend`` sent. Raises redis.RedisError.

        A NOSCRIPT reply means that nothing ran, so that sending the source is safe.
        """
        try:
            return await connection.read_response()
        except NoScriptError:
            await connection.send_command("EVAL", self.text, len(keys), *keys, *args)
            return await connection.read_response()

    def call(self, client: Any, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Call the script with a sync client, and return the reply. Raises redis.RedisError."""
        try:
            return client.evalsha(self.digest, len(keys), *keys, *args)
        except NoScriptError:
            return client.eval(self.text, len(keys), *keys, *args)


@lru_cache(maxsize=16)
def source(*names: str) -> str:
    """Return the source of the files ``<name>.lua``, put together in this order.

    If ``numbers`` is among them, the list of the fields of further metrics comes before all files.
    """
    folder = files("djinsight.counting.scripts")
    texts = [folder.joinpath(f"{name}.lua").read_text(encoding="utf-8") for name in names]
    if "numbers" in names:
        texts.insert(0, f"local MORE_FIELDS = {{{', '.join(repr(field) for field in more_fields())}}}")
    return "\n".join(texts)


@lru_cache(maxsize=16)
def digest_of(text: str) -> str:
    """Return the SHA-1 by which Redis knows a script."""
    return sha1(text.encode(), usedforsecurity=False).hexdigest()
