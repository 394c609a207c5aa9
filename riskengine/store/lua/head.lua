#!lua
-- Counts the hits of a whole batch, in the order of its requests, whatever algorithms they mix.
-- The same arithmetic as window.py, plain_meters.py and log_meters.py; script.py puts the files of
-- this directory together, writes the arguments and reads the answer.
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
