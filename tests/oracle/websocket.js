// Runs the cases of websocket_cases.py in Node: node websocket.js cases.json. Prints {name: what was noted}.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const net = require('net');

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const latin1 = (text) => Buffer.from(text, 'latin1');
const short = (text) => text.length < 200 ? text : `${text.length} times ${text[0]}`;
const accept = (key) => crypto.createHash('sha1').update(key + GUID).digest('base64');

// Takes whole frames of a client off [bytes]; returns [first byte, payload].
function nextFrame(received) {
  const [bytes] = received;
  let size = bytes[1] & 127;
  let at = 2;
  if (bytes.length < 14 && bytes.length < 6 + (size < 126 ? size : 8)) return null;
  if (size === 126) { size = bytes.readUInt16BE(2); at = 4; }
  if (size === 127) { size = Number(bytes.readBigUInt64BE(2)); at = 10; }
  if (bytes.length < at + 4 + size) return null;
  const mask = bytes.subarray(at, at + 4);
  const payload = Buffer.from(bytes.subarray(at + 4, at + 4 + size).map((byte, i) => byte ^ mask[i % 4]));
  received[0] = bytes.subarray(at + 4 + size);
  return [bytes[0], payload];
}

function noted(first, payload) {
  const isComplaint = first === 0x88 && payload.length > 2 && [1002, 1007, 1009].includes(payload.readUInt16BE(0));
  return [first, isComplaint ? 'complaint' : short(payload.toString('latin1'))];
}

class Run {
  constructor(options, done) {
    this.case = options;
    this.done = done;
    this.noted = { events: [], frames: [] };
    this.server = net.createServer((socket) => this.serve(socket)).listen(0, '127.0.0.1', () => this.start());
  }

  start() {
    const { protocols } = this.case;
    const port = this.port = this.server.address().port;
    const ws = this.ws = new http.WebSocket(`ws://127.0.0.1:${port}/a%20b?c`, protocols);
    ws.binaryType = 'arraybuffer';
    ws.onopen = () => this.say('open', ws.protocol, ws.extensions);
    ws.onmessage = ({ data, origin }) => {
      const isText = typeof data === 'string';
      const text = isText ? data : Buffer.from(data).toString('latin1');
      this.last = data;
      this.say('message', isText ? 'text' : 'bytes', short(text), origin.replace(String(port), 'PORT'));
    };
    ws.onerror = () => this.say('error');
    ws.onclose = ({ code, reason, wasClean }) => {
      this.say('close', code, reason, wasClean);
      setTimeout(() => this.end(), 20);
    };
  }

  say(what, ...details) {
    const { ws } = this;
    this.noted.events.push([what, ws.readyState, ...details]);
    for (const [method, ...args] of this.case.on[what] ?? []) {
      if (method === 'send') ws.send(...args);
      else if (method === 'sendBytes') ws.send(latin1(...args));
      else if (method === 'echo') ws.send(this.last);
      else ws.close(...args.map((value) => value ?? undefined));
    }
    if (what === 'open' && this.case.after) setTimeout(() => this.hangUp(), 20);
  }

  hangUp() {
    const how = this.case.after;
    if (how === 'end') this.socket.end();
    else if (how === 'close') this.socket.end(Buffer.from([0x88, 0]));
    else this.socket.resetAndDestroy();
  }

  serve(socket) {
    this.socket = socket;
    const received = [Buffer.alloc(0)];
    let isOpen = false;
    socket.on('error', () => {});
    socket.on('data', (data) => {
      received[0] = Buffer.concat([received[0], data]);
      if (!isOpen) {
        const end = received[0].indexOf('\r\n\r\n') + 4;
        if (end < 4) return;
        isOpen = true;
        const request = received[0].subarray(0, end).toString();
        received[0] = received[0].subarray(end);
        this.answer(socket, request);
      }
      for (let frame; received[0].length >= 6 && (frame = nextFrame(received));) this.framed(socket, ...frame);
    });
  }

  answer(socket, request) {
    const key = /sec-websocket-key: (.*)\r\n/.exec(request)[1];
    const { head, bytes } = this.case;
    if (bytes === '') this.noted.request = request.replace(key, 'KEY').replace(String(this.port), 'PORT');
    if (!head.length) return socket.end();
    const text = [...head, '', ''].join('\r\n').replace('{accept}', accept(key));
    socket.write(Buffer.concat([Buffer.from(text), latin1(bytes)]));
    if (head[0].includes(' 404')) socket.end();
  }

  framed(socket, first, payload) {
    this.noted.frames.push(noted(first, payload));
    if (first !== 0x88) return;
    const how = this.case.close;
    const echo = Buffer.concat([Buffer.from([0x88, payload.length]), payload]);
    if (how === 'end') socket.end();
    else if (how === 'reset') socket.resetAndDestroy();
    else if (how === 'late') socket.end(Buffer.concat([latin1('\x81\x04late\x89\x04late'), echo]));
    else socket.end(echo);
  }

  end() {
    this.socket?.destroy();
    this.server.close();
    this.done(this.noted);
  }
}

async function main() {
  const results = {};
  for (const options of JSON.parse(fs.readFileSync(process.argv[2]))) {
    results[options.name] = await new Promise((done) => new Run(options, done));
  }
  console.log(JSON.stringify(results));
}

main();
