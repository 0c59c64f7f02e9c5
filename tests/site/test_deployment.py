"""The deployment of the how-to guide: its nginx and its settings, in front of two servers."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from djinsight.history.persist import persist
from djinsight.models import PageViewLog
from tests.blog.models import Article
from tests.support.documents import ROOT, blocks
from tests.support.processes import Process
from tests.support.servers import cannot_run
from tests.support.sockets import BROWSER, Network, Page, view_id

pytestmark = [pytest.mark.once, pytest.mark.docs]

BLOCKS = {block.title: block.text for block in blocks(ROOT / "docs" / "how-to" / "deployment.md") if block.title}
CLIENT = "127.0.0.2"  # another address than that of the proxy

Daphne = Callable[..., str]


def replaced(text: str, parts: dict[str, str]) -> str:
    """Put this machine's names in place of those of the guide, each of which has to be there."""
    for before, after in parts.items():
        assert before in text
        text = text.replace(before, after)
    return text


@pytest.fixture
def site(tmp_path: Path, daphne: Daphne) -> Iterator[str]:
    """The site's host: nginx in front of two servers, both with the settings of the guide."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    if not Path(program).exists():
        cannot_run("no nginx on this machine")
    static = tmp_path / "static"
    static.mkdir()
    (static / "collected.txt").write_text("sent by nginx")
    certify = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=example.org -keyout key.pem -out cert.pem"
    subprocess.run(certify.split(), cwd=tmp_path, check=True, capture_output=True)

    settings: dict[str, Any] = {}
    exec(BLOCKS["mysite/settings.py"], settings)
    chosen = {name: value for name, value in settings.items() if name.isupper()}
    servers = [daphne(**chosen, DJINSIGHT_ANONYMIZE_IP=False) for _ in range(2)]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = replaced(
        BLOCKS["/etc/nginx/conf.d/mysite.conf"],
        {
            "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
            "127.0.0.1:8000": servers[0],
            "127.0.0.1:8001": servers[1],
            "/srv/mysite/static/": f"{static}/",
            "/etc/ssl/example.org/fullchain.pem": f"{tmp_path}/cert.pem",
            "/etc/ssl/example.org/privkey.pem": f"{tmp_path}/key.pem",
        },
    )
    temporary = "".join(
        f"{name}_temp_path {tmp_path}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    # As root, nginx would read files as "nobody", who may not enter the tests' folder.
    user = "user root;" if os.geteuid() == 0 else ""
    (tmp_path / "nginx.conf").write_text(
        f"{user} daemon off; pid {tmp_path}/pid; error_log stderr notice; worker_processes 1; events {{}}\n"
        f"http {{ access_log off; {temporary}\n{config} }}\n"
    )
    process = Process("-c", f"import os; os.execv({program!r}, ['nginx', '-c', '{tmp_path}/nginx.conf'])")
    process.wait_for("start worker process ")
    yield f"example.org:{port}"
    process.stop()


def context() -> ssl.SSLContext:
    made = ssl.create_default_context()
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


def get(host: str, path: str) -> str:
    connection = http.client.HTTPSConnection("127.0.0.1", int(host.partition(":")[2]), context=context(), timeout=60)
    connection.request("GET", path, headers={"Host": host, "User-Agent": BROWSER})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    assert answer.status == 200, text
    return text


async def open_socket(host: str, scheme: str = "https") -> Page:
    """Open a socket of the site, as a page with an address of that scheme would."""
    connection = await connect(
        f"wss://{host}/ws/djinsight/",
        host="127.0.0.1",
        port=int(host.partition(":")[2]),
        local_addr=(CLIENT, 0),
        ssl=context(),
        # A client that claims to be another one is not believed.
        additional_headers={"origin": f"{scheme}://{host}", "x-forwarded-for": "198.51.100.7"},
        user_agent_header=BROWSER,
        proxy=None,
    )
    return Page(Network(connection))


async def test_two_servers_behind_nginx(site: str, article: Article) -> None:
    html = await sync_to_async(get)(site, f"/articles/{article.pk}/")
    view, watch = (unescape(re.search(f'data-djinsight-{each}="([^"]+)"', html)[1]) for each in ("view", "watch"))  # type: ignore[index]
    pages = [await open_socket(site) for _ in range(4)]  # in turn at each of the servers
    for page in pages:
        await page.subscribe(watch)

    await pages[0].send({"type": "view", "id": view_id(), "token": view})
    for page in pages:
        assert (await page.counter(1))["total_views"] == 1

    await sync_to_async(persist)()
    assert [row.ip_address async for row in PageViewLog.objects.all()] == [CLIENT]
    for page in pages:
        await page.close()


async def test_an_origin_of_another_scheme_is_refused(site: str, article: Article) -> None:
    """The proxy tells the scheme, so that the origin of a page is compared with the address that browsers see."""
    with pytest.raises(InvalidStatus) as refused:
        await open_socket(site, scheme="http")
    assert refused.value.response.status_code == 403


async def test_uvicorn_does_not_compress(db: None) -> None:
    (line,) = (
        line
        for block in blocks(ROOT / "docs" / "how-to" / "deployment.md")
        for line in block.text.splitlines()
        if line.startswith("$ uvicorn ")
    )
    command = replaced(line, {"$ ": "", "--port 8000": "--port 0", "mysite.asgi": "tests.asgi"})
    process = Process("-m", *command.split())
    try:
        host = process.wait_for(r"Uvicorn running on http://(127\.0\.0\.1:\d+)")[1]
        async with connect(
            f"ws://{host}/ws/djinsight/",
            compression="deflate",
            additional_headers={"origin": f"http://{host}"},
            proxy=None,
        ) as connection:
            assert connection.protocol.extensions == []
    finally:
        process.stop()


def test_nginx_sends_the_static_files(site: str) -> None:
    assert get(site, "/static/collected.txt") == "sent by nginx"
