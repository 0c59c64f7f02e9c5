-- Count a batch of views, each at most once, and return the new counters of their objects.
--
-- KEYS  1 events (stream)   2 meta (hash: epoch, seq, trimmed, shed_from)   3 shed (hash)   4 pending (see segments.lua)
--       5 ids of now (set)  6 ids of the stretch before (set)  7 ids of the one after (set), of a clock set back
--       then 4 for each object: counter, unique_counter, day, viewed
--       then 1 for each visitor: session (hash: ref -> number of the day last seen)
--       then rates (integer: a GCRA moment in µs), each kind only if it has a limit:
--       1 for each visitor (ARGV 10), 1 for each network (ARGV 11), 1 for each object (ARGV 18), 1 of the site (ARGV 19),
--       1 for each network for its new visitors (ARGV 20)
-- ARGV  1 when the views happened (Unix ms), '' for now by Redis's own clock
--       2 number of that day  3 an epoch, used if there is none yet
--       4 most views the stream may hold          5 lifetime of expiring keys (s)
--       6 lifetime of the view ids (s)            7 most view ids to remember
--       8 most objects to remember a visitor      9 lifetime of a day's counter (s)
--       10 and 11 interval of views of a visitor and of a network (µs, 0: no limit)
--       12 burst of these limits (µs)
--       13 from and 14 until when (Unix ms) the keys of days and ids are right
--       15 number of objects    16 number of visitors    17 number of networks
--       18, 19 and 20 interval of views of an object and of the site, and of new visitors of a network (µs, 0: no limit)
--       21 burst of new visitors of a network (µs)
--       then the refs of the objects, then the stored details of the visitors
--       then 1 for each view: object (from 1), visitor (from 1), network (from 1, 0: none), id, if there are further
--       metrics the bits of those that it counts for (the first one lowest), and payload, with a space between them
-- Reply { a code for each view,
--         { total, unique, today, first, last, further metrics } for each object, or '' if its counters are not loaded }:
--         integers, first and last nil if it was never viewed,
--         the error of Redis because of which views were not counted, if some were not }
--       or the time (Unix ms) if the keys are not those of that time: nothing is counted
--       code: 0 seen before, 1 counted, 2 counted as unique, -1 not counted, -2 not counted: too many a second
--
-- A script does not roll back, so it appends to the stream first. If it fails later, the counters have less than the stream,
-- never more. The script leaves counters alone that are not loaded: they are loaded from the database and from the stream,
-- which has these views by then. If another program has written over keys of one object or visitor, the others are still
-- counted: such an object counts as not loaded, and such a visitor as seen before.

local events, meta, shed, pending = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local ids, ids_before, ids_after = KEYS[5], KEYS[6], KEYS[7]
local today, lifetime = tonumber(ARGV[2]), tonumber(ARGV[5])
local max_stream, max_ids, max_seen = tonumber(ARGV[4]), tonumber(ARGV[7]), tonumber(ARGV[8])
local visitor_cost, network_cost, ahead = tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12])
local objects, visitors, networks = tonumber(ARGV[15]), tonumber(ARGV[16]), tonumber(ARGV[17])
local object_cost, site_cost, new_cost = tonumber(ARGV[18]), tonumber(ARGV[19]), tonumber(ARGV[20])
local first_ref, first_visitor = 21, 21 + objects
local first_view = 22 + objects + visitors
local first_session = 7 + 4 * objects
local first_rate = first_session + visitors  -- of the visitors, networks, objects, the site, and for new visitors
local first_network = first_rate + (visitor_cost > 0 and visitors or 0)
local first_object = first_network + (network_cost > 0 and networks or 0)
local site_rate = first_object + (object_cost > 0 and objects or 0) + (site_cost > 0 and 1 or 0)
local first_new = site_rate

-- The time is Redis's, as the clocks of web servers differ. So a view that is retried through another server is recognised.
local time = redis.call('TIME')
local clock = time[1] * 1000000 + time[2]
local at = tonumber(ARGV[1]) or math.floor(clock / 1000)
if at < tonumber(ARGV[13]) or at >= tonumber(ARGV[14]) then
  return at
end
local now = text(at)

local function failed(reply)
  return type(reply) == 'table' and reply.err
end

-- Drop a key of the whole shard if another program has written over it. Its content is lost in any case, and the numbers of
-- the stream tell how much of the stream is missing.
local function ask(command, key, ...)
  local reply = redis.pcall(command, key, ...)
  if failed(reply) then
    if reply.err:find('WRONGTYPE') then redis.call('DEL', key) end
    reply = redis.call(command, key, ...)  -- the caller gets any other error
  end
  return reply
end

local head = ask('HMGET', meta, 'epoch', 'seq')
local backlog = ask('XLEN', events)
local known = ask('SCARD', ids)
local known_before, known_after = ask('SCARD', ids_before), ask('SCARD', ids_after)
local epoch, seq = head[1], whole(head[2])
if not epoch then
  epoch = ARGV[3]
  redis.call('HSET', meta, 'epoch', epoch)
