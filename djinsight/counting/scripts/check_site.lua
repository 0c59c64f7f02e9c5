-- Do nothing in a data set that the caller does not know to be its own. Every script of a site begins with this.
--
-- KEYS  @META meta (hash: site)
-- ARGV  the last one: the site that the caller takes it for. It is removed, and the script sees the others.
-- Error SITE, where it is another one, or none yet: nothing was done, and the caller has to claim it

if redis.pcall('HGET', KEYS[@META], 'site') ~= table.remove(ARGV) then
  return redis.error_reply('SITE expected the site that the caller knows')
end

