-- A log of 16 bytes an entry: time, then hits (exact) or the eight bytes of a token (concurrency).
local function read_log(value, read)
  local log = {}
  if #value % 16 ~= 0 then return log end
  for offset = 1, #value, 16 do
    log[#log + 1] = {read_struct('<d', value, offset), read(value, offset + 8)}
  end
  return log
end