end
if not seq then
  -- If only meta is gone, the numbers continue where the stream ends.
  seq = 0
  for _, entry in ipairs(redis.call('XREVRANGE', events, '+', '-', 'COUNT', 1)) do
    for i = 1, #entry[2], 2 do
      if entry[2][i] == 's' then seq = whole(entry[2][i + 1]) or 0 end
    end
  end
end
local before = seq
local codes, views, uniques, expire = {}, {}, {}, {}

-- Views and unique views for the segment of the stream, by ref.
local noted, noted_uniques, noted_from, noted_id = {}, {}, seq + 1, ''
local noted_more, more_views = {}, {}  -- by further metric: by ref, and by object
for j = 1, MORE do noted_more[j], more_views[j] = {}, {} end

local function note_all()
  if seq >= noted_from then
    note(pending, { noted_from, seq - noted_from + 1, at, today, noted_id }, noted, noted_uniques, noted_more)
  end
end

local function append(ref, flags, visitor, payload)
  if backlog >= max_stream then
    -- Shed the detail: keep sums by object and day until the stream has room for them.
    local field = ARGV[2] .. ':' .. ref
    local since = whole(redis.call('HGET', meta, 'shed_from'))
    if not since or today < since then redis.call('HSET', meta, 'shed_from', ARGV[2]) end
    local kept = ask('HGET', shed, field)
    local a, b, c, more = (kept or ''):match('^(%d+):(%d+):(%d+):%d+(.*)$')
    local n, unique, unique_today = tonumber(a or 0), tonumber(b or 0), tonumber(c or 0)
    unique = unique + flags % 2
    unique_today = unique_today + math.floor(flags / 2) % 2
    local value = string.format('%.0f:%.0f:%.0f:%s', n + 1, unique, unique_today, now)
    for j, number in ipairs(more_in(more, ':') or {}) do value = value .. ':' .. text(number + more_bit(flags, j)) end
    return redis.pcall('HSET', shed, field, value)
  end
  local added = redis.pcall('XADD', events, '*', 's', string.format('%.0f', seq + 1), 'r', ref, 'u', flags,
    't', now, 'v', visitor, 'd', payload)
  if not failed(added) then
    if (seq + 1) % SEGMENT == 0 then
      note_all()
      folding()(pending, segment_of(seq) - 1)
      noted, noted_uniques, noted_from, noted_id = {}, {}, seq + 1, added
      for j = 1, MORE do noted_more[j] = {} end
    end
    seq = seq + 1
    backlog = backlog + 1
    noted[ref] = (noted[ref] or 0) + 1
    if flags % 2 == 1 then noted_uniques[ref] = (noted_uniques[ref] or 0) + 1 end
    for j = 1, MORE do noted_more[j][ref] = (noted_more[j][ref] or 0) + more_bit(flags, j) end
  end
  return added
end

-- Rate limits by GCRA, each one number: a view moves the moment ahead by its interval, and is refused if the moment would be
-- further ahead of the clock than the burst.
local paid, spent = {}, {}

local function load_rates(first, last, furthest)
  for i, moment in ipairs(redis.call('MGET', unpack(KEYS, first, last))) do
    moment = tonumber(moment or 0) or 0
    -- No moment can be further ahead than the burst, unless the clock has been set back.
    paid[KEYS[first + i - 1]] = moment > clock + furthest and clock or math.max(moment, clock)
  end
end

if first_new > first_rate then
  load_rates(first_rate + 1, first_new, ahead)
end

local function affordable(key, cost)
  return not key or paid[key] + cost <= clock + ahead
end

local function pay(key, cost)
  if key then
    paid[key] = paid[key] + cost
    spent[key] = true
  end
end

-- Return whether one more new visitor of this network may be remembered. The rate is read only when it is needed.
local function may_be_new(network)
  if new_cost == 0 or network == 0 then
    return true
  end
  local at = first_new + network
  local key, furthest = KEYS[at], tonumber(ARGV[21])
  if not paid[key] then
    load_rates(at, at, furthest)
  end
  if paid[key] + new_cost > clock + furthest then
    return false
  end
  pay(key, new_cost)
  return true
end

local VIEW = '^(%d+) (%d+) (%d+) (%S+) ' .. (MORE > 0 and '(%d+) ' or '()') .. '(.*)$'

