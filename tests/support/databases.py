"""Databases: the test modules that run again on another database or with another driver."""

from __future__ import annotations

MODULES = (
    "tests/history/test_persist.py",
    "tests/history/test_cursors.py",
    "tests/history/test_deletion.py",
    "tests/statistics/test_mixin.py",
    "tests/statistics/test_periods.py",
    "tests/history/test_summaries.py",
    "tests/history/test_cleanup.py",
    "tests/history/test_dead_letters.py",
    "tests/upgrade/test_leftovers.py",
    "tests/upgrade/test_tables.py",
    "tests/statistics/test_ranking.py",
    "tests/statistics/test_columns.py",
    "tests/admin/test_admin.py",
    "tests/counting/test_loading.py",
    "tests/counting/test_live_numbers.py",
    "tests/history/test_orphans.py",
    "tests/counting/test_refusals.py",
    "tests/site/test_follow_one_view.py",
    "tests/history/test_corrections.py",
    "tests/tracked/test_object_ids.py",
)

# Drivers and servers differ in their handling of values, locks, upserts, and SQL of columns.
BY_DRIVER = (
    "tests/history/test_persist.py",
    "tests/history/test_cursors.py",
    "tests/history/test_deletion.py",
    "tests/statistics/test_periods.py",
    "tests/history/test_summaries.py",
    "tests/history/test_cleanup.py",
    "tests/history/test_dead_letters.py",
    "tests/statistics/test_ranking.py",
    "tests/statistics/test_columns.py",
    "tests/counting/test_live_numbers.py",
    "tests/counting/test_refusals.py",
    "tests/history/test_corrections.py",
    "tests/tracked/test_object_ids.py",
)
