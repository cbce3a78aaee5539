-- wrk's requests: each a preorder of its own under a key of its own.
local head = "POST /pre-order HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nIdempotency-Key: "
local tail = '@klaviyo-demo.com","price_id":"price_lamp_black","color":"black","locale":"en"}'
local threads = 0

function setup(thread)
   threads = threads + 1
   thread:set("seed", os.time() * 1000 + threads * 7919)
end

function init()
   math.randomseed(seed)
end

function request()
   local key = string.format("%08x%08x%08x%08x", math.random(0, 0x7fffffff), math.random(0, 0x7fffffff),
                             math.random(0, 0x7fffffff), math.random(0, 0x7fffffff))
   local body = string.format('{"email":"customer-%09d', math.random(0, 999999999)) .. tail
   return head .. key .. "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end

function done(summary, latency)
   io.write(string.format(
      '\n{"requests":%d,"seconds":%.6f,"p50_us":%d,"p99_us":%d,"max_us":%d,"not_ok":%d,"broken":%d}\n',
      summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99), latency.max,
      summary.errors.status, summary.errors.connect + summary.errors.read + summary.errors.write +
      summary.errors.timeout))
end
