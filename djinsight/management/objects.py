"""Objects: read the refs in a command's arguments."""

from __future__ import annotations

import argparse

from django.core.management.base import CommandError

from djinsight.exceptions import InvalidRef
from djinsight.tracked import objects
from djinsight.tracked.refs import ObjectRef


def ref(text: str) -> ObjectRef:
    """Parse an argument like ``blog.article:5``; an argparse type."""
    try:
        return ObjectRef.parse(text)
    except InvalidRef as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def expect(*refs: ObjectRef) -> None:
    """Check that the objects of ``refs`` exist.

    Raises:
        CommandError: One of them does not.
    """
    known = {each for _, group in objects.by_model(refs) for each in group}
    for each in (*(each for each in refs if each not in known), *objects.missing(refs)):
        raise CommandError(f"There is no {each}.")
