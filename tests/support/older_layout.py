"""Older layout: keys as djinsight 0.1 (``page_id``, counters with and without the model) and 0.4 wrote them."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import redis

WEEK = 7 * 24 * 3600
PREFIX = "djinsight:pageview:"
SESSION = "q5yvkmqm3j2tfl8b1chn7e4r0xw9zsad"


def view(
    client: redis.Redis,
    pk: int,
    label: str = "blog.article",
    *,
    session: str = SESSION,
    layout: str = "0.4",
    prefix: str = PREFIX,
    at: float | None = None,
    **fields: Any,
) -> str:
    """Record one view as the older package did, and return the key of its record."""
    view_id = str(uuid.uuid4())
    mark = f"{prefix}session:{session}:page:" + (f"{pk}" if layout == "0.1" else f"{label}:{pk}")
    unique = not client.exists(mark)
    record = {
        "content_type": label,
        ("page_id" if layout == "0.1" else "object_id"): pk,
        "url": f"/articles/{pk}/",
        "session_key": session,
        "ip_address": "198.51.100.77",
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
        "referrer": "https://example.org/",
        "timestamp": int(time.time() if at is None else at),
        "is_unique": unique,
        **({} if layout == "0.1" else {"view_id": view_id}),
        **fields,
    }
    with client.pipeline() as pipe:
        pipe.set(f"{prefix}{view_id}", json.dumps(record), ex=WEEK)
        names = [f"{label}:{pk}", f"{pk}"] if layout == "0.1" else [f"{label}:{pk}"]
        for name in names:
            pipe.incr(f"{prefix}counter:{name}")
            if unique:
                pipe.incr(f"{prefix}unique_counter:{name}")
        pipe.set(mark, 1, ex=WEEK)
        pipe.execute()
    return f"{prefix}{view_id}"
