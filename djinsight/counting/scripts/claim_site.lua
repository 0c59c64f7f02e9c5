-- Claim a data set for the caller's site, or tell the caller that it belongs to another one.
--
-- KEYS  1 meta (hash: site, database, key:<fingerprint> for each secret key of the site)
-- ARGV  1 a site, taken if there is none yet   2 identity of the caller's database, '' if it is not known
--       3 1 to take the data set away from the site that has it
--       then 1 for each secret key of the caller, old ones included: its fingerprint
-- Reply { 1 or 0: whether it is the caller's, site, database that it was claimed for before, '' if there was none }
--
-- The data set is the caller's if the caller has one of its secret keys, or its database. So a key can be rotated with
-- or without its predecessors, and a database can be made anew. The script writes only what is missing.

local meta, database, force = KEYS[1], ARGV[2], ARGV[3] == '1'
if redis.call('TYPE', meta).ok ~= 'hash' then redis.call('DEL', meta) end

local claimed, home = {}, false
for _, field in ipairs(redis.call('HKEYS', meta)) do
  if field:sub(1, 4) == 'key:' then claimed[field] = true end
end
for i = 4, #ARGV do
  home = home or claimed['key:' .. ARGV[i]]
end
local before = redis.call('HMGET', meta, 'site', 'database')
local site, database_before = before[1], before[2] or ''
if next(claimed) and not home and not force and (database == '' or database ~= database_before) then
  return { 0, site or '', database_before }
end

local function write(field, value)
  -- The deletion comes first: Redis allows it even if its memory is full, and then allows the rest of the script.
  redis.call('HDEL', meta, field)
  redis.call('HSET', meta, field, value)
end

if force then
  for field in pairs(claimed) do redis.call('HDEL', meta, field) end
  claimed, site, database_before = {}, nil, ''
  redis.call('HDEL', meta, 'database')
end
if not site then
  site = ARGV[1]
  write('site', site)
end
for i = 4, #ARGV do
  if not claimed['key:' .. ARGV[i]] then write('key:' .. ARGV[i], 1) end
end
if database ~= '' and database ~= database_before then
  write('database', database)
end
return { 1, site, database_before }
