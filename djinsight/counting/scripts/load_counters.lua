-- Load the counters of some objects: the database's totals plus the views in the stream. A counter never goes down.
--
-- The work is bounded. The script sums the blocks and segments of the stream. It walks at most the segment that is persisted
-- in part, and one that is missing, which it makes again. Without objects it also makes blocks again.
--
-- KEYS  1 events   2 meta   3 shed   4 pending   then 4 for each object: counter, unique_counter, day, viewed
-- ARGV  1 an epoch, used if there is none yet
--       2 epoch of the persisted cursor   3 number and 4 id of the last persisted entry
--       5 number of today   6 when today began and 7 ends (Unix ms)   8 lifetime of a day's counter (s)
--       9 from and 10 until when (Unix ms) the keys of days are right, by Redis's own clock
--       then 6 for each object: ref, total, unique, today, first, last, and its further metrics: the database's
-- Reply { total, unique, today, first, last, further metrics } for each object: integers, first and last nil if it was
--         never viewed;
--         then 1 if blocks are missing, else 0;
--       or 'stale' if a worker has written to the database since it was read, or is about to;
--       or 'unknown' if segments are missing, of which each call makes one again; without objects also if blocks are missing,
--       of which each call makes a part again;
--       or the time (Unix ms) if the keys are not those of that time
--
-- Entries and shed sums that cannot be read come from other programs, and count nothing.

local fold, rebuild, read_entry, each_item, head_of, add_to_block, segments_in, block_of, block_key = folding()
local events, meta, shed, pending = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local last_id = ARGV[4]
local today_number, day_began, day_ends, lifetime = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8]
local MARGIN = 64  -- entries of other programs that may stand between ours
local FEW_SHED = 1000
local MOST_GROWN = 4096  -- objects of segments that one call adds to blocks

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now < tonumber(ARGV[9]) or now >= tonumber(ARGV[10]) then
  return now
end

local head = redis.call('HMGET', meta, 'epoch', 'trimmed', 'seq', 'shed_from')
local epoch = head[1]
if not epoch then
  epoch = ARGV[1]
  redis.call('HSET', meta, 'epoch', epoch)
end
local persisted = ARGV[2] == epoch and tonumber(ARGV[3]) or 0
if persisted < math.min(whole(head[2]) or 0, whole(head[3]) or 0) then
  return 'stale'
end

