"""Fuzzing: any input of a client is parsed or refused, and nothing else happens.

``check`` is one round with any bytes. With ``python -m tests.faults.fuzz -max_total_time=60``, atheris chooses the
bytes by the code that they reach.
"""

from __future__ import annotations

import re
import sys
from contextlib import suppress

import django

MAX_BYTES = 6000  # more than the limit of a frame


def check(data: bytes) -> None:
    """Parse ``data`` as every kind of client input. Raises for any outcome other than success or a refusal."""
    from djinsight.beacons import addresses, beacon, origins, tokens
    from djinsight.beacons.beacon import MAX_URL, Beacon
    from djinsight.beacons.handshakes import Handshake
    from djinsight.exceptions import InvalidRef, InvalidToken, Rejected
    from djinsight.tracked.refs import ObjectRef

    text = data.decode("utf-8", "surrogateescape")  # with lone surrogates, which JSON can bring
    message: beacon.Message | Rejected
    try:
        message = beacon.parse(text)
    except Rejected as error:
        message = error
    if isinstance(message, Rejected):
        assert message.view_id is None or re.fullmatch(r"[A-Za-z0-9_-]{16,36}", message.view_id)
        assert str(message) == message.reason.value
    else:
        # Only a valid token makes a view, and no input can guess one.
        assert not isinstance(message, Beacon)
        assert not getattr(message, "refs", ()) or '"unsubscribe"' in text or "\\u" in text
        assert len(text) <= beacon.MAX_FRAME <= 2 * MAX_URL
    for scope in ("view", "watch"):
        try:
            tokens.read(text, scope)  # type: ignore[arg-type]
        except InvalidToken:
            continue
        raise AssertionError(f"accepted {text!r}")
    with suppress(InvalidRef):
        assert str(ObjectRef.parse(text)) == text
    address = addresses.of_client(text[:64], text)
    assert address == addresses.canonical(address)
    pairs = [(b"host", b"testserver"), (b"origin", data), (b"x-forwarded-host", data), (data[:32], data)]
    assert not origins.permitted(Handshake({"headers": pairs})) or data == b"http://testserver"


def main() -> None:
    import atheris  # type: ignore[import-not-found,unused-ignore]

    with atheris.instrument_imports(include=["djinsight.beacons"], enable_loader_override=False):
        django.setup()
        check(b"")
    atheris.Setup([*sys.argv, f"-max_len={MAX_BYTES}"], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
