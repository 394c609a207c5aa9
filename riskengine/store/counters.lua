#!lua
-- Counts the hits of a whole batch, in the order of its requests, whatever algorithms they mix.
-- The same arithmetic as window.py, plain_meters.py and log_meters.py; script.py writes the
-- arguments and reads the answer.
--
-- KEYS     every counter of the batch, once
-- ARGV[1]  specs: doubles limit, window in microseconds, cost, observed (0 or 1), count_denied
--          (0 or 1), algorithm, burst, end of the period in microseconds
-- ARGV[2]  requests: each its number of hits, then key and spec of each hit, from 1; uint32
-- ARGV[3]  time of each request in microseconds, doubles; empty: the server's clock
-- ARGV[4]  eight bytes for each concurrency hit, in their order
--
-- The answer has for each hit an int32, hits left, or -1 minus that where there was no room, and a
-- double, microseconds until there is room.

local BUCKETS, SLOTS = 10, 11
local STRICT_VALUE = '<I4I4I4I4I4I4I4I4I4I4I4'
local COUNT_MAX = 4294967295
local CALENDAR, CONCURRENCY = 4, 5
local READ_AT_ONCE = 4000 -- Lua's stack holds 8000

local ceil, floor, max, min = math.ceil, math.floor, math.max, math.min
local pack, read_struct, sub = struct.pack, struct.unpack, string.sub

-- Each algorithm: fresh() and stored(value) make a state, write(state) is what to store of it;
-- room, add and wait are those of the meters.

-- Ten buckets and the oldest in full: index of the newest (double), counts (eleven uint32), a ring.
local strict = {}

function strict.fresh()
  return {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, newest = 0, total = 0}
end

function strict.stored(value)
  if #value ~= 8 + 4 * SLOTS then return strict.fresh() end
  local state = {read_struct(STRICT_VALUE, value, 9)}
  local total = 0
  for slot = 1, SLOTS do total = total + state[slot] end
  state.newest, state.total = read_struct('<d', value), total
  return state
end

function strict.write(state)
  return pack('<d', state.newest) .. pack(STRICT_VALUE, unpack(state, 1, SLOTS))
end

local function passed(state, ahead)
  local sum = 0
  for index = state.newest + 1, state.newest + ahead do sum = sum + state[index % SLOTS + 1] end
  return sum
end

function strict.room(state, spec, now)
  local ahead = floor(now / spec.width) - state.newest
  if ahead <= 0 and ahead >= -BUCKETS then return spec.limit - state.total end
  if ahead < 0 or ahead > BUCKETS then return spec.limit end
  return spec.limit - state.total + passed(state, ahead)
end

function strict.add(state, spec, now)
  local index = floor(now / spec.width)
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
  local more = min(spec.cost, COUNT_MAX - state[slot])
  state[slot] = state[slot] + more
  state.total = state.total + more
end

function strict.wait(state, spec, now, room)
  if spec.cost > spec.limit then return SLOTS * spec.width end
  local oldest = max(floor(now / spec.width), state.newest) - BUCKETS
  room = room + state[oldest % SLOTS + 1]
  while room < spec.cost do
    oldest = oldest + 1
    room = room + state[oldest % SLOTS + 1]
  end
  return (oldest + SLOTS) * spec.width - now
end

