"""The command that makes the pictures of the documentation makes one."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from demo.screenshots import SHOTS
from tests.support.documents import ROOT
from tests.support.servers import cannot_run

pytestmark = pytest.mark.once


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "demo.screenshots", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


@pytest.mark.browser
def test_a_picture(tmp_path: Path) -> None:
    if not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        cannot_run("no Chromium on this machine")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    done = run("articles-phone", "--to", str(tmp_path), "--port", port)
    assert done.returncode == 0, done.stdout + done.stderr
    with Image.open(tmp_path / "articles-phone.png") as picture:
        assert picture.size == (390, 844)


def test_a_name_that_is_none() -> None:
    done = run("nothing")
    assert done.returncode == 2
    assert "nothing" in done.stderr


def test_every_picture_is_made_by_it_and_shown() -> None:
    pictures = {path.stem for path in (ROOT / "docs" / "images").iterdir()}
    assert pictures == set(SHOTS)
    pages = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").rglob("*.md"))
    assert {name for name in SHOTS if f"images/{name}." not in pages} == set()
