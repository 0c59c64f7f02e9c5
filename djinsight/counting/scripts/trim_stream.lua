-- Drop persisted entries from the stream, with their segments and the blocks that have any of them.
--
-- KEYS  1 events   2 meta   3 pending
-- ARGV  1 epoch that was persisted   2 ms and 3 sequence of the last persisted entry's id   4 its number
--       5 number of today   6 when today began and 7 ends (Unix ms)
-- Reply number of entries dropped, or -1 if Redis has begun another epoch meanwhile

local _, rebuild, _, _, head_of, _, _, block_of, block_key = folding()
local events, meta, pending = KEYS[1], KEYS[2], KEYS[3]
local trimmed, today, day_began, day_ends = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local MOST_SEGMENTS = 1000  -- of the longest stream that is allowed

local head = redis.call('HMGET', meta, 'epoch', 'trimmed', 'seq')
if head[1] ~= ARGV[1] then
  return -1
end
-- This comes first: Redis allows it even if its memory is full, and then allows the rest of the script.
local dropped = redis.call('XTRIM', events, 'MINID', text(tonumber(ARGV[2])) .. '-' .. text(tonumber(ARGV[3]) + 1))
local before = math.min(whole(head[2]) or 0, whole(head[3]) or 0)
-- A delayed worker must not move the mark back, because the loading of counters relies on it.
if trimmed <= before then
  return dropped
end
redis.call('HSET', meta, 'trimmed', ARGV[4])

local function day_of(at)
  return at < day_began and today - 1 or at < day_ends and today or today + 1
end

local k = segment_of(trimmed + 1)
for each = math.max(segment_of(before), k - MOST_SEGMENTS), k - 1 do
  redis.call('UNLINK', segment_key(pending, each))
end
for each = math.max(block_of(segment_of(before)), block_of(k - MOST_SEGMENTS)), block_of(segment_of(trimmed)) do
  redis.call('UNLINK', block_key(pending, each))
end
-- Make the segment again that is persisted in part. In a list, the remaining items are found as they are.
local seq, key = whole(head[3]) or 0, segment_key(pending, k)
if seq <= trimmed then
  redis.call('UNLINK', key)
elseif redis.call('TYPE', key).ok == 'hash' then
  local from = redis.pcall('HGET', key, '')
  from = type(from) ~= 'table' and head_of(from) or 0
  if from <= trimmed then
    local until_seq = math.min(seq, (k + 1) * SEGMENT - 1)
    local entries = redis.call('XRANGE', events, '-', '+', 'COUNT', until_seq - trimmed + 64)
    if not pcall(rebuild, pending, entries, trimmed + 1, until_seq, day_of) then
      redis.pcall('UNLINK', key)
    end
  end
end
return dropped
