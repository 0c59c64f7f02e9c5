-- Put an entry into the stream that counts nothing, and so has a number: what was read before it is known to be older.
--
-- KEYS  1 events   2 meta
-- ARGV  1 an epoch, taken if there is none yet
-- Reply its number

local events, meta = KEYS[1], KEYS[2]
redis.call('HSETNX', meta, 'epoch', ARGV[1])
local seq = tonumber(redis.call('HGET', meta, 'seq') or 0) + 1
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('XADD', events, '*', 's', string.format('%.0f', seq), 'r', 'djinsight.mark:0', 'n', 0, 'q', 0, 'w', 0,
  't', string.format('%.0f', now))
redis.call('HSET', meta, 'seq', string.format('%.0f', seq))
return seq
