-- Begin a new epoch: no counter from before is believed, and none is loaded until all that the stream has is persisted.
--
-- KEYS  1 events   2 meta   3 shed
-- ARGV  1 the new epoch   2 1 to drop what is shed: Redis came back with older data, and it may be persisted
-- Reply id of the newest entry, '0-0' where there is none
--
-- The segments stay: they say what the stream has, in every epoch.

local events, meta, shed = KEYS[1], KEYS[2], KEYS[3]
-- First, as it is allowed with a full memory too, and after it the rest of the script is.
redis.call('HDEL', meta, 'trimmed')
if ARGV[2] == '1' then
  redis.call('DEL', shed)
  redis.call('HDEL', meta, 'shed_from')
end
redis.call('HSET', meta, 'epoch', ARGV[1], 'trimmed', redis.call('HGET', meta, 'seq') or 0)
local newest = redis.call('XREVRANGE', events, '+', '-', 'COUNT', 1)[1]
return newest and newest[1] or '0-0'
