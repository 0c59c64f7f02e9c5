-- Take the counts of refusals as one batch for the database. If there is a batch already, return that one.
--
-- KEYS  1 refused (hash)   2 refused:moving (hash: the batch, and its id)   3 meta
-- ARGV  1 an id for a new batch
-- Reply the fields and values of the batch, nothing if there is none

local function is_hash(key) return redis.call('TYPE', key).ok == 'hash' end

if not is_hash(KEYS[2]) then
  if not is_hash(KEYS[1]) then return {} end
  redis.call('RENAME', KEYS[1], KEYS[2])
end
redis.call('HSETNX', KEYS[2], 'id', ARGV[1])
return redis.call('HGETALL', KEYS[2])
