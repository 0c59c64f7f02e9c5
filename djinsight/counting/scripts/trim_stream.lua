-- Drop what is persisted from the stream.
--
-- KEYS  1 events   2 meta
-- ARGV  1 epoch that was persisted   2 ms and 3 sequence of the last persisted entry's id   4 its number
-- Reply number of entries dropped, or -1 where Redis has begun another epoch meanwhile

if redis.call('HGET', KEYS[2], 'epoch') ~= ARGV[1] then
  return -1
end
-- First, as it is allowed with a full memory too, and after it the rest of the script is.
local dropped = redis.call('XTRIM', KEYS[1], 'MINID', string.format('%.0f-%.0f', tonumber(ARGV[2]), tonumber(ARGV[3]) + 1))
-- A worker that was held up must not take the mark back: whoever loads a counter relies on it.
if tonumber(ARGV[4]) > tonumber(redis.call('HGET', KEYS[2], 'trimmed') or 0) then
  redis.call('HSET', KEYS[2], 'trimmed', ARGV[4])
end
return dropped
