"""The reference has every name that a site may use: a name that is added without a line in it fails here."""

from __future__ import annotations

import json
import re
from enum import Enum
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
from django.apps import apps
from django.core.management import BaseCommand, get_commands, load_command_class

from djinsight import api, testing
from djinsight.beacons import beacon, tokens
from djinsight.counting.snapshot import Snapshot
from djinsight.exceptions import DjinsightError, Reason
from djinsight.live import frames
from djinsight.live.frames import CloseCode
from djinsight.metrics import METRICS, MORE
from djinsight.models import PageViewStatisticsMixin
from djinsight.templatetags.djinsight_tags import register
from djinsight.tracked.refs import ObjectRef
from tests.celery import app
from tests.support.documents import ROOT, blocks

pytestmark = pytest.mark.docs

REFERENCE = ROOT / "docs" / "reference"


def text_of(page: str) -> str:
    return (REFERENCE / page).read_text(encoding="utf-8")


def cells(page: str) -> set[str]:
    """Return each name in backticks in the first column of a table of ``page``."""
    rows = re.findall(r"^\| ((?:filter )?`[^|]+`) \|", text_of(page), re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`(\w[\w.:]*)", row)}


def test_every_check() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "djinsight").rglob("*.py")]
    ids = {found for source in sources for found in re.findall(r"\bdjinsight\.[EW]\d{3}\b", source)}
    assert len(ids) > 10
    assert sorted(cells("checks.md")) == sorted(ids)


# A metric's line in the page of metrics is enough: its tag, its columns and its key on the wire have its name.
OF_METRICS = cells("metrics.md")
STAT_TAGS = {metric.tag for metric in METRICS}


def test_every_metric() -> None:
    assert cells("metrics.md") == {metric.name for metric in METRICS}


def test_every_tag_and_filter() -> None:
    listed = cells("tags.md") | {f"{name}_stat" for name in OF_METRICS}
    assert {*register.tags, *register.filters} - listed == set()


def test_every_argument_of_a_tag() -> None:
    """An argument is in the page as ``name=`` or in backticks."""
    text = text_of("tags.md")
    for name in set(register.tags) - STAT_TAGS:  # those take obj alone
        function: Any = getattr(import_module("djinsight.templatetags.djinsight_tags"), name)
        arguments = [each for each in function.__annotations__ if each not in {"context", "return"}]
        missing = [each for each in arguments if not re.search(rf"`{each}[=`]", text)]
        assert missing == [], name


def options_of(command: BaseCommand) -> set[str]:
    parser = command.create_parser("manage.py", "name")
    return {option for action in parser._actions for option in action.option_strings}


def test_every_command_and_option() -> None:
    text = text_of("commands.md")
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    commands = {name for name, package in get_commands().items() if package == "djinsight"}
    assert set(sections) == commands
    everywhere = options_of(BaseCommand())
    for name in commands:
        options = options_of(load_command_class("djinsight", name)) - everywhere
        assert [option for option in options if option not in sections[name]] == [], name


def test_every_task() -> None:
    app.loader.import_default_modules()
    tasks = {name for name in app.tasks if name.startswith("djinsight.")}
    assert cells("tasks.md") == tasks


@pytest.mark.parametrize("module", [api, testing], ids=lambda module: module.__name__)
def test_every_public_name(module: ModuleType) -> None:
    text = text_of("python-api.md")
    documented = {*re.findall(r"^\.\. auto\w+:: (\w+)", text, re.MULTILINE), *re.findall(r"`(\w+)`", text)}
    assert set(module.__all__) - documented == set()
    # All but the async twins come from their docstrings.
    twins = {name for name in module.__all__ if name[0] == "a" and name[1:] in module.__all__}
    rendered = set(re.findall(r"^\.\. auto\w+:: (\w+)", text, re.MULTILINE))
    assert set(module.__all__) - twins - rendered == set()


def test_every_exception() -> None:
    rendered = set(re.findall(r"^\.\. autoexception:: (\w+)", text_of("python-api.md"), re.MULTILINE))
    errors = {
        name
        for name, value in vars(import_module("djinsight.exceptions")).items()
        if isinstance(value, type) and issubclass(value, DjinsightError)
    }
    assert errors - rendered == set()


def test_every_name_of_the_mixin() -> None:
    names = {name for name in vars(PageViewStatisticsMixin) if not name.startswith("_")}
    own = names - {"djinsight_tracked", "add_to_class"}  # of the package itself
    columns = {"total_views", "unique_views", "first_viewed_at", "last_viewed_at"}
    assert (own | columns) - cells("querying.md") == set()


def test_every_table_and_field() -> None:
    text = text_of("tables.md")
    for model in apps.get_app_config("djinsight").get_models():
        assert f"`{model.__name__}`" in text
        fields = {field.name for field in model._meta.concrete_fields} - {"id"} - {metric.name for metric in MORE}
        assert [name for name in fields if f"`{name}`" not in text] == [], model.__name__


@pytest.mark.parametrize(("kinds", "section"), [(Reason, "Reasons"), (CloseCode, "Close codes")])
def test_every_value_on_the_wire(kinds: type[Enum], section: str) -> None:
    table = text_of("wire.md").partition(f"## {section}")[2].partition("\n## ")[0]
    listed = {name for row in re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE) for name in re.findall(r"[\w_]+", row)}
    assert listed - {"reason", "code"} == {str(kind.value) for kind in kinds}


def test_frames_of_a_client_are_read() -> None:
    """Each example is taken by the parser, with a real token in place of the shortened one."""
    ref = ObjectRef("blog", "article", "5")
    (block,) = [block for block in blocks(REFERENCE / "wire.md") if '"subscribe"' in block.text]
    for line in block.text.splitlines():
        for scope in ("view", "watch"):
            line = line.replace(f"{scope}::blog.article:5:...", tokens.mint(scope, ref))  # type: ignore[arg-type]
        assert beacon.parse(line)


def test_frames_of_the_server_have_these_keys() -> None:
    (block,) = [block for block in blocks(REFERENCE / "wire.md") if '"counted"' in block.text]
    shown = {frame["type"]: frame for frame in map(json.loads, block.text.splitlines())}
    ref = ObjectRef("blog", "article", "5")
    made = [
        frames.counted("x" * 16, True),
        frames.rejected("x" * 16, Reason.BOT),
        frames.visitor("x", 1),
        frames.counters([frames.counter(Snapshot(ref, 12, 7, 3, 0, 0, 20787))]),
        frames.ping(1),
        frames.error(Reason.MALFORMED),
    ]
    for frame in map(json.loads, made):
        assert set(shown.pop(frame["type"])) == set(frame)
        if frame["type"] == "counters":
            assert '"version": 1220787' in block.text
            assert frame["counters"][0]["version"] == 1220787
            assert all(
                f'"{key}"' in block.text for key in frame["counters"][0] if key not in {metric.name for metric in MORE}
            )
    assert shown == {}


def test_the_glossary_has_the_words_of_the_code() -> None:
    terms = set(re.findall(r"^## (.+)$", text_of("glossary.md"), re.MULTILINE))
    words = (
        "ref token beacon snapshot cursor epoch shard cold shed conflation rollup metric dimension reader view visitor "
        "group subscriber persist stream hub refusal"
    )
    assert {*words.split(), "engaged time", "view id", "dead letter"} <= terms
