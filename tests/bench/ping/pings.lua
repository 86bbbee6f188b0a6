-- Pings at the paths of a file, one after the other, each request made before the load begins.
--   wrk ... -s pings.lua URL -- FILE THREADS close|keep-alive
-- What came of it is printed as one line of JSON. Latencies are in microseconds.
local threads = 0
local requests, place = {}, 0

function setup(thread)
   thread:set("number", threads)
   threads = threads + 1
end

function init(arguments)
   local headers = {}
   if arguments[3] == "close" then headers["Connection"] = "close" end
   for path in io.lines(arguments[1]) do
      requests[#requests + 1] = wrk.format("GET", path, headers)
   end
   -- Threads begin at different places, so that they do not ping the same check together.
   place = math.floor(#requests * number / tonumber(arguments[2]))
end

function request()
   place = place % #requests + 1
   return requests[place]
end

function done(summary, latency, _)
   local said = '{"requests": %d, "seconds": %f, "connect": %d, "read": %d, "write": %d, '
      .. '"status": %d, "timeout": %d, "p50_us": %d, "p99_us": %d}\n'
   local errors = summary.errors
   io.write(said:format(
      summary.requests, summary.duration / 1e6, errors.connect, errors.read, errors.write,
      errors.status, errors.timeout, latency:percentile(50), latency:percentile(99)
   ))
end
