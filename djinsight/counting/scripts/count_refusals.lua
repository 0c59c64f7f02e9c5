-- Add to the counts of refusals.
--
-- KEYS  1 refused (hash)   2 meta
-- ARGV  2 for each number: field (yyyymmdd:reason), how many
-- Reply nothing

if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then redis.call('DEL', KEYS[1]) end
for i = 1, #ARGV, 2 do
  if type(redis.pcall('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1])) == 'table' then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])  -- another program has written over it
  end
end
