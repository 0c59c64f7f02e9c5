-- Load the counters of one object: what the database has, plus what is still in the stream. Never downwards.
--
-- KEYS  1 events   2 meta   3 shed   4 counter   5 unique_counter   6 day   7 viewed
-- ARGV  1 an epoch, taken where there is none yet
--       2 epoch of the persisted cursor   3 id of the persisted cursor
--       4 id up to which the caller has read the stream ('' for not at all)
--       5 ref   6 number of today   7 when today began (Unix ms)   8 lifetime of a day's counter (s)
--       9 total   10 unique   11 today   12 first   13 last: the database's, plus the stream's up to ARGV 4
-- Reply { total, unique, today, first, last }, or 'stale' where the database has been written since it was read

local events, meta, shed, counter, unique_counter, day, viewed = unpack(KEYS)
local ref = ARGV[5]

local function older(a, b)
  local a_ms, a_n = a:match('^(%d+)-(%d+)$')
  local b_ms, b_n = b:match('^(%d+)-(%d+)$')
  a_ms, a_n, b_ms, b_n = tonumber(a_ms), tonumber(a_n), tonumber(b_ms), tonumber(b_n)
  return a_ms < b_ms or (a_ms == b_ms and a_n < b_n)
end

local head = redis.call('HMGET', meta, 'epoch', 'trimmed')
local epoch, trimmed = head[1], head[2] or '0-0'
if not epoch then
  epoch = ARGV[1]
  redis.call('HSET', meta, 'epoch', epoch, 'seq', 0)
end
local cursor = ARGV[2] == epoch and ARGV[3] or '0-0'
if older(cursor, trimmed) then
  return 'stale'
end
local from = ARGV[4] ~= '' and ARGV[4] or cursor

local total, unique, today = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])
local first, last = ARGV[12], ARGV[13]

local function add(n, uniques, at, is_today)
  total, unique = total + n, unique + uniques
  today = today + (is_today and n or 0)
  if first == '' or tonumber(at) < tonumber(first) then first = at end
  if last == '' or tonumber(at) > tonumber(last) then last = at end
end

for _, entry in ipairs(redis.call('XRANGE', events, '(' .. from, '+')) do
  local view = {}
  for i = 1, #entry[2], 2 do view[entry[2][i]] = entry[2][i + 1] end
  if view.r == ref then
    local n, uniques = tonumber(view.n or 1), tonumber(view.q or tonumber(view.u or 0) % 2)
    add(n, uniques, view.t, tonumber(view.t) >= tonumber(ARGV[7]))
  end
end
if redis.call('EXISTS', shed) == 1 then
  local kept = redis.call('HGETALL', shed)
  for i = 1, #kept, 2 do
    local number, of = kept[i]:match('^(%d+):(.*)$')
    if of == ref then
      local n, uniques, _, at = kept[i + 1]:match('^(%d+):(%d+):(%d+):(%d+)$')
      add(tonumber(n), tonumber(uniques), at, number == ARGV[6])
    end
  end
end

-- Somebody else may have loaded it meanwhile: take the larger, unless it belongs to a data set that is gone.
if redis.call('TYPE', viewed).ok ~= 'hash' then redis.call('DEL', viewed) end
local of_epoch = redis.call('HGET', viewed, 'epoch')
local current = not of_epoch or of_epoch == epoch
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
redis.call('SET', day, string.format('%.0f', today), 'EX', ARGV[8])
redis.call('HSET', viewed, 'epoch', epoch, 'first', first, 'last', last)
return { total, unique, today, first, last }
