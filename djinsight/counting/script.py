"""One Lua script: its text, its digest, and calls of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha1
from importlib.resources import files
from typing import Any

from redis.exceptions import NoScriptError

from djinsight.counting.keys import more_fields


class Script:
    """One script, called by its digest; Redis is sent the text only where it does not know it."""

    def __init__(self, *names: str) -> None:
        self.names = names  # of files: those that the script needs come first

    @property
    def text(self) -> str:
        return source(*self.names)

    @property
    def digest(self) -> str:
        return digest_of(self.text)

    async def asend(self, connection: Any, keys: Sequence[str], args: Sequence[Any]) -> None:
        """Have it run once, by the connection of who is alone on it; ``areply`` is to follow, with the same."""
        await connection.send_command("EVALSHA", self.digest, len(keys), *keys, *args)

    async def areply(self, connection: Any, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Return its reply. A NOSCRIPT reply means that nothing ran, so that sending the text is safe."""
        try:
            return await connection.read_response()
        except NoScriptError:
            await connection.send_command("EVAL", self.text, len(keys), *keys, *args)
            return await connection.read_response()

    def call(self, client: Any, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Both, by a client of a worker."""
        try:
            return client.evalsha(self.digest, len(keys), *keys, *args)
        except NoScriptError:
            return client.eval(self.text, len(keys), *keys, *args)


@lru_cache(maxsize=16)
def source(*names: str) -> str:
    """Return the text of the files ``<name>.lua``, one after the other, behind the fields of further metrics."""
    folder = files("djinsight.counting.scripts")
    texts = [folder.joinpath(f"{name}.lua").read_text(encoding="utf-8") for name in names]
    if "numbers" in names:
        texts.insert(0, f"local MORE_FIELDS = {{{', '.join(repr(field) for field in more_fields())}}}")
    return "\n".join(texts)


@lru_cache(maxsize=16)
def digest_of(text: str) -> str:
    """Return the digest by which Redis knows a script."""
    return sha1(text.encode(), usedforsecurity=False).hexdigest()
