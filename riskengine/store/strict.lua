#!lua
-- Counts the hits of a whole batch in strict sliding windows, in the order of its requests.
-- The same arithmetic as window.py; script.py writes the arguments and reads the answer.
--
-- KEYS     every counter of the batch, once
-- ARGV[1]  specs: doubles limit, window in microseconds, cost, observed (0 or 1)
-- ARGV[2]  requests: each its number of hits, then key and spec of each hit, from 1; uint32
-- ARGV[3]  time of each request in microseconds, doubles; empty: the server's clock
--
-- A value is the index of its newest bucket (double) and the counts of eleven buckets (uint32), a
-- ring. The answer has for each hit an int32, hits left, or -1 minus that where there was no room,
-- and a double, microseconds until there is room.

local BUCKETS, SLOTS = 10, 11
local VALUE = '<I4I4I4I4I4I4I4I4I4I4I4'
local VALUE_BYTES = 8 + 4 * SLOTS
local READ_AT_ONCE = 4000 -- Lua's stack holds 8000

local ceil, floor, max, min = math.ceil, math.floor, math.max, math.min
local pack, read_struct = struct.pack, struct.unpack

local specs = {}
for offset = 1, #ARGV[1], 32 do
  local limit, window, cost, observed = read_struct('<dddd', ARGV[1], offset)
  specs[#specs + 1] = {
    limit = limit, window = window, width = ceil(window / BUCKETS), cost = cost,
    observed = observed == 1,
  }
end

local values = {}
for first = 1, #KEYS, READ_AT_ONCE do
  local last = min(first + READ_AT_ONCE - 1, #KEYS)
  for place, value in ipairs(redis.call('MGET', unpack(KEYS, first, last))) do
    values[first + place - 1] = value
  end
end

-- A window that was never counted in: any time is new to it.
local function fresh()
  return {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, newest = 0, total = 0, pending = 0, changed = false}
end

local function stored(value)
  local state = {read_struct(VALUE, value, 9)}
  local total = 0
  for slot = 1, SLOTS do total = total + state[slot] end
  state.newest, state.total = read_struct('<d', value), total
  state.pending, state.changed = 0, false
  return state
end

local function passed(state, ahead)
  local sum = 0
  for index = state.newest + 1, state.newest + ahead do sum = sum + state[index % SLOTS + 1] end
  return sum
end

local function used(state, index)
  local ahead = index - state.newest
  if ahead <= 0 and ahead >= -BUCKETS then return state.total end
  if ahead < 0 or ahead > BUCKETS then return 0 end
  return state.total - passed(state, ahead)
end

local function add(state, index, cost)
  local ahead = index - state.newest
  if state.total == 0 or ahead < -BUCKETS or ahead > BUCKETS then
    for slot = 1, SLOTS do state[slot] = 0 end
    state.total, state.newest = 0, index
  elseif ahead > 0 then
    state.total = state.total - passed(state, ahead)
    for gone = state.newest + 1, index do state[gone % SLOTS + 1] = 0 end
    state.newest = index
  end
  local slot = state.newest % SLOTS + 1
  state[slot] = state[slot] + cost
  state.total = state.total + cost
  state.changed = true
end

-- Called where `room` is less than the cost.
local function wait(state, index, now, room, spec)
  if spec.cost > spec.limit then return SLOTS * spec.width end
  local oldest = max(index, state.newest) - BUCKETS
  room = room + state[oldest % SLOTS + 1]
  while room < spec.cost do
    oldest = oldest + 1
    room = room + state[oldest % SLOTS + 1]
  end
  return (oldest + SLOTS) * spec.width - now
end

-- The hits of the request in hand, side by side; used again for the next one.
local hit_spec, hit_state, hit_index, hit_fits = {}, {}, {}, {}
local states, windows, answers = {}, {}, {}

-- Marks the hits of one kind that fit as pending; true when all of them do.
local function take(size, observed)
  local all = true
  for place = 1, size do
    local spec, state = hit_spec[place], hit_state[place]
    if spec.observed == observed then
      local fits = used(state, hit_index[place]) + state.pending + spec.cost <= spec.limit
      if fits then state.pending = state.pending + spec.cost else all = false end
      hit_fits[place] = fits
    end
  end
  return all
end

local function count(size, now)
  local counting = take(size, false)
  take(size, true)
  for place = 1, size do
    local state = hit_state[place]
    if state.pending > 0 then
      if counting then add(state, hit_index[place], state.pending) end
      state.pending = 0
    end
  end
  for place = 1, size do
    local spec, state, index = hit_spec[place], hit_state[place], hit_index[place]
    local room, pause = spec.limit - used(state, index), 0
    if room < spec.cost then pause = wait(state, index, now, room, spec) end
    if room < 0 then room = 0 end
    if not hit_fits[place] then room = -1 - room end
    answers[#answers + 1] = pack('<i4d', room, pause)
  end
end

local function state_of(key, spec)
  local state = states[key]
  if not state then
    local value = values[key]
    state = value and #value == VALUE_BYTES and stored(value) or fresh()
    states[key], windows[key] = state, spec.window
  end
  return state
end

local clock = redis.call('TIME')
local server_now = clock[1] * 1000000 + clock[2]
local calls, times = ARGV[2], ARGV[3]
local offset, request, now = 1, 0, server_now
while offset <= #calls do
  if times ~= '' then now = read_struct('<d', times, 1 + 8 * request) end
  local size = read_struct('<I4', calls, offset)
  offset, request = offset + 4, request + 1
  for place = 1, size do
    local key, number = read_struct('<I4I4', calls, offset)
    local spec = specs[number]
    hit_spec[place], hit_state[place] = spec, state_of(key, spec)
    hit_index[place] = floor(now / spec.width)
    offset = offset + 8
  end
  count(size, now)
end

-- Two windows to live and a little more, so that keys born together do not die together. Time that
-- is given need not pass as fast as the server's.
local spare = ARGV[3] == '' and 1000 or 60000
for key, state in pairs(states) do
  if state.changed then
    local jitter = 1 + (server_now + key) % 128 / 1024
    local ttl = ceil(2 * windows[key] / 1000 * jitter) + spare
    local value = pack('<d', state.newest) .. pack(VALUE, unpack(state, 1, SLOTS))
    redis.call('SET', KEYS[key], value, 'PX', ttl)
  end
end
return table.concat(answers)
