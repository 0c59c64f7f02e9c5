"""The object that a command is about, by its ref."""

from __future__ import annotations

import argparse

from django.core.management.base import CommandError

from djinsight.exceptions import InvalidRef
from djinsight.tracked import objects
from djinsight.tracked.refs import ObjectRef


def ref(text: str) -> ObjectRef:
    """Read an argument like ``blog.article:5``."""
    try:
        return ObjectRef.parse(text)
    except InvalidRef as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def expect(*refs: ObjectRef) -> None:
    """Raise CommandError if one of ``refs`` does not exist."""
    known = {each for _, group in objects.by_model(refs) for each in group}
    for each in (*(each for each in refs if each not in known), *objects.missing(refs)):
        raise CommandError(f"There is no {each}.")
