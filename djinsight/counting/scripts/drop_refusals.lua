-- Drop the batch of refusals that the database has.
--
-- KEYS  1 refused:moving   2 meta
-- ARGV  1 id of the batch
-- Reply nothing

if redis.call('TYPE', KEYS[1]).ok == 'hash' and redis.call('HGET', KEYS[1], 'id') == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
