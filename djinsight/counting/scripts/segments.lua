-- Segments: sums by object over stretches of the stream, so that a counter is loaded without a walk over the stream.
--
-- Put before the scripts that need it. The numbers of entries divide the stream into segments: segment k has the entries from
-- number k * SEGMENT on, under <pending>:<k>. A new segment is a list, which costs a call the least, with an item for each
-- call that counted:
--   number of its first entry, how many entries, their time (Unix ms), number of their day, and in the first item the id of
--   the first entry; then for each ref: the ref, views, unique views, further metrics.
-- Two segments later it is folded into a hash, which is read by field. Its field '' has:
--   number of the first entry that is summed, how many are, the moment that times are counted from, id of the first entry.
-- Each other field is a ref, with:
--   views, unique views, first and last time, the last day with views, the views of that day, further metrics.
-- If the worker keeps up, nothing is ever folded. All values are packed with cmsgpack.
--
-- A block has the sums of up to BLOCK segments, packed as a folded segment, under <pending>:block:<b>. A folded segment is
-- added to its block, so that loading from a long stream reads blocks instead of segments. The segments stay, because the
-- cursor may come to lie in any of them. A block is useful until the cursor lies in it.
--
-- A segment repeats what the stream has. If it is missing or does not agree, it is made again from the stream, and a block
-- from the segments.

local SEGMENT = 2048
local BLOCK = 32  -- segments
local SEGMENT_LIFE = 2592000  -- s; a segment whose stream is gone must expire

local function segment_of(seq)
  return math.floor(seq / SEGMENT)
end

local function segment_key(pending, k)
  return pending .. ':' .. text(k)
end

-- Note the entries that one call has appended, all of one segment: `item` as above, without the refs, and tables by ref; `more` has
-- one for each further metric.
local function note(pending, item, views, uniques, more)
  local k = segment_of(item[1])
  local key, n = segment_key(pending, k), 5
  for ref, number in pairs(views) do
    item[n + 1], item[n + 2], item[n + 3] = ref, number, uniques[ref] or 0
    n = n + 3
    for j = 1, MORE do
      n = n + 1
      item[n] = more[j][ref] or 0
    end
  end
  local length = redis.pcall('RPUSH', key, cmsgpack.pack(item))
  if type(length) == 'table' then
    redis.call('UNLINK', key)  -- it was folded already, or another program has written over it: it is made again
  elseif length == 1 then
    redis.call('EXPIRE', key, SEGMENT_LIFE)
  end
end

