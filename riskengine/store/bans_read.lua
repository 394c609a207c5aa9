#!lua
-- What changed since a version, or everything.
--
-- KEYS    as in bans_add.lua
-- ARGV[1] the life of the store, and ARGV[2] the version, that the reader knows
--
-- The answer: life, version, 1 when it is whole, then of each change the key and the ban, empty
-- where it was lifted.

local life = redis.call('HGET', KEYS[4], 'life') or ''
local version = redis.call('HGET', KEYS[4], 'version') or '0'
local floor = tonumber(redis.call('HGET', KEYS[4], 'floor') or '0')
local known = tonumber(ARGV[2])
local answer = {life, version, 0}

if life ~= ARGV[1] or known == nil or known < floor or known > tonumber(version) then
  answer[3] = 1
  local all = redis.call('HGETALL', KEYS[1])
  for place = 1, #all do answer[3 + place] = all[place] end
  return answer
end

local fresh = redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. ARGV[2], '+inf')
for _, key in ipairs(fresh) do
  answer[#answer + 1] = key
  answer[#answer + 1] = redis.call('HGET', KEYS[1], key) or ''
end
return answer
