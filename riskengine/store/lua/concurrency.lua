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
