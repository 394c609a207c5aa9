#!lua
-- Sets bans. A ban replaces one with its key only where it ends later.
--
-- KEYS[1] hash: bans by key     KEYS[2] sorted set: keys by end, milliseconds
-- KEYS[3] sorted set: keys by version of their last change     KEYS[4] the version, and who began it
-- ARGV[1] most bans   ARGV[2] name of this life of the store, should it be new
-- ARGV[3...] key, end in milliseconds, ban; for each ban

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('HSETNX', KEYS[4], 'life', ARGV[2])

local function touch(key)
  redis.call('ZADD', KEYS[3], redis.call('HINCRBY', KEYS[4], 'version', 1), key)
end

local function drop(key)
  redis.call('HDEL', KEYS[1], key)
  redis.call('ZREM', KEYS[2], key)
  redis.call('ZREM', KEYS[3], key)
end

-- Whoever reads knows when a ban ends, so that one that is over needs no notice of its own.
for _, key in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 1000)) do
  drop(key)
end

for place = 3, #ARGV, 3 do
  local key, ends = ARGV[place], tonumber(ARGV[place + 1])
  local known = tonumber(redis.call('ZSCORE', KEYS[2], key) or '0')
  if ends > known and ends > now then
    redis.call('HSET', KEYS[1], key, ARGV[place + 2])
    redis.call('ZADD', KEYS[2], ends, key)
    touch(key)
  end
end

-- Those that end first make room; who has read them already keeps them until they end.
local excess = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[1])
if excess > 0 then
  for _, key in ipairs(redis.call('ZRANGE', KEYS[2], 0, excess - 1)) do
    drop(key)
  end
end
return redis.status_reply('OK')
