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
