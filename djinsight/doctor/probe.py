"""The probe: one view over a real socket, followed into the database and deleted again.

The viewed object does not exist, and its model belongs to this app. So no number of a real object changes, and persist
keeps no sums, because it skips objects that do not exist. Only a log row remains, which the probe deletes at its end.
If a probe is killed before that, the next one deletes the row.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import redis
from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from websockets.exceptions import InvalidHandshake, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from djinsight import days
from djinsight.beacons import tokens
from djinsight.conf import conf
from djinsight.counting import connections, loading
from djinsight.counting.keys import Keys, shard_of
from djinsight.counting.snapshot import Snapshot
from djinsight.doctor.findings import Finding, Level, fine, problem
from djinsight.doctor.obstacles import LET_IN
from djinsight.doctor.site import Site, ask, frame_of, not_ours
from djinsight.exceptions import CountingUnavailable
from djinsight.history.persist import persist
from djinsight.live.publisher import Publisher
from djinsight.models import PageViewLog, PersistCursor
from djinsight.pages import fallback as routes
from djinsight.tracked.refs import ObjectRef

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
WITHIN = 5.0  # seconds a frame may take
LOOK_EVERY = 0.1  # seconds between two queries for the log row
TOKEN_AGE = 300  # seconds

_MARK = "doctor-"
_ELSEWHERE = 2  # views in the broadcast; more than the probe's one, so that pages accept it as newer
_CURES = {
    "token": "Give this command the SECRET_KEY of the server.",
    "expired": "Correct the clocks of both machines.",
    "disabled": "Set DJINSIGHT_ENABLE_TRACKING = True for the server.",
    "unavailable": "Make Redis reachable for the server, whose log has the error.",
    "busy": "Look at the load and the memory of Redis, which is too slow or full for all the views.",
}


class Probe:
    """Sends one probe view, and reports what becomes of it as ``findings``.

    Args:
        site: The site to send it to.
        wait: Seconds that a worker may take to write it.
        layer_delivers: True if the channel layer of this process delivers. If not, the probe broadcasts nothing.
        http_answers: True if the site's HTTP fallback works. If not, the probe sends nothing over HTTP.
    """

    def __init__(self, site: Site, wait: float, *, layer_delivers: bool = True, http_answers: bool = True) -> None:
        self.site = site
        self.wait = wait
        self.layer_delivers = layer_delivers
        self.http_answers = http_answers
        self.ref = ObjectRef("djinsight", "persistcursor", f"{_MARK}{secrets.token_hex(8)}")
        self.view_id = secrets.token_hex(16)

    def findings(self) -> Iterator[Finding]:
        """Run the probe, and yield a finding for each step."""
        clear()
        try:
            began = time.monotonic()
            counted = refused = False
            for finding in self._over_socket():
                counted = counted or (finding.code, finding.level) == ("counted", Level.FINE)
                refused = refused or finding.code == "refused"
                yield finding
            if self.http_answers and not refused:  # a refusal over HTTP would be the same finding again
                for finding in self._over_http():
                    counted = counted or finding.level is Level.FINE
                    yield finding
            if counted:
                yield from self._in_database(began)
        finally:
            clear(self.ref)

    def _over_socket(self) -> Iterator[Finding]:
        url, origin = self.site.socket_url, self.site.origin
        headers = self._headers()
        try:
            with connect(
                url,
                origin=Origin(origin),
                additional_headers=headers,
                user_agent_header=BROWSER,
                open_timeout=WITHIN,
                close_timeout=1,
                proxy=None,
            ) as socket:
                yield fine("socket", f"The socket {url} opens for pages of {origin}.")
                yield from self._count(socket)
        except InvalidStatus as error:
            yield _refused(url, origin, error.response.status_code)
        except InvalidHandshake as error:
            cure = "Make the web server pass WebSockets to Daphne (Upgrade and Connection headers)."
            yield problem("socket", f"{url} is not a WebSocket ({error}).", cure)
        except TimeoutError:
            yield problem("socket", f"The socket {url} does not answer.", "Look at the server's log.")
        except WebSocketException as error:
            yield problem("socket", f"The socket {url} was closed ({error}).", "Look at the server's log.")
        except OSError as error:
            yield problem("site", f"Nothing listens at {url} ({error}).", "Start Daphne, or give --url.")

    def _headers(self) -> dict[str, str]:
        """Return the headers that were given for the site, with the session cookie of a visitor of its own."""
        headers = dict(self.site.headers)
        cookie = f"{settings.SESSION_COOKIE_NAME}={secrets.token_hex(16)}"
        given = next((name for name in headers if name.lower() == "cookie"), "Cookie")
        headers[given] = f"{headers[given]}; {cookie}" if given in headers else cookie
        return headers

    def _over_http(self) -> Iterator[Finding]:
        """Send the view again over HTTP, as a page does if sockets do not work.

        Its id is the same, so it counts once.
        """
        route = routes.route()
        if not route.works:
            return  # a system check reports this
        url = urljoin(self.site.url, route.path)
        began = time.monotonic()
        answer = ask(url, self.site, json.dumps(self._frame()).encode(), agent=BROWSER)
        if isinstance(answer, str):
            yield problem("http", f"{url} does not answer ({answer}).", "Look at the server's log.")
            return
        frame = frame_of(answer)
        if frame is None:
            yield not_ours(answer, url)
        elif frame["type"] == "counted":
            yield fine(
                "http", f"A view that is sent over HTTP is counted in {1000 * (time.monotonic() - began):.1f} ms."
            )
        else:
            reason = frame.get("reason")
            cure = _CURES.get(str(reason), "Look at the server's log.")
            yield problem("refused", f"The server refused the probe view over HTTP ({reason}).", cure)

    def _frame(self) -> dict[str, str]:
        token = tokens.mint("view", self.ref, TOKEN_AGE)
        return {"type": "view", "id": self.view_id, "token": token, "url": "/djinsight-doctor/"}

    def _count(self, socket: ClientConnection) -> Iterator[Finding]:
        tokens_ = [tokens.mint("watch", self.ref, TOKEN_AGE)]
        socket.send(json.dumps({"type": "subscribe", "tokens": tokens_}))
        first = _receive(socket, "counters", "error")
        if first["type"] == "error":
            reason = first.get("reason")
            cure = _CURES.get(str(reason), "Look at the server's log.")
            yield problem("refused", f"The server refused to send counters ({reason}).", cure)
            return
        began = time.monotonic()
        socket.send(json.dumps(self._frame()))
        times: dict[str, float] = {}
        while len(times) < 2:
            try:
                frame = _receive(socket, "counted", "rejected", "counters")
            except TimeoutError:
                break
            times.setdefault(frame["type"], time.monotonic() - began)
            if frame["type"] == "rejected":
                reason = frame.get("reason")
                cure = _CURES.get(str(reason), "Look at the server's log.")
                yield problem("refused", f"The server refused the probe view ({reason}).", cure)
                return
        if "counted" not in times:
            text = f"The probe view was not acknowledged within {WITHIN:.0f} s."
            yield problem("counted", text, "Look at the server's log.")
            return
        yield fine("counted", f"A view is counted in {times['counted'] * 1000:.1f} ms.")
        if "counters" in times:
            yield fine("push", f"The new number is pushed to open pages in {times['counters'] * 1000:.1f} ms.")
        else:
            text = f"The view was counted, but the new number was not pushed to open pages within {WITHIN:.0f} s."
            yield problem("push", text, "Look at the server's log.")
        if self.layer_delivers:
            yield from self._broadcast(socket)

    def _broadcast(self, socket: ClientConnection) -> Iterator[Finding]:
        """Check that the open page receives a broadcast of this process, as if another server had counted a view."""
        moment = days.now()
        began = time.monotonic()
        async_to_sync(_publish)(Snapshot(self.ref, _ELSEWHERE, 1, _ELSEWHERE, moment.ms, moment.ms, moment.number))
        try:
            while not any(each["total_views"] >= _ELSEWHERE for each in _receive(socket, "counters")["counters"]):
                pass
        except TimeoutError:
            text = f"A number that another process counts is not pushed to open pages within {WITHIN:.0f} s."
            cure = "Give all processes the same CHANNEL_LAYERS and DJINSIGHT_REDIS_KEY_PREFIX, and look at their logs."
            yield problem("broadcast", text, cure)
        else:
            took = 1000 * (time.monotonic() - began)
            yield fine("broadcast", f"A number that another process counts is pushed to open pages in {took:.1f} ms.")

    def _in_database(self, began: float) -> Iterator[Finding]:
        rows = PageViewLog.objects.filter(view_id=self.view_id, content_type=_content_type())
        while not rows.exists():
            if time.monotonic() - began > self.wait:
                break
            time.sleep(LOOK_EVERY)
        else:
            yield fine("database", f"The view is in the database after {time.monotonic() - began:.1f} s.")
            return
        text = f"The view was not in the database after {self.wait:.0f} s,"
        text += " because no Celery worker or no Celery beat is running, or cron runs process_pageviews less often."
        yield problem("worker", text, "Start both, or give --wait 90 if cron runs process_pageviews each minute.")
        persist()  # no worker does it, and the probe must not stay in Redis
        if rows.exists():
            yield fine("database", "This command wrote the view itself, with all other pending views.")
        else:
            text = "This command did not find its view in Redis either."
            cure = "Give this command and the server the same DJINSIGHT_REDIS_URL and DJINSIGHT_REDIS_KEY_PREFIX."
            yield problem("redis_url", text, cure)


def clear(ref: ObjectRef | None = None) -> None:
    """Delete what probes left behind.

    Args:
        ref: The object of this probe, whose counters are deleted. The log rows and keys of all probes always are.
    """
    rows = PageViewLog.objects.filter(content_type=_content_type(), object_id__startswith=_MARK)
    try:
        for object_id, visitor in rows.values_list("object_id", "visitor"):
            each = ObjectRef("djinsight", "persistcursor", object_id)
            client, keys = connections.sync_client(shard_of(each)), Keys(shard_of(each))
            client.hdel(keys.of_visitor(visitor), str(each))
            loading.forget([each])
        if ref is not None:
            loading.forget([ref])
    except (redis.RedisError, OSError, CountingUnavailable):
        return  # a finding reports that Redis is down; the rows stay, so that the next probe clears their keys
    rows.delete()


def default_wait() -> float:
    """Return the seconds that a worker may take: three runs of persist, and time to start one."""
    return 3 * conf.persist_interval + 10


async def _publish(snapshot: Snapshot) -> None:
    publisher = Publisher()
    publisher.publish([snapshot])
    await publisher.flush()


def _content_type() -> ContentType:
    return ContentType.objects.get_for_model(PersistCursor)


def _refused(url: str, origin: str, status: int) -> Finding:
    if status == 401:
        text = f"The socket {url} asks for a password (401), so it cannot be checked."
        return problem("unseen", text, f"{LET_IN}.")
    if status in {502, 503, 504}:
        text = f"The socket {url} is not available ({status}), as during maintenance."
        return problem("unavailable", text, "Look at the log of the web server, and start Daphne.")
    if status == 403:
        cure = "Add the host of the site to ALLOWED_HOSTS, and give --url as browsers see it."
        return problem("origin", f"The socket {url} refuses pages of {origin} (403).", cure)
    if status == 404:
        cure = "Serve the site with Daphne, with ASGI_APPLICATION as in asgi_example.py."
        return problem("socket", f"The socket {url} is not routed (404).", cure)
    cure = 'Put djinsight.routing.websocket_urlpatterns into the URLRouter of "websocket", as asgi_example.py does.'
    return problem("socket", f"The socket {url} does not open ({status}).", cure)


def _receive(socket: ClientConnection, *types: str) -> dict[str, Any]:
    """Return the next frame of one of ``types``, and skip others. Raises TimeoutError after ``WITHIN`` seconds."""
    until = time.monotonic() + WITHIN
    while (left := until - time.monotonic()) > 0:
        frame: dict[str, Any] = json.loads(socket.recv(timeout=left))
        if frame.get("type") in types:
            return frame
    raise TimeoutError
