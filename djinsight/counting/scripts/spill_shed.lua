-- Move the numbers that were kept while the stream was full into the stream, as one entry an object and day.
--
-- KEYS  1 events   2 meta   3 shed
-- ARGV  1 most views the stream may hold
-- Reply number of entries made
--
-- What is no number of ours goes into the stream as it is: persist sets it aside.

local events, meta, shed = KEYS[1], KEYS[2], KEYS[3]
if redis.call('XLEN', events) >= tonumber(ARGV[1]) then
  return 0
end
local kept = redis.pcall('HGETALL', shed)
if kept.err then
  if kept.err:find('WRONGTYPE') then return redis.call('DEL', shed) - 1 end
  return kept
end
local seq = tonumber(redis.call('HGET', meta, 'seq') or 0)
for i = 1, #kept, 2 do
  local ref = kept[i]:match('^%d+:(.*)$')
  local n, unique, unique_today, at = kept[i + 1]:match('^(%d+):(%d+):(%d+):(%d+)$')
  if ref and n then
    seq = seq + 1
    redis.call('XADD', events, '*', 's', string.format('%.0f', seq), 'r', ref, 'n', n, 'q', unique, 'w', unique_today,
      't', at)
    redis.call('HSET', meta, 'seq', string.format('%.0f', seq))
  else
    redis.call('XADD', events, '*', 'shed', kept[i], 'value', kept[i + 1])
  end
  redis.call('HDEL', shed, kept[i])
end
return #kept / 2
