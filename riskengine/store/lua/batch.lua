-- Reads the arguments, counts request by request, and stores what changed.
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
