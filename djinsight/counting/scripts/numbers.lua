-- Numbers as the keys have them. Put before the scripts that read any.

local MAX_NUMBER, MAX_MS = 9007199254740992, 8796093022208

-- A whole number that JSON and Lua hold exactly, or nil: what somebody has planted is no counter.
local function whole(value)
  local n = tonumber(value or nil)
  return n and n >= 0 and n <= MAX_NUMBER and n % 1 == 0 and n or nil
end

-- A time in Unix ms that is a date, or false.
local function time_of(value)
  local ms = tonumber(value or nil)
  return ms and ms >= 0 and ms < MAX_MS and ms % 1 == 0 and ms or false
end

local function text(number)
  return string.format('%.0f', number)
end
