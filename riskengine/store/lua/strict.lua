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
