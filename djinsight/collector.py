"""Collector: pause Python's garbage collector while many objects are made that all live on."""

from __future__ import annotations

import gc


class Paused:
    """Pauses the garbage collector within the block.

    A block that makes many objects, all of which live until its end, gives the collector nothing to free. Yet it looks
    through all of them again and again, which took a sixth of the time of persist. Garbage of other threads is
    collected afterwards.

    This is no generator: its end would make objects, and so start a collection at once.
    """

    def __enter__(self) -> None:
        self._was_on = gc.isenabled()
        gc.disable()

    def __exit__(self, *error: object) -> None:
        if self._was_on:
            gc.enable()
