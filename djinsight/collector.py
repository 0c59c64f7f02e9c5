"""The garbage collector, which rests while a batch is written."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept() -> Iterator[None]:
    """No search for garbage within.

    For what makes many objects that all live until its end: the search finds nothing, and looks through all of them
    again and again. It took a sixth of the time of persist. What threads beside it leave is found afterwards.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