-- Look up all ids together, once a set, and store the new ones together, which is faster than one by one.
local parts, asked, fresh, seen_before = {}, {}, {}, {}
for i = first_view, #ARGV do
  local part = { ARGV[i]:match(VIEW) }
  parts[#parts + 1], asked[#asked + 1] = part, part[4]
end
for key, number in pairs({ [ids] = known, [ids_before] = known_before, [ids_after] = known_after }) do
  if number > 0 and #asked > 0 then
    for i, is_member in ipairs(redis.call('SMISMEMBER', key, unpack(asked))) do
      if is_member == 1 then seen_before[asked[i]] = true end
    end
  end
end

local stopped  -- why no more views are counted in this call
for _, part in ipairs(parts) do
  local object, visitor, network = tonumber(part[1]), tonumber(part[2]), tonumber(part[3])
  local id, bits, payload = part[4], MORE > 0 and tonumber(part[5]) or 0, part[6]
  local visitor_rate = visitor_cost > 0 and KEYS[first_rate + visitor]
  local network_rate = network_cost > 0 and network > 0 and KEYS[first_network + network]
  local object_rate = object_cost > 0 and KEYS[first_object + object]
  local ref = ARGV[first_ref + object]
  local code
  if seen_before[id] then
    code = 0
  elseif stopped or known >= max_ids then
    stopped = stopped or 'the ids of ' .. max_ids .. ' views are remembered, and there is no room for more'
    code = -1
  elseif not (affordable(visitor_rate, visitor_cost) and affordable(network_rate, network_cost)
      and affordable(object_rate, object_cost) and affordable(site_cost > 0 and KEYS[site_rate], site_cost)) then
    code = -2
  else
    local session = KEYS[first_session + visitor]
    local seen = redis.pcall('HGET', session, ref)
    local readable = not failed(seen)
    seen = readable and seen and (tonumber(seen) or today)
    local remembered = readable and not seen and redis.call('HLEN', session)
    -- If a network has had too many new visitors, the view counts, and its visitor is not remembered.
    local nobody = remembered == 0 and not may_be_new(network)
    -- A visitor with too many objects to remember is new nowhere, so that unique views are never overstated.
    local room = readable and not nobody and (seen or remembered < max_seen)
    local unique = room and (not seen or (today - seen) * 86400 >= lifetime)
    local unique_today = room and (not seen or seen < today)
    local flags = (unique and 1 or 0) + (unique_today and 2 or 0) + (nobody and 4 or 0) + 8 * bits
    local added = append(ref, flags, ARGV[first_visitor + visitor], payload)
    if failed(added) then
      stopped = added.err
      if stopped:find('READONLY') then return added end  -- a replica: nothing of this call was written
      code = -1
    else
      seen_before[id], fresh[#fresh + 1] = true, id
      pay(visitor_rate, visitor_cost)
      pay(network_rate, network_cost)
      pay(object_rate, object_cost)
      pay(site_cost > 0 and KEYS[site_rate], site_cost)
      known = known + 1
      if room and (not seen or seen < today) then  -- another process may be at the day before
        redis.call('HSET', session, ref, today)
      end
      expire[session] = true
      views[object] = (views[object] or 0) + 1
      uniques[object] = (uniques[object] or 0) + (unique and 1 or 0)
      for j = 1, MORE do more_views[j][object] = (more_views[j][object] or 0) + more_bit(flags, j) end
      code = unique and 2 or 1
    end
  end
  codes[#codes + 1] = code
end

note_all()
if seq > before then
  redis.call('HSET', meta, 'seq', string.format('%.0f', seq))
end
if #fresh > 0 then
  redis.call('SADD', ids, unpack(fresh))
  redis.call('EXPIRE', ids, ARGV[6])
end
for key in pairs(spent) do
  redis.call('SET', key, string.format('%.0f', paid[key]), 'PX', math.ceil((paid[key] - clock) / 1000))
end
for session in pairs(expire) do
  redis.call('EXPIRE', session, lifetime)
end

local function count(object)
  local k = 4 + 4 * object
  local counter, unique_counter, day, viewed = KEYS[k], KEYS[k + 1], KEYS[k + 2], KEYS[k + 3]
  local times = redis.call('HMGET', viewed, 'epoch', 'first', 'last', 'day', unpack(MORE_FIELDS))
  local numbers = redis.call('MGET', counter, unique_counter, day)
  local total, unique, today_total = whole(numbers[1]), whole(numbers[2]), whole(numbers[3] or 0)
  local counted_day, more = whole(times[4]) or 0, more_read(times, 5)
  if times[1] ~= epoch or not total or not unique or not today_total or not more then
    return ''
  end
  if not numbers[3] and counted_day >= today then
    return ''  -- not a new day: its counter was evicted
  end
  local n = views[object]
  if not n then
    return numbers_of(total, unique, today_total, time_of(times[2]), time_of(times[3]), more)
  end
  total = redis.call('INCRBY', counter, n)
  if uniques[object] > 0 then
    unique = redis.call('INCRBY', unique_counter, uniques[object])
  end
  if total == n then  -- the first views: from now on it is kept
    for _, key in ipairs({ counter, unique_counter, viewed }) do redis.call('PERSIST', key) end
  end
  today_total = redis.call('INCRBY', day, n)
  if not numbers[3] then redis.call('EXPIRE', day, ARGV[9]) end
  local first = time_of(times[2]) or at
  if not time_of(times[2]) or counted_day < today then
    redis.call('HSET', viewed, 'first', text(first), 'day', math.max(today, counted_day))
  end
  redis.call('HSET', viewed, 'last', now)
  for j = 1, MORE do
    if more_views[j][object] > 0 then more[j] = redis.call('HINCRBY', viewed, MORE_FIELDS[j], more_views[j][object]) end
  end
  return numbers_of(total, unique, today_total, first, at, more)
end

local counters = {}
for object = 1, objects do
  local done, counted = pcall(count, object)
  counters[object] = done and counted or ''
end

return { codes, counters, stopped }
