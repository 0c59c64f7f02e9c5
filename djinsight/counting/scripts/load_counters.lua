-- Load the counters of some objects: what the database has, plus what is still in the stream. Never downwards.
--
-- KEYS  1 events   2 meta   3 shed   then 4 for each object: counter, unique_counter, day, viewed
-- ARGV  1 an epoch, taken where there is none yet
--       2 epoch of the persisted cursor   3 number of the last persisted entry
--       4 epoch in which the caller has read the stream ('' for none yet)   5 id up to which it has
--       6 number of today   7 when today began and 8 ends (Unix ms)   9 lifetime of a day's counter (s)
--       then 6 for each object: ref, total, unique, today, first, last: the database's, plus the stream's up to ARGV 5
-- Reply { total, unique, today, first, last } for each object: integers, first and last nil where it was never viewed;
--       or 'stale' where the database has been written since it was read, or is about to be, or Redis has begun another
--       epoch since
--
-- What is in the stream or among the shed and cannot be read is somebody else's, and counts nothing.

local events, meta, shed = KEYS[1], KEYS[2], KEYS[3]
local today_number, day_began, day_ends, lifetime = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9]

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

local objects, by_ref = {}, {}
for i = 10, #ARGV, 6 do
  local object = { total = tonumber(ARGV[i + 1]), unique = tonumber(ARGV[i + 2]), today = tonumber(ARGV[i + 3]),
    first = ARGV[i + 4], last = ARGV[i + 5], settled = true }
  objects[#objects + 1], by_ref[ARGV[i]] = object, object
end

local function add(object, n, uniques, at, is_today)
  object.total, object.unique = object.total + n, object.unique + uniques
  object.today = object.today + (is_today and n or 0)
  if object.first == '' or tonumber(at) < tonumber(object.first) then object.first = at end
  if object.last == '' or tonumber(at) > tonumber(object.last) then object.last = at end
end

for _, entry in ipairs(redis.call('XRANGE', events, '(' .. ARGV[5], '+')) do
  local view = {}
  for i = 1, #entry[2], 2 do view[entry[2][i]] = entry[2][i + 1] end
  local object = by_ref[view.r or '']
  if object then
    local n, uniques, at = tonumber(view.n or 1), tonumber(view.q or tonumber(view.u) and view.u % 2), tonumber(view.t)
    if n and uniques and at then
      add(object, n, uniques, view.t, at >= day_began and at < day_ends)
      object.settled = object.settled and at < day_ends
    end
  end
end
local kept = redis.pcall('HGETALL', shed)
for i = 1, #kept, 2 do
  local number, ref = kept[i]:match('^(%d+):(.*)$')
  local object = by_ref[ref or '']
  local n, uniques, _, at = kept[i + 1]:match('^(%d+):(%d+):(%d+):(%d+)$')
  if object and n then
    add(object, tonumber(n), tonumber(uniques), at, tonumber(number) == today_number)
    object.settled = object.settled and tonumber(number) <= today_number
  end
end

-- Somebody else may have loaded it meanwhile: take the larger, unless it belongs to a data set that is gone.
local function store(object, counter, unique_counter, day, viewed)
  if redis.call('TYPE', viewed).ok ~= 'hash' then redis.call('DEL', viewed) end
  local before = redis.call('HMGET', viewed, 'epoch', 'day')
  local current = not before[1] or before[1] == epoch
  local function larger(number, key)
    local value = redis.pcall('GET', key)
    if type(value) == 'table' then redis.call('DEL', key) value = nil end
    return math.max(number, current and tonumber(value or nil) or 0)
  end
  local total, unique = larger(object.total, counter), larger(object.unique, unique_counter)
  local today = larger(object.today, day)
  redis.call('SET', counter, string.format('%.0f', total))
  redis.call('SET', unique_counter, string.format('%.0f', unique))
  redis.call('SET', day, string.format('%.0f', today), 'EX', lifetime)
  -- With views of tomorrow among them it is to be loaded once more, when the caller's clock is there.
  redis.call('HSET', viewed, 'epoch', object.settled and epoch or '', 'first', object.first, 'last', object.last,
    'day', math.max(today_number, current and tonumber(before[2] or 0) or 0))
  if total == 0 then  -- never viewed, or deleted while somebody looks on: nothing is kept of it for good
    for _, key in ipairs({ counter, unique_counter, viewed }) do redis.call('EXPIRE', key, lifetime) end
  else
    redis.call('PERSIST', viewed)
  end
  return { total, unique, today, tonumber(object.first) or false, tonumber(object.last) or false }
end

local stored = {}
for i, object in ipairs(objects) do
  local k = 4 * i
  stored[i] = store(object, KEYS[k], KEYS[k + 1], KEYS[k + 2], KEYS[k + 3])
end
return stored
