-- wrk's requests: each a preorder of its own under a key of its own. Keys are random in all their bits; with
-- "-- time" behind the address they are UUIDs of version 7, which begin with their time, as examples/client makes them.
local ffi = require("ffi")
ffi.cdef("struct when { long s, us; }; int gettimeofday(struct when *when, void *zone);")

local head = "POST /pre-order HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nIdempotency-Key: "
local tail = '@klaviyo-demo.com","price_id":"price_lamp_black","color":"black","locale":"en"}'
local threads = 0

function setup(thread)
   threads = threads + 1
   thread:set("seed", os.time() * 1000 + threads * 7919)
end

local function random_key()
   return string.format("%08x%08x%08x%08x", math.random(0, 0x7fffffff), math.random(0, 0x7fffffff),
                        math.random(0, 0x7fffffff), math.random(0, 0x7fffffff))
end

local when = ffi.new("struct when")
local function time_key()
   ffi.C.gettimeofday(when, nil)
   local ms = tonumber(when.s) * 1000 + math.floor(tonumber(when.us) / 1000)
   return string.format("%08x-%04x-7%03x-%04x-%06x%06x", math.floor(ms / 0x10000), ms % 0x10000,
                        math.random(0, 0xfff), math.random(0x8000, 0xbfff), math.random(0, 0xffffff),
                        math.random(0, 0xffffff))
end

local make_key = random_key
function init(args)
   math.randomseed(seed)
   if args[1] == "time" then
      make_key = time_key
   end
end

function request()
   local body = string.format('{"email":"customer-%09d', math.random(0, 999999999)) .. tail
   return head .. make_key() .. "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end

function done(summary, latency)
   io.write(string.format(
      '\n{"requests":%d,"seconds":%.6f,"p50_us":%d,"p99_us":%d,"max_us":%d,"not_ok":%d,"broken":%d}\n',
      summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99), latency.max,
      summary.errors.status, summary.errors.connect + summary.errors.read + summary.errors.write +
      summary.errors.timeout))
end
