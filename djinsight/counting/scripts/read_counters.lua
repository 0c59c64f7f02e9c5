-- Read the counters of many objects at once.
--
-- KEYS  1 meta   then 4 for each object: counter, unique_counter, day, viewed
-- ARGV  1 number of today   2 from and 3 until when (Unix ms) the keys of days are right, by Redis's own clock
-- Reply for each object { total, unique, today, first, last, further metrics }, or '' if its counters are not
--       loaded: integers, first and last nil if it was never viewed or that is not known
--       or the time (Unix ms) if the keys are not those of that time
--
-- A replica answers reads with numbers of any age. So the script tries a write that changes nothing, and returns its error.

local today_number = tonumber(ARGV[1])
local proof = redis.pcall('HDEL', KEYS[1], '')
if type(proof) == 'table' and proof.err:find('READONLY') then
  return proof
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now < tonumber(ARGV[2]) or now >= tonumber(ARGV[3]) then
  return now
end
local epoch = redis.call('HGET', KEYS[1], 'epoch')

local function read(k)
  local times = redis.call('HMGET', KEYS[k + 3], 'epoch', 'first', 'last', 'day', unpack(MORE_FIELDS))
  if not epoch or times[1] ~= epoch then
    return ''
  end
  local numbers = redis.call('MGET', KEYS[k], KEYS[k + 1], KEYS[k + 2])
  local total, unique, today = whole(numbers[1]), whole(numbers[2]), whole(numbers[3] or 0)
  if not numbers[3] and (whole(times[4]) or 0) >= today_number then
    return ''  -- not a new day: its counter was evicted
  end
  local more = more_read(times, 5)
  if total and unique and today and more then
    return numbers_of(total, unique, today, time_of(times[2]), time_of(times[3]), more)
  end
  return ''
end

local counters = {}
for k = 2, #KEYS, 4 do
  local done, counter = pcall(read, k)
  counters[#counters + 1] = done and counter or ''
end
return counters
