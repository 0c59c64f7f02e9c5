"""The parsers of client input, with generated inputs."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from djinsight.beacons import beacon, tokens, visitors
from djinsight.beacons.beacon import MAX_FRAME, MAX_URL, Beacon, Subscribe, parse
from djinsight.beacons.unprintable import UNPRINTABLE
from djinsight.exceptions import InvalidRef, InvalidToken, Reason, Rejected
from djinsight.tracked.refs import ObjectRef
from tests.faults.fuzz import check
from tests.support.processes import ROOT, Process

pytestmark = pytest.mark.once

# CI always uses the same examples, so that its result depends on the code alone. Other runs use new examples.
fuzzed = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "400")),
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

REF = ObjectRef("blog", "article", "5")
anything = st.text(st.characters(codec=None), max_size=300)
printable = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"], exclude_characters="\x7f"), max_size=100)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | anything,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(anything, inner, max_size=5),
    max_leaves=20,
)
refs = st.builds(
    ObjectRef, st.from_regex(r"[a-z_][a-z0-9_]{0,20}", fullmatch=True), st.just("article"), printable
).filter(lambda ref: ref.pk)
view_ids = st.from_regex(r"[A-Za-z0-9_-]{16,36}", fullmatch=True)


@fuzzed
@given(st.binary(max_size=500) | st.text(max_size=500).map(str.encode))
def test_any_bytes(data: bytes) -> None:
    check(data)


@fuzzed
@given(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["view", "subscribe", "unsubscribe", "pong"]) | values},
        optional={
            "id": view_ids | values,
            "token": st.just(tokens.mint("view", REF)) | values,
            "url": printable | values,
            "referrer": printable | values,
            "tokens": st.lists(st.just(tokens.mint("watch", REF)) | anything, max_size=120) | values,
            "refs": st.lists(st.just(str(REF)) | anything, max_size=5) | values,
            "n": st.integers() | values,
        },
    )
)
def test_frames(frame: dict[str, Any]) -> None:
    """An accepted frame respects every limit, and any other frame is refused with a reason."""
    text = json.dumps(frame)
    message: beacon.Message | Rejected
    try:
        message = parse(text)
    except Rejected as error:
        message = error
    if isinstance(message, Rejected):
        assert message.reason in Reason
        assert message.view_id in (None, frame.get("id"))
        return
    assert len(text) <= MAX_FRAME
    if isinstance(message, Beacon):
        assert message.ref == REF
        assert re.fullmatch(r"[A-Za-z0-9_-]{16,36}", message.view_id)
        for field in (message.url, message.referrer):
            assert len(field) <= MAX_URL
            assert field.encode().isascii() or field.isprintable() or not UNPRINTABLE.search(field)
    if isinstance(message, Subscribe):
        assert set(message.refs) <= {REF}
        assert len(message.refs) + len(message.refused) <= beacon.MAX_TOKENS


@fuzzed
@given(refs, st.sampled_from(["view", "watch"]), st.none() | st.floats(1, 1e6))
def test_what_was_minted_is_read(ref: ObjectRef, scope: Any, max_age: float | None) -> None:
    assert tokens.read(tokens.mint(scope, ref, max_age), scope) == ref


@fuzzed
@given(refs, st.sampled_from(["view", "watch"]), st.integers(0, 500), anything, st.integers(0, 20))
def test_no_change_to_a_token_is_read(ref: ObjectRef, scope: Any, at: int, put: str, cut: int) -> None:
    good = tokens.mint(scope, ref)
    at %= len(good) + 1
    changed = good[:at] + put + good[at + cut :]
    if changed == good:
        return
    with pytest.raises(InvalidToken):
        tokens.read(changed, scope)


@fuzzed
@given(anything)
def test_refs(text: str) -> None:
    with suppress(InvalidRef):
        assert str(ObjectRef.parse(text)) == text


@fuzzed
@given(
    st.lists(
        st.tuples(st.sampled_from([b"cookie", b"user-agent", b"dnt", b"x-forwarded-for"]) | st.binary(), st.binary())
    )
)
def test_headers(pairs: list[tuple[bytes, bytes]]) -> None:
    """Every visitor has a key, and fields that the database can store."""
    visitor = visitors.from_scope({"headers": pairs, "client": ("192.0.2.9", 5)}, 20_000)
    assert re.fullmatch(r"[0-9a-f]{22}", visitor.key)
    assert visitor.ip_address == "192.0.2.0"
    assert not UNPRINTABLE.search(visitor.user_agent)


if find_spec("atheris") is not None:  # it has builds for some platforms only

    def test_with_atheris(start: Callable[..., Process], tmp_path: Path) -> None:
        """Atheris finds no failing input within ``FUZZ_SECONDS``, guided by code coverage."""
        seconds = os.environ.get("FUZZ_SECONDS", "15")
        crash = f"-artifact_prefix={tmp_path}/"
        process = start("-m", "tests.faults.fuzz", f"-max_total_time={seconds}", crash, PYTHONPATH=str(ROOT))
        assert process.popen.wait(int(seconds) + 60) == 0, process.output
        done = process.wait_for(r"Done (\d+) runs")
        print(f"\natheris: {int(done[1]):,} inputs")
        assert int(done[1]) > 1000
