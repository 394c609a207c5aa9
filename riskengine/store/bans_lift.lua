#!lua
-- Ends bans at once; answers how many of them there were.
--
-- KEYS    as in bans_add.lua     ARGV  keys of bans

local lifted = 0
for _, key in ipairs(ARGV) do
  if redis.call('HDEL', KEYS[1], key) == 1 then
    lifted = lifted + 1
    redis.call('ZREM', KEYS[2], key)
    redis.call('ZADD', KEYS[3], redis.call('HINCRBY', KEYS[4], 'version', 1), key)
  end
end

-- Notices of lifted bans are kept for the last 10 000 changes; who has slept for longer reads all.
local floor = tonumber(redis.call('HGET', KEYS[4], 'version') or '0') - 10000
if floor > 0 then
  local dropped = 0
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', floor, 'LIMIT', 0, 1000)) do
    if redis.call('HEXISTS', KEYS[1], key) == 0 then
      redis.call('ZREM', KEYS[3], key)
      dropped = dropped + 1
    end
  end
  if dropped > 0 then redis.call('HSET', KEYS[4], 'floor', floor) end
end
return lifted
