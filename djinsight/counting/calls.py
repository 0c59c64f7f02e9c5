"""Calls: a batch of views as one call of ``count_views.lua``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from djinsight import days, metrics
from djinsight.beacons.visitors import Visitor
from djinsight.conf import conf
from djinsight.counting import entries, loading, snapshot
from djinsight.counting.entries import View
from djinsight.counting.keys import Keys
from djinsight.counting.snapshot import Snapshot
from djinsight.tracked.refs import ObjectRef

VIEW_ID_MEMORY = 600  # seconds that a view id is remembered at least; at most twice as long
MAX_VIEW_IDS = 5_000_000  # view ids in VIEW_ID_MEMORY seconds; past it views are refused as busy
BURST = 2.0  # seconds of views at its rate that a visitor, network, object or site may send at once
NEW_VISITORS_BURST = 600.0  # seconds of new visitors at their rate that a network may send at once
MAX_SEEN = 10_000  # objects remembered for a visitor; past it a view counts as not unique


class Call:
    """Makes KEYS and ARGV of ``count_views.lua`` for a batch of views, and reads its reply. Pure.

    Args:
        shard: The shard that the objects of all ``views`` live on.
        views: The views to count.
        moment: When they happened; by default now, by Redis's clock. Rate limits do not apply to views of the past.
    """

    def __init__(self, shard: int, views: Sequence[View], moment: days.Moment | None = None) -> None:
        by_visitor, by_network = (None, None) if moment else (conf.rate_visitor, conf.rate_address)
        by_object, by_site = (None, None) if moment else (conf.rate_object, conf.rate_site)
        by_new = None if moment else conf.rate_new_visitors
        self.moment = moment or days.now()
        objects: dict[ObjectRef, int] = {}  # the place of each, from 1
        visitors: dict[Visitor, int] = {}
        networks: dict[str, int] = {}
        listed = []
        for view in views:
            beacon, visitor = view
            at = objects.setdefault(beacon.ref, len(objects) + 1)
            by = visitors.setdefault(visitor, len(visitors) + 1)
            limited = (by_network or by_new) and visitor.network
            via = networks.setdefault(visitor.network, len(networks) + 1) if limited else 0
            # One argument for all of it, because each further one costs time in the client and in the script.
            more = f"{metrics.bits(view)} " if metrics.MORE else ""
            listed.append(f"{at} {by} {via} {beacon.view_id} {more}{entries.encode(beacon)}")
        names = Keys(shard)
        bucket = self.moment.ms // 1000 // VIEW_ID_MEMORY
        stamp = self.moment.stamp
        self.refs = list(objects)
        of_objects: list[str] = []
        for ref in objects:
            of_objects += names.of_ref(ref, stamp)
        self.keys: list[str] = [
            names.events,
            names.meta,
            names.shed,
            names.pending,
            names.view_ids(bucket),
            names.view_ids(bucket - 1),
            names.view_ids(bucket + 1),
            *of_objects,
            *(names.of_visitor(visitor.key) for visitor in visitors),
            *(names.of_rate(visitor.key) for visitor in visitors if by_visitor),
            *(names.of_rate(network) for network in networks if by_network),
            *(names.of_object_rate(ref) for ref in objects if by_object),
            *([names.of_site_rate()] if by_site else []),
            *(names.of_new_visitors(network) for network in networks if by_new),
        ]
        self.args: list[Any] = [
            self.moment.ms if self.moment.given else "",
            self.moment.number,
            loading.new_epoch(),
            conf.stream_max_views,
            conf.redis_expiration,
            2 * VIEW_ID_MEMORY,
            MAX_VIEW_IDS,
            MAX_SEEN,
            loading.day_lifetime(),
            _cost(by_visitor),
            _cost(by_network),
            round(BURST * 1_000_000),
            *self.moment.window(VIEW_ID_MEMORY),
            len(objects),
            len(visitors),
            len(networks),
            _cost(by_object),
            _cost(by_site),
            _cost(by_new),
            round(NEW_VISITORS_BURST * 1_000_000),
            *objects,
            *map(entries.encode_visitor, visitors),
            *listed,
        ]

    def snapshots(self, numbers: Sequence[Any]) -> tuple[list[Snapshot], list[ObjectRef]]:
        """Return the snapshots in the script's reply, and the refs whose counters Redis does not have.

        Args:
            numbers: The second part of the reply: one item for each of ``refs``, in their order.
        """
        warm, cold = [], []
        for ref, reply in zip(self.refs, numbers, strict=True):
            each = snapshot.decode(ref, reply, self.moment.number)
            if each is None:
                cold.append(ref)
            else:
                warm.append(each)
        return warm, cold


def _cost(rate: float | None) -> int:
    """Return how long (µs) one view takes at the rate limit ``rate`` (views a second); 0 if there is no limit."""
    return 0 if rate is None else round(1_000_000 / rate)
