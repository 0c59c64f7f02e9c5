-- Read the counters of many objects at once.
--
-- KEYS  1 meta   then 4 for each object: counter, unique_counter, day, viewed
-- ARGV  none
-- Reply for each object { total, unique, today, first, last }, or '' where its counters are not loaded

local epoch = redis.call('HGET', KEYS[1], 'epoch')
local counters = {}
for k = 2, #KEYS, 4 do
  local times = redis.call('HMGET', KEYS[k + 3], 'epoch', 'first', 'last')
  local numbers = redis.call('MGET', KEYS[k], KEYS[k + 1], KEYS[k + 2])
  if epoch and times[1] == epoch and numbers[1] and numbers[2] then
    counters[#counters + 1] = { tonumber(numbers[1]), tonumber(numbers[2]), tonumber(numbers[3] or 0), times[2], times[3] }
  else
    counters[#counters + 1] = ''
  end
end
return counters
