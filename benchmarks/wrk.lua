-- Run by wrk: `wrk ... -s wrk.lua URL -- BYTES`. With BYTES it sends POST requests with a body of that size.
-- The last line is what wrk.py reads.

function init(args)
  local size = tonumber(args[1] or '0')
  if size > 0 then
    wrk.method = 'POST'
    wrk.headers['Content-Type'] = 'application/octet-stream'
    wrk.body = string.rep('x', size)
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  print(string.format(
    '{"requests": %d, "seconds": %.6f, "bytes": %d, "p50": %.6f, "p99": %.6f, "failed": %d, "timeouts": %d}',
    summary.requests, summary.duration / 1e6, summary.bytes, latency:percentile(50) / 1e6,
    latency:percentile(99) / 1e6, errors.connect + errors.read + errors.write + errors.status, errors.timeout))
end
