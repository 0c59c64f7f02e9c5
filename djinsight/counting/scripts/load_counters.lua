-- Load the counters of one object: what the database has, plus what is still in the stream. Never downwards.
--
-- KEYS  1 events   2 meta   3 shed   4 counter   5 unique_counter   6 day   7 viewed
-- ARGV  1 an epoch, taken where there is none yet
--       2 epoch of the persisted cursor   3 number of the last persisted entry
--       4 epoch in which the caller has read the stream ('' for none yet)   5 id up to which it has
--       6 ref   7 number of today   8 when today began and 9 ends (Unix ms)   10 lifetime of a day's counter (s)
--       11 total   12 unique   13 today   14 first   15 last: the database's, plus the stream's up to ARGV 5
-- Reply { total, unique, today, first, last }, or 'stale' where the database has been written since it was read, or is
--       about to be, or Redis has begun another epoch since
--
-- What is in the stream or among the shed and cannot be read is somebody else's, and counts nothing.

local events, meta, shed, counter, unique_counter, day, viewed = unpack(KEYS)
local ref, today_number, day_began, day_ends = ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])

local head = redis.call('HMGET', meta, 'epoch', 'trimmed')
local epoch = head[1]
if (epoch or '') ~= ARGV[4] then
  return 'stale'
end
if not epoch then
  epoch = ARGV[1]
  redis.call('HSET', meta, 'epoch', epoch)
end
local persisted = ARGV[2] == epoch and tonumber(ARGV[3]) or 0
if persisted < tonumber(head[2] or 0) then
  return 'stale'
end

local total, unique, today = tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[13])
local first, last = ARGV[14], ARGV[15]
local settled = true

local function add(n, uniques, at, is_today)
  total, unique = total + n, unique + uniques
  today = today + (is_today and n or 0)
  if first == '' or tonumber(at) < tonumber(first) then first = at end
  if last == '' or tonumber(at) > tonumber(last) then last = at end
end

for _, entry in ipairs(redis.call('XRANGE', events, '(' .. ARGV[5], '+')) do
  local view = {}
  for i = 1, #entry[2], 2 do view[entry[2][i]] = entry[2][i + 1] end
  if view.r == ref then
    local n, uniques, at = tonumber(view.n or 1), tonumber(view.q or tonumber(view.u) and view.u % 2), tonumber(view.t)
    if n and uniques and at then
      add(n, uniques, view.t, at >= day_began and at < day_ends)
      settled = settled and at < day_ends
    end
  end
end
local kept = redis.pcall('HGETALL', shed)
for i = 1, #kept, 2 do
  local number, of = kept[i]:match('^(%d+):(.*)$')
  local n, uniques, _, at = kept[i + 1]:match('^(%d+):(%d+):(%d+):(%d+)$')
  if of == ref and n then
    add(tonumber(n), tonumber(uniques), at, tonumber(number) == today_number)
    settled = settled and tonumber(number) <= today_number
  end
end

-- Somebody else may have loaded it meanwhile: take the larger, unless it belongs to a data set that is gone.
if redis.call('TYPE', viewed).ok ~= 'hash' then redis.call('DEL', viewed) end
local before = redis.call('HMGET', viewed, 'epoch', 'day')
local current = not before[1] or before[1] == epoch
local function number(key)
  local value = redis.pcall('GET', key)
  if type(value) == 'table' then redis.call('DEL', key) value = nil end
  return current and tonumber(value or nil) or 0
end
total = math.max(total, number(counter))
unique = math.max(unique, number(unique_counter))
today = math.max(today, number(day))
redis.call('SET', counter, string.format('%.0f', total))
redis.call('SET', unique_counter, string.format('%.0f', unique))
redis.call('SET', day, string.format('%.0f', today), 'EX', ARGV[10])
-- With views of tomorrow among them it is to be loaded once more, when the caller's clock is there.
redis.call('HSET', viewed, 'epoch', settled and epoch or '', 'first', first, 'last', last,
  'day', math.max(today_number, current and tonumber(before[2] or 0) or 0))
return { total, unique, today, first, last }
