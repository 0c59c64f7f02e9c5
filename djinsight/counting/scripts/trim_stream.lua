-- Drop what is persisted from the stream.
--
-- KEYS  1 events   2 meta
-- ARGV  1 epoch that was persisted   2 ms and 3 sequence of the last persisted entry's id
-- Reply number of entries dropped, or -1 where Redis has begun another epoch meanwhile

local head = redis.call('HMGET', KEYS[2], 'epoch', 'trimmed')
if head[1] ~= ARGV[1] then
  return -1
end
local ms, n = tonumber(ARGV[2]), tonumber(ARGV[3])
local before_ms, before_n = (head[2] or '0-0'):match('^(%d+)-(%d+)$')
before_ms, before_n = tonumber(before_ms), tonumber(before_n)
-- A worker that was held up must not take the mark back: whoever loads a counter relies on it.
if before_ms > ms or (before_ms == ms and before_n >= n) then
  return 0
end
redis.call('HSET', KEYS[2], 'trimmed', string.format('%.0f-%.0f', ms, n))
return redis.call('XTRIM', KEYS[1], 'MINID', string.format('%.0f-%.0f', ms, n + 1))
