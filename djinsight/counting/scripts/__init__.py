"""The Lua scripts: one file a script, whose header lists KEYS and ARGV."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha1
from importlib.resources import files
from typing import Any

from redis.exceptions import NoScriptError


class Script:
    """One script, called by its digest; Redis is sent the text only where it does not know it."""

    def __init__(self, *names: str) -> None:
        self.names = names  # of files: what the script needs, then the script

    @property
    def text(self) -> str:
        return _text(self.names)

    @property
    def digest(self) -> str:
        return _digest(self.names)

    async def asend(self, connection: Any, keys: Sequence[str], args: Sequence[Any]) -> None:
        """Have it run once, by the connection of who is alone on it; ``areply`` is to follow, with the same."""
        await connection.send_command("EVALSHA", self.digest, len(keys), *keys, *args)

    async def areply(self, connection: Any, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """What it returns. A NOSCRIPT reply means that nothing ran, so that sending the text is safe."""
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
def _text(names: tuple[str, ...]) -> str:
    return "\n".join(files(__package__).joinpath(f"{name}.lua").read_text(encoding="utf-8") for name in names)


@lru_cache(maxsize=16)
def _digest(names: tuple[str, ...]) -> str:
    return sha1(_text(names).encode(), usedforsecurity=False).hexdigest()


count_views = Script("numbers", "segments", "count_views")
read_counters = Script("numbers", "read_counters")
load_counters = Script("numbers", "segments", "load_counters")
begin_epoch = Script("begin_epoch")
trim_stream = Script("numbers", "segments", "trim_stream")
spill_shed = Script("numbers", "segments", "spill_shed")
count_refusals = Script("count_refusals")
take_refusals = Script("take_refusals")
drop_refusals = Script("drop_refusals")
