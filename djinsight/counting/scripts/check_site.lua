-- Refuse a data set that the caller does not know as its own. Every script of a site begins with this.
--
-- KEYS  @META meta (hash: site)
-- ARGV  the last one: the site that the caller expects. It is removed, so that the script sees the others only.
-- Error SITE if the data set has another site, or none yet: nothing was done, and the caller has to claim it

if redis.pcall('HGET', KEYS[@META], 'site') ~= table.remove(ARGV) then
  return redis.error_reply('SITE expected the site that the caller knows')
end

