"""The Lua scripts: one file a script, whose header lists KEYS and ARGV."""

from __future__ import annotations

from djinsight.counting.script import Script
from djinsight.counting.sites import SiteScript

count_views = SiteScript("numbers", "segments", "count_views", meta=1)
read_counters = SiteScript("numbers", "read_counters", meta=0)
load_counters = SiteScript("numbers", "segments", "load_counters", meta=1)
begin_epoch = SiteScript("begin_epoch", meta=1)
trim_stream = SiteScript("numbers", "segments", "trim_stream", meta=1)
mark_stream = SiteScript("numbers", "segments", "mark_stream", meta=1)
spill_shed = SiteScript("numbers", "segments", "spill_shed", meta=1)
count_refusals = SiteScript("count_refusals", meta=1)
take_refusals = SiteScript("take_refusals", meta=2)
drop_refusals = SiteScript("drop_refusals", meta=1)
try_server = Script("try_server")
