// Node itself: line by line what ours.py is.
'use strict';
const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');

const HELLO = Buffer.from('Hello, World!\n');
const DOWNLOAD = Buffer.alloc(1024 * 1024, Buffer.from(Array.from({ length: 256 }, (_, i) => i)));
// As in content.py.
const EXTRA_HEADERS = {
  'Cache-Control': 'private, max-age=0, must-revalidate',
  'Content-Language': 'en',
  'Content-Security-Policy': "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
  'ETag': '"33a64df551425fcc55e4d42a148795d9f25f89d4"',
  'Last-Modified': 'Wed, 21 Oct 2026 07:28:00 GMT',
  'Referrer-Policy': 'strict-origin-when-cross-origin',
  'Set-Cookie': 'session=0123456789abcdef0123456789abcdef; Path=/; HttpOnly; SameSite=Lax',
  'Vary': 'Accept-Encoding, Cookie',
  'X-Content-Type-Options': 'nosniff',
  'X-Request-Id': '7f3c2f7e-54b5-4a10-9a4e-0d1f6f2b9c55',
};

function send(res, body) {
  res.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': body.length });
  res.end(body);
}

function browser(req, res) {
  res.setHeader('Content-Type', 'text/plain');
  res.setHeader('Content-Length', HELLO.length);
  for (const [name, value] of Object.entries(EXTRA_HEADERS)) res.setHeader(name, value);
  res.end(HELLO);
}

function echo(req, res) {
  const chunks = [];
  req.on('data', (chunk) => chunks.push(chunk));
  req.on('end', () => send(res, Buffer.concat(chunks)));
}

function stream(req, res) {
  res.writeHead(200, { 'Content-Type': 'text/plain' });
  req.on('data', (chunk) => res.write(chunk));
  req.on('end', () => res.end());
}

function count(req, res) {
  let total = 0;
  req.on('data', (chunk) => { total += chunk.length; });
  req.on('end', () => send(res, Buffer.from(String(total))));
}

function listener(req, res) {
  if (req.url === '/hello') {
    send(res, HELLO);
  } else if (req.url === '/browser') {
    browser(req, res);
  } else if (req.url === '/echo') {
    echo(req, res);
  } else if (req.url === '/stream') {
    stream(req, res);
  } else if (req.url === '/count') {
    count(req, res);
  } else if (req.url === '/download') {
    send(res, DOWNLOAD);
  } else if (req.url === '/sleep') {
    setTimeout(send, 10, res, HELLO);
  } else {
    res.writeHead(404);
    res.end();
  }
}

const pem = process.argv[2] && fs.readFileSync(process.argv[2]);
const server = pem ? https.createServer({ key: pem, cert: pem }, listener) : http.createServer(listener);
server.keepAliveTimeout = 600_000;
server.listen(0, '127.0.0.1', 4096, () => console.log(`listening ${server.address().port}`));
