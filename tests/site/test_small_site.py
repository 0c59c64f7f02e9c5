"""A small site: worker and beat in one command, or cron in place of both, as the how-to guide has them."""

from __future__ import annotations

import os
import select
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from djinsight.models import PageViewLog
from djinsight.schedule import create_periodic_tasks
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article
from tests.support.counted_views import count_views
from tests.support.documents import ROOT, blocks
from tests.support.processes import STOP_WITHIN, Process

pytestmark = [pytest.mark.once, pytest.mark.docs, pytest.mark.django_db(transaction=True)]

GUIDE = blocks(ROOT / "docs" / "how-to" / "celery.md")
MANAGE = "import sys; from django.core import management; management.execute_from_command_line(sys.argv)"


def test_worker_and_beat_in_one_command(article: Article) -> None:
    """Views that wait when it starts are in the database after the first run of persist, and it ends as a whole."""
    (line,) = (line for block in GUIDE for line in block.text.splitlines() if "worker --beat" in line)
    arguments = shlex.split(line.removeprefix("$ ").replace("mysite", "tests.celery"))
    create_periodic_tasks(using="default")
    count_views(ObjectRef.of(article), 3)
    process = Process("-m", *arguments, "--loglevel", "INFO")
    try:
        process.wait_for(r"Task djinsight\.persist\[.*\] succeeded")
        assert PageViewLog.objects.count() == 3
        pid = process.popen.pid
        (beat,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ends = os.pidfd_open(int(beat))
    finally:
        status = process.stop()
    assert status == 0
    try:
        assert select.select([ends], [], [], STOP_WITHIN)[0], "beat goes on without the worker"
    finally:
        os.close(ends)


def test_cron(article: Article, tmp_path: Path) -> None:
    """The lines run as cron runs them, and say nothing, as cron would mail it."""
    (crontab,) = (block.text for block in GUIDE if block.title == "crontab")
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    (tmp_path / "manage.py").write_text(MANAGE)
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "TEST_DATABASE_NAME": str(connection.settings_dict["NAME"]),
    }
    count_views(ObjectRef.of(article), 3)
    ran = []
    for line in crontab.splitlines():
        command = line.split(maxsplit=5)[5]
        assert "/srv/mysite" in command
        command = command.replace("/srv/mysite", str(tmp_path))
        done = subprocess.run(command, shell=True, env=environment, capture_output=True, text=True, timeout=300)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), command
        ran.append(command.partition("manage.py ")[2].split())
    assert PageViewLog.objects.count() == 3
    assert len(ran) == 3
