-- Try every command that the scripts use, on keys that nothing else uses.
--
-- KEYS  1 a stream   2 and 3 hashes   4 a set   5 a string   6 a list
-- Reply name and error of each command that failed

local failed = {}
local function try(name, ...)
  local reply = redis.pcall(name, ...)
  if type(reply) == 'table' and reply.err then
    failed[#failed + 1], failed[#failed + 2] = name, reply.err
  end
end

local stream, hash, other, set, number, list = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
try('XADD', stream, '*', 'a', 1)  -- first, as a full memory refuses no command that comes after another write
try('TIME')
try('XLEN', stream)
try('XRANGE', stream, '-', '+', 'COUNT', 1)
try('XREVRANGE', stream, '+', '-', 'COUNT', 1)
try('XTRIM', stream, 'MINID', '1')
try('HSET', hash, 'a', 1)
try('HSETNX', hash, 'b', 1)
try('HINCRBY', hash, 'a', 1)
try('HGET', hash, 'a')
try('HMGET', hash, 'a', 'b')
try('HGETALL', hash)
try('HKEYS', hash)
try('HLEN', hash)
try('HRANDFIELD', hash, 1)
try('HDEL', hash, 'b')
try('TYPE', hash)
if redis.pcall('TYPE', hash).ok == 'hash' then try('RENAME', hash, other) end
try('SADD', set, 'a')
try('SCARD', set)
try('SMISMEMBER', set, 'a')
try('SRANDMEMBER', set, 1)
try('SREM', set, 'a')
try('RPUSH', list, 'a')
try('LRANGE', list, 0, -1)
try('UNLINK', list)
try('SET', number, 1, 'PX', 60000)
try('INCRBY', number, 1)
try('GET', number)
try('MGET', number)
try('EXPIRE', number, 60)
try('PERSIST', number)
try('DEL', stream, hash, other, set, number, list)
return failed