local objects, refs, by_ref = {}, {}, {}
for i = 11, #ARGV, 6 + MORE do
  local object = { total = tonumber(ARGV[i + 1]), unique = tonumber(ARGV[i + 2]), today = tonumber(ARGV[i + 3]),
    first = time_of(ARGV[i + 4]), last = time_of(ARGV[i + 5]), settled = true, more = {} }
  for j = 1, MORE do object.more[j] = tonumber(ARGV[i + 5 + j]) end
  objects[#objects + 1], refs[#refs + 1], by_ref[ARGV[i]] = object, ARGV[i], object
end

local function day_of(at)
  return at < day_began and today_number - 1 or at < day_ends and today_number or today_number + 1
end

-- `of_day` of the views are of `day`, the last one with any.
local function add(object, n, uniques, first, last, day, of_day, more)
  object.total, object.unique = object.total + n, object.unique + uniques
  for j = 1, MORE do object.more[j] = object.more[j] + more[j] end
  if day == today_number then object.today = object.today + of_day end
  if day > today_number then object.settled = false end
  if first and (not object.first or first < object.first) then object.first = first end
  if last and (not object.last or last > object.last) then object.last = last end
end

local function add_entry(ref, n, uniques, at, more)
  local object = by_ref[ref]
  if object then add(object, n, uniques, at, at, day_of(at), n, more) end
end

-- Walk the entries after the cursor, up to the number `until_seq`. Return whether the walk got there.
local function walk(until_seq)
  local entries = redis.call('XRANGE', events, '(' .. last_id, '+', 'COUNT', SEGMENT + MARGIN)
  for _, entry in ipairs(entries) do
    local seq, ref, n, uniques, at, more = read_entry(entry)
    if seq then
      if seq > until_seq then return true end
      add_entry(ref, n, uniques, at, more)
      if seq == until_seq then return true end
    end
  end
  return #entries < SEGMENT + MARGIN
end

local function add_segment(known, base)
  for i, ref in ipairs(refs) do
    local value = known[i + 1]
    if value then
      local n, uniques, first, last, day, of_day = cmsgpack.unpack(value)
      local more = MORE > 0 and more_of({ cmsgpack.unpack(value) }, 7)
      add(by_ref[ref], n, uniques, base + first, base + last, day, of_day, more)
    end
  end
end

-- Make segment k again. `next_id` is the id of the first entry of the next segment, if there is one.
local function make_again(k, seq, next_id)
  local from, until_seq = k * SEGMENT, math.min(seq, (k + 1) * SEGMENT - 1)
  local most = until_seq - from + 1 + MARGIN
  local newest_first = redis.call('XREVRANGE', events, next_id and '(' .. next_id or '+', '-', 'COUNT', most)
  local entries = {}
  for i = #newest_first, 1, -1 do entries[#entries + 1] = newest_first[i] end
  local oldest = entries[1] and read_entry(entries[1])
  return rebuild(pending, entries, from, until_seq, day_of, #entries < most or oldest and oldest <= from)
end

-- Read segment k from entry `from` on. Return a function that adds it, or nil if it is incomplete; and the id of the
-- segment's first entry, if that is k * SEGMENT and known.
local function read_segment(k, from, until_seq)
  local known = redis.pcall('HMGET', segment_key(pending, k), '', unpack(refs))
  if not known.err then
    local head_from, count, base, first_id = head_of(known[1])
    local id = head_from == k * SEGMENT and first_id ~= '' and first_id or nil
    if head_from ~= from or count ~= until_seq - from + 1 then return nil, id end
    return function() add_segment(known, base) end, id
  end
  local items, begins = {}, false
  local first, count, id = each_item(pending, k, function(item)
    begins = begins or item[1] == from
    if begins then items[#items + 1] = item end
  end)
  id = first == k * SEGMENT and id or nil
  if not begins or not first or first + count ~= until_seq + 1 then return nil, id end
  return function()
    for _, item in ipairs(items) do
      local at, day = item[3], item[4]
      for i = 6, #item, 3 + MORE do
        local object = by_ref[item[i]]
        if object then
          add(object, item[i + 1], item[i + 2], at, at, day, item[i + 1], more_of(item, i + 3))
        end
      end
    end
  end, id
end

-- Read our newest or oldest entry. At most a few entries of other programs stand before it.
local function read_end(command, start, stop)
  for _, most in ipairs({ 1, MARGIN }) do
    for _, entry in ipairs(redis.call(command, events, start, stop, 'COUNT', most)) do
      local seq = read_entry(entry)
      if seq then return seq end
    end
  end
end

-- Read block b from entry `begins` on; segments up to `last` are complete. Return how many it has, a function that
-- adds it, and the id of the first entry of its first segment, if that is known.
local function read_block(b, begins, last)
  local known = redis.pcall('HMGET', block_key(pending, b), '', unpack(refs))
  if known.err then return 0 end
  local from, count, base, id = head_of(known[1])
  local n = segments_in(b, from, count)
  if n == 0 or from ~= begins or b * BLOCK + n - 1 > last then return 0 end
  return n, function() add_segment(known, base) end, from == b * BLOCK * SEGMENT and id ~= '' and id or nil
end

-- Read the blocks that lie wholly after the cursor. Return the block of each segment by the segment's number; and for each
-- block that could have more: its next segment, the last one, and where the block begins.
local function read_blocks(first_seq, k1)
  local blocks, lacking = {}, {}
  local k0 = segment_of(first_seq)
  for b = math.ceil(k0 / BLOCK), block_of(k1) do
    local begins, last = math.max(first_seq, b * BLOCK * SEGMENT), math.min(k1 - 2, (b + 1) * BLOCK - 1)
    local n, add_block, id = read_block(b, begins, last)
    if n > 0 then
      local block = { add = add_block, id = id, first = b * BLOCK }
      for k = b * BLOCK, b * BLOCK + n - 1 do blocks[k] = block end
    end
    if b * BLOCK + n <= last then lacking[#lacking + 1] = { b * BLOCK + n, last, begins } end
  end
  return blocks, lacking
end

-- Add the next segments to blocks that lack some, up to a bound. Return whether all are complete.
local function grow(lacking)
  local grown = 0
  for _, stretch in ipairs(lacking) do
    for k = stretch[1], stretch[2] do
      if grown >= MOST_GROWN then return false end
      local key = segment_key(pending, k)
      if redis.call('TYPE', key).ok == 'list' then fold(pending, k) end
      local done, number = pcall(function()
        local fields, sums, head = redis.call('HGETALL', key), {}, nil
        for i = 1, #fields, 2 do
          local values = { cmsgpack.unpack(fields[i + 1]) }
          if fields[i] == '' then head = values else sums[fields[i]] = values end
        end
        if read_block(block_of(k), stretch[3], k) ~= k % BLOCK + 1 then add_to_block(pending, k, head, sums) end
        return #fields / 2
      end)
      if not done then  -- another program has written over one of them
        redis.call('UNLINK', key, block_key(pending, block_of(k)))
        return false
      end
      grown = grown + number
    end
  end
  return true
end

-- Add the views in the stream after the cursor. Return whether all of them are known.
local blocks_lack = false
local function add_stream()
  local first_seq, seq = read_end('XRANGE', '(' .. last_id, '+'), read_end('XREVRANGE', '+', '-')
  local length = redis.call('XLEN', events)
  -- Numbers far beyond the size of the stream come from another program.
  if not first_seq or not seq or first_seq > seq or seq - first_seq > 2 * length + SEGMENT then
    return walk(MAX_NUMBER)
  end
  local k0, k1 = segment_of(first_seq), segment_of(seq)
  local blocks, lacking = read_blocks(first_seq, k1)
  local adds, missing, first_missing, id_after = {}, 0, nil, nil
  local k = k1
  while k >= k0 do
    local block, id = blocks[k], nil
    if block then
      k, id = block.first, block.id
      adds[k] = block.add
    else
      local from = k == k0 and first_seq or k * SEGMENT
      adds[k], id = read_segment(k, from, math.min(seq, (k + 1) * SEGMENT - 1))
      if not adds[k] and k > k0 then
        missing = missing + 1
        first_missing = first_missing or { k, id_after }
      end
    end
    id_after = id
    k = k - 1
  end
  -- Take the newest one, because the id of the first entry after it is known.
  if first_missing then
    local k, id = first_missing[1], first_missing[2]
    if (k == k1 or id) and make_again(k, seq, id) then
      adds[k] = read_segment(k, k * SEGMENT, math.min(seq, (k + 1) * SEGMENT - 1))
      if adds[k] then missing = missing - 1 end
    end
  end
  if missing > 0 then
    return length <= SEGMENT and walk(MAX_NUMBER)
  end
  -- In the segment of the cursor there may be entries that are persisted and not yet trimmed.
  if not adds[k0] and not walk((k0 + 1) * SEGMENT - 1) then
    return false
  end
  for k, add_all in pairs(adds) do
    if add_all and not pcall(add_all) then
      -- Another program has written over it.
      redis.call('UNLINK', blocks[k] and block_key(pending, block_of(k)) or segment_key(pending, k))
      return false
    end
  end
  blocks_lack = #lacking > 0
  return #refs > 0 or grow(lacking)
end

local function add_shed()
  local number = redis.pcall('HLEN', shed)
  if type(number) == 'table' or number == 0 or #refs == 0 then
    return true
  end
  local function add_kept(object, kept, day)
    local n, uniques, _, at, rest = (kept or ''):match('^(%d+):(%d+):(%d+):(%d+)([:%d]*)$')
    n, uniques = whole(n), whole(uniques)
    if n and uniques then
      add(object, n, uniques, time_of(at), time_of(at), day, n, more_in(rest, ':'))
    end
  end
  local since = whole(head[4])
  if since and since <= today_number + 1 and today_number - since < 400 then
    for day = since, today_number + 1 do
      local fields = {}
      for i, ref in ipairs(refs) do fields[i] = text(day) .. ':' .. ref end
      for i, kept in ipairs(redis.call('HMGET', shed, unpack(fields))) do add_kept(objects[i], kept, day) end
    end
    return true
  end
  if number > FEW_SHED then return false end
  local kept = redis.call('HGETALL', shed)
  for i = 1, #kept, 2 do
    local day, ref = kept[i]:match('^(%d+):(.*)$')
    local object = by_ref[ref or '']
    if object then add_kept(object, kept[i + 1], tonumber(day)) end
  end
  return true
end

local done, known = pcall(add_stream)
if not done or not known or not add_shed() then
  return 'unknown'
end

-- Another process may have loaded it meanwhile. Take the larger number, unless it belongs to a data set that is gone.
-- `had` has the numbers that Redis has: total, unique and today from place `at` on.
local function store(object, counter, unique_counter, day, viewed, had, at)
  local before = redis.pcall('HMGET', viewed, 'epoch', 'day', unpack(MORE_FIELDS))
  if before.err then
    redis.call('DEL', viewed)
    before = { false, false }
  end
  local current = not before[1] or before[1] == epoch
  local total, unique, today = object.total, object.unique, object.today
  if current then
    total, unique = math.max(total, whole(had[at]) or 0), math.max(unique, whole(had[at + 1]) or 0)
    today = math.max(today, whole(had[at + 2]) or 0)
  end
  if total == 0 then  -- never viewed, or deleted while a page shows it: its keys expire
    redis.call('SET', counter, '0', 'EX', lifetime)
    redis.call('SET', unique_counter, text(unique), 'EX', lifetime)
  else
    redis.call('SET', counter, text(total))
    redis.call('SET', unique_counter, text(unique))
  end
  redis.call('SET', day, text(today), 'EX', lifetime)
  for j = 1, MORE do
    object.more[j] = math.max(object.more[j], current and whole(before[2 + j]) or 0)
    redis.call('HSET', viewed, MORE_FIELDS[j], text(object.more[j]))
  end
  -- If some of its views are of tomorrow, it is loaded once more when that day begins.
  redis.call('HSET', viewed, 'epoch', object.settled and epoch or '', 'first', object.first and text(object.first) or '',
    'last', object.last and text(object.last) or '', 'day', math.max(today_number, current and whole(before[2]) or 0))
  if total == 0 then
    redis.call('EXPIRE', viewed, lifetime)
  else
    redis.call('PERSIST', viewed)
  end
  return numbers_of(total, unique, today, object.first, object.last, object.more)
end

local names, stored = {}, {}
for i = 1, #objects do
  local k = 1 + 4 * i
  names[3 * i - 2], names[3 * i - 1], names[3 * i] = KEYS[k], KEYS[k + 1], KEYS[k + 2]
end
-- One call for all objects, because a call takes longer than reading a number.
local had = #names > 0 and redis.call('MGET', unpack(names)) or {}
for i, object in ipairs(objects) do
  local k = 1 + 4 * i
  stored[i] = store(object, KEYS[k], KEYS[k + 1], KEYS[k + 2], KEYS[k + 3], had, 3 * i - 2)
end
stored[#objects + 1] = blocks_lack and 1 or 0
return stored
