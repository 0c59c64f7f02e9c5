-- Read the counters of many objects at once.
--
-- KEYS  1 meta   then 4 for each object: counter, unique_counter, day, viewed
-- ARGV  1 number of today
-- Reply for each object { total, unique, today, first, last }, or '' where its counters are not loaded: integers, first
--       and last nil where it was never viewed
--
-- A replica answers reads, with numbers of any age. So this asks for a write that changes nothing, and returns its error.

local today_number = tonumber(ARGV[1])
local proof = redis.pcall('HDEL', KEYS[1], '')
if type(proof) == 'table' and proof.err:find('READONLY') then
  return proof
end
local epoch = redis.call('HGET', KEYS[1], 'epoch')

local function read(k)
  local times = redis.call('HMGET', KEYS[k + 3], 'epoch', 'first', 'last', 'day')
  local numbers = redis.call('MGET', KEYS[k], KEYS[k + 1], KEYS[k + 2])
  local total, unique, today = tonumber(numbers[1] or nil), tonumber(numbers[2] or nil), tonumber(numbers[3] or 0)
  if not numbers[3] and tonumber(times[4] or 0) >= today_number then
    return ''  -- not a new day: its counter was evicted
  end
  if epoch and times[1] == epoch and total and unique and today then
    return { total, unique, today, tonumber(times[2]) or false, tonumber(times[3]) or false }
  end
  return ''
end

local counters = {}
for k = 2, #KEYS, 4 do
  local done, counter = pcall(read, k)
  counters[#counters + 1] = done and counter or ''
end
return counters
