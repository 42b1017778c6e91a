// Node's client with its Agent.
'use strict';
const http = require('node:http');

const WARM_UP = 500; // ms
const [port, concurrency, seconds] = process.argv.slice(2).map(Number);
const start = performance.now() + WARM_UP;
const end = start + seconds * 1000;
const latencies = [];
const agent = new http.Agent({ keepAlive: true, maxSockets: concurrency });
let open = concurrency;
let last = 0;
let processorBefore;

function ask() {
  const asked = performance.now();
  if (asked >= end && latencies.length > 0) {
    if (--open === 0) {
      agent.destroy();
      const { user, system } = process.cpuUsage(processorBefore);
      console.log(JSON.stringify({
        seconds: (last - start) / 1000, processor: (user + system) / 1e6, latencies,
      }));
    }
    return;
  }
  http.get({ host: '127.0.0.1', port, path: '/hello', agent }, (res) => {
    const chunks = [];
    res.on('data', (chunk) => chunks.push(chunk));
    res.on('end', () => {
      if (Buffer.concat(chunks).toString() !== 'Hello, World!\n') throw new Error('wrong answer');
      const now = performance.now();
      if (asked >= start) {
        processorBefore ??= process.cpuUsage();
        latencies.push((now - asked) / 1000);
        last = now;
      }
      ask();
    });
  });
}

for (let i = 0; i < concurrency; i++) ask();
