-- Every hit with its time.
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