-- A log of 16 bytes an entry: time, then hits (exact) or the eight bytes of a token (concurrency).
local function read_log(value, read)
  local log = {}
  if #value % 16 ~= 0 then return log end
  for offset = 1, #value, 16 do
    log[#log + 1] = {read_struct('<d', value, offset), read(value, offset + 8)}
  end
  return log
end

local exact = {}

function exact.fresh() return {total = 0} end

function exact.stored(value)
  local state = read_log(value, function(text, at) return (read_struct('<d', text, at)) end)
  state.total = 0
  for place = 1, #state do state.total = state.total + state[place][2] end
  return state
end

function exact.write(state)
  local words = {}
  for place = 1, #state do words[place] = pack('<dd', state[place][1], state[place][2]) end
  return table.concat(words)
end

-- Nil where the clock was set back by more than a window.
local function exact_now(state, spec, now)
  local newest = #state > 0 and state[#state][1] or now
  if newest - now > spec.window then return nil end
  return max(newest, now)
end

function exact.room(state, spec, now)
  now = exact_now(state, spec, now)
  if not now then return spec.limit end
  local used = state.total
  for place = 1, #state do
    if state[place][1] > now - spec.window then break end
    used = used - state[place][2]
  end
  return spec.limit - used
end

function exact.add(state, spec, at)
  local now = exact_now(state, spec, at)
  local first, kept, total = 1, {}, 0
  if now then
    while state[first] and state[first][1] <= now - spec.window do first = first + 1 end
    for place = first, #state do
      kept[#kept + 1] = state[place]
      total = total + state[place][2]
    end
  else
    now = at
  end
  local newest = kept[#kept]
  if newest and newest[1] == now then
    newest[2] = newest[2] + spec.cost
  else
    kept[#kept + 1] = {now, spec.cost}
  end
  total = total + spec.cost
  first = 1
  while total - kept[first][2] >= spec.limit do
    total = total - kept[first][2]
    first = first + 1
  end
  for place = 1, max(#state, #kept - first + 1) do state[place] = kept[first + place - 1] end
  state.total = total
end

function exact.wait(state, spec, now, room)
  if spec.cost > spec.limit then return spec.window end
  local held = exact_now(state, spec, now) or now
  for place = 1, #state do
    if state[place][1] > held - spec.window then
      room = room + state[place][2]
      if room >= spec.cost then return state[place][1] + spec.window - now end
    end
  end
  return spec.window
end

-- Two buckets: index, hits of the current one, hits of the one before; doubles.
local approx = {}

function approx.fresh() return {index = 0, current = 0, previous = 0} end

function approx.stored(value)
  if #value ~= 24 then return approx.fresh() end
  local index, current, previous = read_struct('<ddd', value)
  return {index = index, current = current, previous = previous}
end

function approx.write(state) return pack('<ddd', state.index, state.current, state.previous) end

local function seen(state, spec, now)
  local index = floor(now / spec.window)
  local ahead = index - state.index
  if ahead == 0 then return index, state.current, state.previous, now - index * spec.window end
  if ahead == 1 then return index, 0, state.current, now - index * spec.window end
  if ahead == -1 then return state.index, state.current, state.previous, 0 end
  return index, 0, 0, now - index * spec.window
end

local function share(previous, window, elapsed)
  return ceil(previous * (window - elapsed) / window)
end

function approx.room(state, spec, now)
  local _, current, previous, elapsed = seen(state, spec, now)
  return spec.limit - current - share(previous, spec.window, elapsed)
end

function approx.add(state, spec, now)
  local index, current, previous = seen(state, spec, now)
  state.index, state.current, state.previous = index, current + spec.cost, previous
end

function approx.wait(state, spec, now)
  local window = spec.window
  if spec.cost > spec.limit then return window end
  local index, current, previous = seen(state, spec, now)
  local room = spec.limit - spec.cost - current
  if room < 0 then index, room, previous = index + 1, spec.limit - spec.cost, current end
  if previous <= room then return index * window - now end
  local elapsed = ceil(window - room * window / previous)
  while elapsed > 0 and share(previous, window, elapsed - 1) <= room do elapsed = elapsed - 1 end
  while share(previous, window, elapsed) > room do elapsed = elapsed + 1 end
  return index * window + elapsed - now
end

-- A level that drains: when it was set, and how high; doubles.
local pace = {}

function pace.fresh() return {at = 0, level = 0} end

function pace.stored(value)
  if #value ~= 16 then return pace.fresh() end
  local at, level = read_struct('<dd', value)
  return {at = at, level = level}
end

function pace.write(state) return pack('<dd', state.at, state.level) end

local function pace_now(state, spec, now)
  local behind = state.at - now
  if behind > 0 and behind <= spec.window then return state.at end
  return now
end

local function drained(level, spec, gone)
  if gone < 0 then return 0 end
  return max(0, level - gone * spec.limit / spec.window)
end

function pace.room(state, spec, now)
  return floor(spec.burst - drained(state.level, spec, pace_now(state, spec, now) - state.at))
end

function pace.add(state, spec, now)
  now = pace_now(state, spec, now)
  local level = drained(state.level, spec, now - state.at)
  state.at, state.level = now, min(level + spec.cost, max(spec.burst, spec.cost))
end

function pace.wait(state, spec, now)
  if spec.cost > spec.burst then return spec.window end
  local function fits(gone)
    return floor(spec.burst - drained(state.level, spec, gone)) >= spec.cost
  end
  local gone = ceil((state.level + spec.cost - spec.burst) * spec.window / spec.limit)
  while gone > 0 and fits(gone - 1) do gone = gone - 1 end
  while not fits(gone) do gone = gone + 1 end
  return state.at + gone - now
end

-- Hits of one period, a double; the key names the period.
local calendar = {}

function calendar.fresh() return {count = 0} end

function calendar.stored(value)
  return {count = #value == 8 and read_struct('<d', value) or 0}
end

function calendar.write(state) return pack('<d', state.count) end
function calendar.room(state, spec) return spec.limit - state.count end
function calendar.add(state, spec) state.count = state.count + spec.cost end
function calendar.wait(_, spec, now) return max(1, spec.ends - now) end

-- Who is in flight, and since when.
local concurrency = {}

function concurrency.fresh() return {} end

function concurrency.stored(value)
  return read_log(value, function(text, at) return sub(text, at, at + 7) end)
end

function concurrency.write(state)
  local words = {}
  for place = 1, #state do words[place] = pack('<d', state[place][1]) .. state[place][2] end
  return table.concat(words)
end

local function holds(since, spec, now)
  return now - since >= -spec.window and now - since < spec.window
end

function concurrency.room(state, spec, now)
  local free = spec.limit
  for place = 1, #state do
    if holds(state[place][1], spec, now) then free = free - 1 end
  end
  return free
end

function concurrency.keeps(state, spec, now, token)
  if spec.cost == 0 then return true end
  for place = 1, #state do
    if state[place][2] == token then return holds(state[place][1], spec, now) end
  end
  return false
end

function concurrency.add(state, spec, now, token)
  local held = {}
  for place = 1, #state do
    local entry = state[place]
    if entry[2] ~= token and holds(entry[1], spec, now) then held[#held + 1] = entry end
  end
  if spec.cost > 0 then held[#held + 1] = {now, token} end
  for place = 1, max(#state, #held) do state[place] = held[place] end
end

function concurrency.wait(state, spec, now)
  local since = {}
  for place = 1, #state do
    if holds(state[place][1], spec, now) then since[#since + 1] = state[place][1] end
  end
  table.sort(since)
  return since[#since + spec.cost - spec.limit] + spec.window - now
end

local ALGORITHMS = {
  [0] = strict, [1] = exact, [2] = approx, [3] = pace,
  [CALENDAR] = calendar, [CONCURRENCY] = concurrency,
}

local specs = {}
for offset = 1, #ARGV[1], 64 do
  local limit, window, cost, observed, count_denied, algorithm, burst, ends =
    read_struct('<dddddddd', ARGV[1], offset)
  specs[#specs + 1] = {
    limit = limit, window = window, width = ceil(window / BUCKETS), cost = cost,
    observed = observed == 1, count_denied = count_denied == 1, algorithm = algorithm,
    meter = ALGORITHMS[algorithm], burst = burst, ends = ends,
  }
end

local values = {}
for first = 1, #KEYS, READ_AT_ONCE do
  local last = min(first + READ_AT_ONCE - 1, #KEYS)
  for place, value in ipairs(redis.call('MGET', unpack(KEYS, first, last))) do
    values[first + place - 1] = value
  end
end

-- The hits of the request in hand, side by side; used again for the next one.
local hit_spec, hit_state, hit_token, hit_fits = {}, {}, {}, {}
local states, key_specs, answers = {}, {}, {}

local function fits_in(spec, state, now, token)
  if spec.algorithm == CONCURRENCY and concurrency.keeps(state, spec, now, token) then
    return true
  end
  local fits = spec.meter.room(state, spec, now) >= state.pending + spec.cost
  if fits then state.pending = state.pending + spec.cost end
  return fits
end

-- Marks the hits of one kind that fit as pending; true when all of them do.
local function take(size, observed, now)
  local all = true
  for place = 1, size do
    local spec = hit_spec[place]
    if spec.observed == observed then
      local fits = fits_in(spec, hit_state[place], now, hit_token[place])
      if not fits then all = false end
      hit_fits[place] = fits
    end
  end
  return all
end

local function answer(place, now)
  local spec, state = hit_spec[place], hit_state[place]
  local room, pause = spec.meter.room(state, spec, now), 0
  if room < spec.cost then pause = spec.meter.wait(state, spec, now, room) end
  if room < 0 then room = 0 end
  if not hit_fits[place] then room = -1 - room end
  answers[#answers + 1] = pack('<i4d', room, pause)
end

local function count(size, now)
  local counting = take(size, false, now)
  take(size, true, now)
  for place = 1, size do
    local spec, state = hit_spec[place], hit_state[place]
    state.pending = 0
    if spec.count_denied or (counting and hit_fits[place]) then
      spec.meter.add(state, spec, now, hit_token[place])
      state.changed = true
    end
  end
  for place = 1, size do answer(place, now) end
end

local function state_of(key, spec)
  local state = states[key]
  if not state then
    local value = values[key]
    state = value and spec.meter.stored(value) or spec.meter.fresh()
    state.pending = 0
    states[key], key_specs[key] = state, spec
  end
  return state
end

local clock = redis.call('TIME')
local server_now = clock[1] * 1000000 + clock[2]
local calls, times, tokens = ARGV[2], ARGV[3], ARGV[4]
local offset, request, token, now = 1, 0, 1, server_now
while offset <= #calls do
  if times ~= '' then now = read_struct('<d', times, 1 + 8 * request) end
  local size = read_struct('<I4', calls, offset)
  offset, request = offset + 4, request + 1
  for place = 1, size do
    local key, number = read_struct('<I4I4', calls, offset)
    local spec = specs[number]
    hit_spec[place], hit_state[place] = spec, state_of(key, spec)
    if spec.algorithm == CONCURRENCY then
      hit_token[place] = sub(tokens, token, token + 7)
      token = token + 8
    end
    offset = offset + 8
  end
  count(size, now)
end

-- Two windows to live and a little more, so that keys born together do not die together. Time that
-- is given need not pass as fast as the server's.
local spare = times == '' and 1000 or 60000
for key, state in pairs(states) do
  if state.changed then
    local spec = key_specs[key]
    local life = 2 * spec.window
    if spec.algorithm == CALENDAR and times == '' then life = max(0, spec.ends - server_now) end
    local jitter = 1 + (server_now + key) % 128 / 1024
    local value = spec.meter.write(state)
    if value == '' then
      redis.call('DEL', KEYS[key])
    else
      redis.call('SET', KEYS[key], value, 'PX', ceil(life / 1000 * jitter) + spare)
    end
  end
end
return table.concat(answers)
