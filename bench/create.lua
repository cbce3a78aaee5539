-- wrk's requests: each a preorder of its own under a key of its own, of a customer of its own. Both are random in all
-- that tells them apart. Behind the URL, "-- time" makes the keys UUIDs of version 7, which begin with their time, as
-- examples/client makes them; "-- time time" the addresses too, which no customers' do: what is left when nothing is
-- scattered.
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

local function random_customer()
   return string.format("customer-%09d", math.random(0, 999999999))
end

local function time_customer()
   return "c-" .. string.sub(time_key(), 1, 18)
end

local make_key, make_customer = random_key, random_customer
function init(args)
   math.randomseed(seed)
   make_key = args[1] == "time" and time_key or random_key
   make_customer = args[2] == "time" and time_customer or random_customer
end

function request()
   local body = '{"email":"' .. make_customer() .. tail
   return head .. make_key() .. "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end

function done(summary, latency)
   io.write(string.format(
      '\n{"requests":%d,"seconds":%.6f,"p50_us":%d,"p99_us":%d,"max_us":%d,"not_ok":%d,"broken":%d}\n',
      summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99), latency.max,
      summary.errors.status, summary.errors.connect + summary.errors.read + summary.errors.write +
      summary.errors.timeout))
end
