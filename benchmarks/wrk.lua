-- Run by wrk: `wrk ... -s wrk.lua URL -- FILE`. What it sends is what FILE holds; it counts the requests in it.
-- The last line is what wrk.py reads.

function init(args)
  local file = io.open(args[1], 'rb')
  local packet = file:read('*a')
  file:close()
  -- wrk makes its request with this, once.
  wrk.format = function() return packet end
end

function done(summary, latency, requests)
  local errors = summary.errors
  print(string.format(
    '{"requests": %d, "seconds": %.6f, "p50": %.6f, "p99": %.6f, "failed": %d, "timeouts": %d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e6, latency:percentile(99) / 1e6,
    errors.connect + errors.read + errors.write + errors.status, errors.timeout))
end
