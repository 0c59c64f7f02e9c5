-- Numbers in keys: put before the scripts that read them, and after `MORE_FIELDS`, the fields of the hash `viewed` that hold
-- the numbers of further metrics, in their order (metrics.py, script.py).

local MAX_NUMBER, MAX_MS = 9007199254740992, 8796093022208

-- Return a whole number that JSON and Lua hold exactly, or nil: another program may have written the value.
local function whole(value)
  local n = tonumber(value or nil)
  return n and n >= 0 and n <= MAX_NUMBER and n % 1 == 0 and n or nil
end

-- Return a time in Unix ms that is a date, or false.
local function time_of(value)
  local ms = tonumber(value or nil)
  return ms and ms >= 0 and ms < MAX_MS and ms % 1 == 0 and ms or false
end

local function text(number)
  return string.format('%.0f', number)
end

local MORE, NONE = #MORE_FIELDS, {}  -- further metrics

-- Return the values of the further metrics in `list` from place `at` on; nil if there are no such metrics.
local function more_of(list, at)
  return MORE > 0 and { unpack(list, at, at + MORE - 1) } or nil
end

-- Return 1 if a view with `flags` counts for further metric j, else 0.
local function more_bit(flags, j)
  return math.floor(flags / 2 ^ (2 + j)) % 2
end

-- Return the numbers in `list`, a string, with `mark` before each, for the further metrics; 0 for those that are missing.
local function more_in(list, mark)
  if MORE == 0 then return nil end
  local more, j = {}, 0
  for number in (list or ''):gmatch(mark .. '(%d+)') do
    j = j + 1
    more[j] = whole(number) or 0
  end
  for k = j + 1, MORE do more[k] = 0 end
  return more
end

-- Return the numbers of further metrics in the reply to HMGET of a `viewed` hash, from place `at` on. Nil if one is missing.
local function more_read(fields, at)
  if MORE == 0 then return NONE end
  local more = {}
  for j = 1, MORE do
    more[j] = whole(fields[at + j - 1])
    if not more[j] then return nil end
  end
  return more
end

-- Return the reply for one object: its numbers and times, then its numbers of further metrics.
local function numbers_of(total, unique, today, first, last, more)
  if MORE == 0 then return { total, unique, today, first, last } end
  return { total, unique, today, first, last, unpack(more) }
end
