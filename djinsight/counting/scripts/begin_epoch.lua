-- Begin a new epoch. Older counters are no longer valid, and none is loaded until the whole stream is persisted.
--
-- KEYS  1 events   2 meta   3 shed
-- ARGV  1 the new epoch   2 1 to drop shed views, which may be persisted, as Redis came back with older data
-- Reply id of the newest entry, '0-0' if there is none
--
-- The segments stay, because they describe the stream in every epoch.

local events, meta, shed = KEYS[1], KEYS[2], KEYS[3]
-- This comes first: Redis allows it even if its memory is full, and then allows the rest of the script.
redis.call('HDEL', meta, 'trimmed')
if ARGV[2] == '1' then
  redis.call('DEL', shed)
  redis.call('HDEL', meta, 'shed_from')
end
redis.call('HSET', meta, 'epoch', ARGV[1], 'trimmed', redis.call('HGET', meta, 'seq') or 0)
local newest = redis.call('XREVRANGE', events, '+', '-', 'COUNT', 1)[1]
return newest and newest[1] or '0-0'
