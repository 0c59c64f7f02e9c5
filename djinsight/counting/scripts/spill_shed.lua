-- Move the sums of shed views into the stream, as one entry an object and day.
--
-- KEYS  1 events   2 meta   3 shed   4 pending
-- ARGV  1 most views the stream may hold   2 most entries to make
-- Reply number of entries made
--
-- A value that cannot be read goes into the stream as it is, and persist dead-letters it.

local events, meta, shed, pending = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
if redis.call('XLEN', events) >= tonumber(ARGV[1]) then
  return 0
end
local number = redis.pcall('HLEN', shed)
if type(number) == 'table' then
  if number.err:find('WRONGTYPE') then return redis.call('DEL', shed) - 1 end
  return number
end
local kept = {}
if number <= tonumber(ARGV[2]) then
  kept = redis.call('HGETALL', shed)
else
  for _, field in ipairs(redis.call('HRANDFIELD', shed, ARGV[2])) do
    kept[#kept + 1], kept[#kept + 2] = field, redis.call('HGET', shed, field)
  end
end
local seq = whole(redis.call('HGET', meta, 'seq')) or 0
for i = 1, #kept, 2 do
  local day, ref = kept[i]:match('^(%d+):(.*)$')
  local n, unique, unique_today, at, rest = kept[i + 1]:match('^(%d+):(%d+):(%d+):(%d+)([:%d]*)$')
  if ref and n then
    seq = seq + 1
    local more = more_in(rest, ':')
    local of_more = MORE > 0 and { 'm', table.concat(more, ',') } or {}
    local id = redis.call('XADD', events, '*', 's', text(seq), 'r', ref, 'n', n, 'q', unique, 'w', unique_today,
      't', at, unpack(of_more))
    redis.call('HSET', meta, 'seq', text(seq))
    local by_ref = {}
    for j = 1, MORE do by_ref[j] = { [ref] = more[j] } end
    note(pending, { seq, 1, tonumber(at), tonumber(day), id }, { [ref] = tonumber(n) }, { [ref] = tonumber(unique) }, by_ref)
    if seq % SEGMENT == 0 then folding()(pending, segment_of(seq) - 2) end
  else
    redis.call('XADD', events, '*', 'shed', kept[i], 'value', kept[i + 1])
  end
  redis.call('HDEL', shed, kept[i])
end
if redis.call('HLEN', shed) == 0 then redis.call('HDEL', meta, 'shed_from') end
return #kept / 2
