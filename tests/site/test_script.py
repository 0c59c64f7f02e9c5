"""The built script: it matches its sources, runs in old browsers, and is small."""

from __future__ import annotations

import gzip
import json
import re
import shlex
from pathlib import Path

import pytest

import djinsight
from tests.support import node

pytestmark = pytest.mark.once

STATIC = Path(djinsight.__file__).parent / "static" / "djinsight"
SOURCES = Path(djinsight.__file__).parent / "js"
MAX_LOADED = 3072  # gzipped bytes of the script that every page loads


def test_the_script_is_built_from_its_sources(tmp_path: Path) -> None:
    """After a change in djinsight/js, run ``npm install && npm run build`` in tests/js."""
    command = json.loads((node.FOLDER / "package.json").read_text())["scripts"]["build"]
    node.run(*shlex.split(command.replace("../../djinsight/static/djinsight", str(tmp_path))))
    built = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert built
    assert built == {name: (STATIC / name).read_text() for name in built}


def test_both_files_share_the_short_names() -> None:
    """The build makes each file alone. So each property has a name in ``names.json``, and no two have the same."""
    sources = "".join(path.read_text() for path in SOURCES.glob("*.js"))
    code = re.sub(r"//[^\n]*|/[^/\n]+/[.)]", "", sources)
    names = json.loads((SOURCES / "names.json").read_text())
    assert set(re.findall(r"\b[a-zA-Z]+_\b", code)) == set(names)
    assert len(set(names.values())) == len(names)


@pytest.mark.parametrize("name", ["djinsight.js", "more.js"])
def test_the_oldest_browsers_can_read_it(name: str) -> None:
    """The script is ES2017 without ES modules, as docs/reference/script.md says."""
    node.run("acorn", "--ecma2017", "--silent", str(STATIC / name))


def test_what_a_page_loads_is_small() -> None:
    assert len(gzip.compress((STATIC / "djinsight.js").read_bytes(), 9)) <= MAX_LOADED
