// Node itself: line by line what ours.py is.
'use strict';
const http = require('node:http');

const HELLO = Buffer.from('Hello, World!\n');
const DOWNLOAD = Buffer.alloc(1024 * 1024, Buffer.from(Array.from({ length: 256 }, (_, i) => i)));

function send(res, body) {
  res.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': body.length });
  res.end(body);
}

function echo(req, res) {
  const chunks = [];
  req.on('data', (chunk) => chunks.push(chunk));
  req.on('end', () => send(res, Buffer.concat(chunks)));
}

const server = http.createServer((req, res) => {
  if (req.url === '/hello') {
    send(res, HELLO);
  } else if (req.url === '/echo') {
    echo(req, res);
  } else if (req.url === '/download') {
    send(res, DOWNLOAD);
  } else if (req.url === '/sleep') {
    setTimeout(send, 10, res, HELLO);
  } else {
    res.writeHead(404);
    res.end();
  }
});
server.keepAliveTimeout = 600_000;
server.listen(0, '127.0.0.1', 4096, () => console.log(`listening ${server.address().port}`));
