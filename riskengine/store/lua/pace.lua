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
