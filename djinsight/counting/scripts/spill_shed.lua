-- Move the numbers that were kept while the stream was full into the stream, as one entry an object and day.
--
-- KEYS  1 events   2 meta   3 shed
-- ARGV  1 most views the stream may hold
-- Reply number of views moved

local events, meta, shed = KEYS[1], KEYS[2], KEYS[3]
if redis.call('EXISTS', shed) == 0 or redis.call('XLEN', events) >= tonumber(ARGV[1]) then
  return 0
end
local seq = tonumber(redis.call('HGET', meta, 'seq') or 0)
local moved = 0
local kept = redis.call('HGETALL', shed)
for i = 1, #kept, 2 do
  local ref = kept[i]:match('^%d+:(.*)$')
  local n, unique, unique_today, at = kept[i + 1]:match('^(%d+):(%d+):(%d+):(%d+)$')
  seq = seq + 1
  redis.call('XADD', events, '*', 's', string.format('%.0f', seq), 'r', ref, 'n', n, 'q', unique, 'w', unique_today,
    't', at)
  redis.call('HSET', meta, 'seq', string.format('%.0f', seq))
  redis.call('HDEL', shed, kept[i])
  moved = moved + tonumber(n)
end
return moved
