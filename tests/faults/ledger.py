"""The ledger of the fault tests: accepted views, views in the tables, and views recorded as lost."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from django.db import connection
from django.db.models import Sum

from djinsight.models import DataLoss, DeadLetter, PageViewHour, PageViewLog, PageViewStatistics, PageViewSummary

# Workers and runs inside a run (those on PostgreSQL) write into the file of the run that started them.
FILE = Path(os.environ["FAULTS_LEDGER"])

SUMS = (PageViewStatistics, PageViewSummary, PageViewHour)


@dataclass
class Account:
    """The numbers of one test, all in views."""

    fault: str
    database: str
    accepted: int  # answered with ``counted``
    rows: int
    totals: int
    shed: int  # counted without a row, and recorded
    missing: int  # recorded as lost, with their number
    letters: int  # dead letters
    unknown: int  # recorded losses of unknown size


def close(fault: str, accepted: int, garbage: int = 0) -> Account:
    """Check the balance of a test whose views are all persisted, and keep it for the closing table.

    All tables have the same sum. It is the number of accepted views minus the recorded losses. After a loss of unknown
    size it may be smaller, but never greater.

    Args:
        fault: The name of the fault in the closing table.
        accepted: The number of accepted views.
        garbage: The number of dead letters that are no views.
    """
    sums = [table.objects.aggregate(n=Sum("total_views", default=0))["n"] for table in SUMS]
    lost = dict(DataLoss.objects.values_list("kind").annotate(n=Sum("views", default=0)))
    account = Account(
        fault,
        connection.vendor,
        accepted,
        PageViewLog.objects.count(),
        sums[0],
        lost.get(DataLoss.Kind.SHED, 0),
        lost.get(DataLoss.Kind.GAP, 0),
        DeadLetter.objects.count(),
        DataLoss.objects.filter(views=None).count(),
    )
    with FILE.open("a") as file:
        file.write(json.dumps(asdict(account)) + "\n")
    assert sums == [account.totals] * len(sums), account
    assert account.totals == account.rows + account.shed, account
    explained = account.totals + account.missing + account.letters - garbage
    assert explained <= accepted if account.unknown else explained == accepted, account
    return account


def table() -> list[str]:
    """Return the lines of the closing table, none if no account was closed."""
    if not FILE.exists():
        return []
    accounts = [Account(**json.loads(line)) for line in FILE.read_text().splitlines()]
    names = [field.name for field in fields(Account)]
    rows = [names, *([f"{getattr(account, name)}" for name in names] for account in accounts)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        texts = [text.ljust(width) for text, width in zip(row[:2], widths, strict=False)]
        numbers = [text.rjust(width) for text, width in zip(row[2:], widths[2:], strict=True)]
        lines.append("  ".join(texts + numbers))
    return lines