-- Define the functions that few calls need. To define them takes time in every call.
local function folding()
  local function block_of(k)
    return math.floor(k / BLOCK)
  end

  local function block_key(pending, b)
    return pending .. ':block:' .. text(b)
  end

  local function unpacked(value)
    if not value then return nil end
    local done, a, b, c, d, e, f = pcall(cmsgpack.unpack, value)
    if done then return a, b, c, d, e, f end
  end

  -- Return the head of a folded segment: from, count, base, id of the first entry. Nil if it has none.
  local function head_of(value)
    local from, count, base, id = unpacked(value)
    if type(from) == 'number' and type(count) == 'number' and type(base) == 'number' then
      return from, count, base, id
    end
  end

  -- Call `each(number, item)` for the items of a segment that is not folded. Return the first entry's number, how many
  -- entries there are, and the first one's id; nil if the segment is no list, or items are missing.
  local function each_item(pending, k, each)
    local items = redis.pcall('LRANGE', segment_key(pending, k), 0, -1)
    if items.err or #items == 0 then return nil end
    local from, next_seq, id
    for i = 1, #items do
      local item = unpacked(items[i])
      if type(item) ~= 'table' or type(item[1]) ~= 'number' or type(item[2]) ~= 'number' then return nil end
      if from and item[1] ~= next_seq then return nil end
      if not from then from, id = item[1], item[5] end
      next_seq = item[1] + item[2]
      each(item)
    end
    return from, next_seq - from, id ~= '' and id or nil
  end

  -- Sums by ref, with times counted from `base`.
  local function add_sum(sums, ref, n, unique, delta, day, more)
    local sum = sums[ref]
    if not sum then
      sums[ref] = { n, unique, delta, delta, day, n, unpack(more or {}) }
      return
    end
    sum[1], sum[2] = sum[1] + n, sum[2] + unique
    if delta < sum[3] then sum[3] = delta end
    if delta > sum[4] then sum[4] = delta end
    if day == sum[5] then sum[6] = sum[6] + n elseif day > sum[5] then sum[5], sum[6] = day, n end
    for j = 1, MORE do sum[6 + j] = sum[6 + j] + more[j] end
  end

  local function set_fields(key, values)
    for i = 1, #values, 2000 do
      redis.call('HSET', key, unpack(values, i, math.min(i + 1999, #values)))
    end
    redis.call('EXPIRE', key, SEGMENT_LIFE)
  end

  local function store_sums(key, head, sums)
    local values = { '', cmsgpack.pack(unpack(head)) }
    local n = 2
    for ref, sum in pairs(sums) do
      values[n + 1], values[n + 2] = ref, cmsgpack.pack(unpack(sum))
      n = n + 2
    end
    redis.call('UNLINK', key)
    set_fields(key, values)
  end

  -- Return how many segments a block has by its head: 0 if it is not ours. Its first segment may begin later than usual.
  local function segments_in(b, from, count)
    local n = from and segment_of(from) == b * BLOCK and (from + count) / SEGMENT - b * BLOCK or 0
    return n % 1 == 0 and n <= BLOCK and n or 0
  end

  -- Add the `sums` of segment k, which has `head`, to its block, if that has exactly the segments before k.
  local function add_to_block(pending, k, head, sums)
    local b = block_of(k)
    local key, place = block_key(pending, b), k % BLOCK
    if place == 0 then redis.call('UNLINK', key) end
    local from, count, base, id = head_of(place > 0 and redis.call('HGET', key, '') or nil)
    from, count, base, id = from or head[1], count or 0, base or head[3], id or head[4]
    if from + count ~= head[1] or segments_in(b, from, count + head[2]) ~= place + 1 then
      return
    end
    local values, refs, shift = { '', cmsgpack.pack(from, count + head[2], base, id) }, {}, head[3] - base
    for ref in pairs(sums) do refs[#refs + 1] = ref end
    for i = 1, #refs, 2000 do
      local last = math.min(i + 1999, #refs)
      local known = place > 0 and redis.call('HMGET', key, unpack(refs, i, last)) or {}
      for j = i, last do
        local sum = sums[refs[j]]
        local n, unique, first, latest, day, of_day = sum[1], sum[2], sum[3] + shift, sum[4] + shift, sum[5], sum[6]
        local more = more_of(sum, 7)
        if known[j - i + 1] then
          local had_n, had_unique, had_first, had_latest, had_day, had_of_day = cmsgpack.unpack(known[j - i + 1])
          n, unique = n + had_n, unique + had_unique
          first, latest = math.min(first, had_first), math.max(latest, had_latest)
          if had_day == day then of_day = of_day + had_of_day end
          if had_day > day then day, of_day = had_day, had_of_day end
          if more then
            local had = { cmsgpack.unpack(known[j - i + 1]) }
            for m = 1, MORE do more[m] = more[m] + had[6 + m] end
          end
        end
        values[#values + 1] = refs[j]
        values[#values + 1] = cmsgpack.pack(n, unique, first, latest, day, of_day, unpack(more or {}))
      end
    end
    set_fields(key, values)
  end

  -- Return the sums of a list, and their head; nil if the list is incomplete.
  local function sums_of_list(pending, k)
    local sums, base = {}, nil
    local from, count, id = each_item(pending, k, function(item)
      base = base or item[3]
      local delta, day = item[3] - base, item[4]
      for i = 6, #item, 3 + MORE do
        add_sum(sums, item[i], item[i + 1], item[i + 2], delta, day, more_of(item, i + 3))
      end
    end)
    if from then return sums, { from, count, base, id or '' } end
  end

  -- Fold segment k, to which nothing is added any more, if it is a list, and add it to its block.
  local function fold(pending, k)
    -- A block of this number may be left of a stream that is gone.
    if k % BLOCK == 0 then redis.call('UNLINK', block_key(pending, block_of(k))) end
    local head
    local done, sums = pcall(function()
      local sums
      sums, head = sums_of_list(pending, k)
      if head then store_sums(segment_key(pending, k), head, sums) end
      return sums
    end)
    if not done then
      redis.call('UNLINK', segment_key(pending, k))  -- another program has written over it
    elseif head and not pcall(add_to_block, pending, k, head, sums) then
      redis.call('UNLINK', block_key(pending, block_of(k)))
    end
  end

  -- Return the parts of an entry: number, ref, views, unique views, time, further metrics. Nil if it is none of ours.
  local function read_entry(entry)
    local view = {}
    for i = 1, #entry[2], 2 do view[entry[2][i]] = entry[2][i + 1] end
    local seq, n, at = whole(view.s), whole(view.n or 1), time_of(view.t)
    local flags = whole(view.u)
    local unique = whole(view.q or flags and flags % 2)
    if seq and view.r and n and unique and at then
      local more = more_in(view.m, ',?')
      if more and flags then
        for j = 1, MORE do more[j] = more_bit(flags, j) end
      end
      return seq, view.r, n, unique, at, more
    end
  end

  -- Make the segment of entry `from` again: `entries` has those from it up to `until_seq`, in order. `day_of(ms)` is the
  -- number of a day. If `complete`, missing ones are lost; if not, nothing is made. Return whether it is.
  local function rebuild(pending, entries, from, until_seq, day_of, complete)
    local key = segment_key(pending, segment_of(from))
    local sums, base, first_id, found = {}, nil, nil, 0
    for _, entry in ipairs(entries) do
      local seq, ref, n, unique, at, more = read_entry(entry)
      if seq and seq >= from and seq <= until_seq then
        base, first_id, found = base or at, first_id or entry[1], found + 1
        add_sum(sums, ref, n, unique, at - base, day_of(at), more)
      end
    end
    if found == 0 or not complete and found < until_seq - from + 1 then
      redis.call('UNLINK', key)
      return false
    end
    store_sums(key, { from, until_seq - from + 1, base, first_id }, sums)
    return true
  end

  return fold, rebuild, read_entry, each_item, head_of, add_to_block, segments_in, block_of, block_key
end
