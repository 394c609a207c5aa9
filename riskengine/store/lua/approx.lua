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
