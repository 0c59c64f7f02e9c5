-- Append an entry that counts nothing. Its number tells readers of the database that they have read before it.
--
-- KEYS  1 events   2 meta   3 pending
-- ARGV  1 an epoch, used if there is none yet   2 number of today
-- Reply its number

local events, meta, pending = KEYS[1], KEYS[2], KEYS[3]
redis.call('HSETNX', meta, 'epoch', ARGV[1])
local seq = (whole(redis.call('HGET', meta, 'seq')) or 0) + 1
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local id = redis.call('XADD', events, '*', 's', text(seq), 'r', 'djinsight.mark:0', 'n', 0, 'q', 0, 'w', 0,
  't', text(now))
redis.call('HSET', meta, 'seq', text(seq))
note(pending, { seq, 1, now, tonumber(ARGV[2]), id }, {}, {}, {})
if seq % SEGMENT == 0 then folding()(pending, segment_of(seq) - 2) end
return seq
