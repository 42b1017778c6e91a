// Makes the requests of request_cases.py in Node: node requests.js cases.json. Prints [{bytes, notes}, ...].
'use strict';
const fs = require('fs');
const http = require('http');
const net = require('net');

const QUIET = 50; // ms without news after which a request is over

function lookup(hostname, options, callback) {
  if (options.all) callback(null, [{ address: '127.0.0.1', family: 4 }]);
  else callback(null, '127.0.0.1', 4);
}

function run(test, done) {
  const received = [];
  const notes = [];
  const sockets = [];
  let agent, req, timer, over;
  const server = net.createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', (data) => { received.push(data); wait(); });
  });

  function wait() {
    clearTimeout(timer);
    if (!over) timer = setTimeout(end, QUIET);
  }

  function end() {
    over = true;
    const portless = (text) => text.replaceAll(`:${server.address().port}`, ':PORT');
    done({ bytes: portless(Buffer.concat(received).toString('latin1')), notes: notes.map(portless) });
    if (req) req.on('error', () => {}).destroy();
    if (agent) agent.destroy();
    sockets.forEach((socket) => socket.destroy());
    server.close();
  }

  function make() {
    const { port } = server.address();
    const options = { ...test.options };
    if (test.agent) options.agent = agent = new http.Agent(test.agent);
    if (test.connect === 'option') options.createConnection = () => net.connect(port, '127.0.0.1');
    if (test.url) return http.request(test.url.replace('PORT', port), options);
    if (!('host' in options) && !('hostname' in options)) options.host = '127.0.0.1';
    if (!('port' in options) && test.connect !== 'option') options.port = port;
    if (test.connect === 'lookup') options.lookup = lookup;
    return http.request(options);
  }

  const value = (argument) => argument?.bytes === undefined ? argument : Buffer.from(argument.bytes, 'latin1');

  server.listen(0, '127.0.0.1', () => {
    try {
      req = make();
      req.on('error', (error) => {
        if (error.code !== 'ECONNRESET') notes.push(`error ${error.name} ${error.code} ${error.message}`);
        wait();
      });
      for (const [method, ...args] of test.calls) {
        if (method === 'set') {
          req[args[0]] = args[1];
          continue;
        }
        const result = req[method](...args.map(value));
        if (result !== req && result !== undefined) notes.push(`${method} -> ${JSON.stringify(result)}`);
      }
      const { method, path, host, protocol, shouldKeepAlive, chunkedEncoding, headersSent } = req;
      notes.push([method, path, host, protocol, shouldKeepAlive, chunkedEncoding, headersSent].join(' '));
    } catch (error) {
      notes.push(`threw ${error.name} ${error.code} ${error.message}`);
    }
    wait();
  });
}

const cases = JSON.parse(fs.readFileSync(process.argv[2]));
const results = [];
(function next(index) {
  if (index === cases.length) {
    process.stdout.write(JSON.stringify(results), () => process.exit());
    return;
  }
  run(cases[index], (result) => { results.push(result); setImmediate(next, index + 1); });
})(0);
