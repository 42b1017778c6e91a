// Runs the cases of reading_cases.py in Node: node reading.js cases.json. Prints {name: [line, ...]}.
'use strict';
const fs = require('fs');
const http = require('http');
const net = require('net');
const { PassThrough } = require('stream');

const QUIET = 150; // ms without an event after which a case is over
const MOST = 60; // actions; what is done at events may bring them about again

const show = (value) => value === true ? 'T' : value === false ? 'F' : value === null || value === undefined ? '-' : value;
const count = (lists) => Object.values(lists).reduce((sum, list) => sum + list.length, 0);

class Run {
  constructor(options, done) {
    this.case = options;
    this.done = done;
    this.log = [];
    this.requests = [];
    this.left = MOST;
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    this.server = net.createServer({ noDelay: true }, (socket) => this.serve(socket));
    this.server.listen(0, '127.0.0.1', () => { this.start(); this.wait(); });
  }

  serve(socket) {
    let received = '';
    socket.on('error', () => {});
    socket.on('data', (data) => {
      received += data;
      for (let end; (end = received.indexOf('\r\n\r\n')) >= 0; received = received.slice(end + 4)) {
        const number = +/ \/(\d+) /.exec(received.slice(0, end))[1];
        const [first, second] = this.case.requests[number].answer;
        socket.write(Buffer.from(first, 'latin1'));
        if (second) this.sendRest = () => socket.write(Buffer.from(second, 'latin1'));
      }
    });
  }

  wait() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.end(), QUIET);
  }

  end() {
    this.over = true;
    this.done(this.log);
    this.agent.destroy();
    this.server.close();
  }

  say(what) {
    if (this.over) return;
    this.log.push(what);
    this.wait();
  }

  state(number) {
    const req = this.requests[number];
    const { res } = req;
    const { sockets, freeSockets, requests, totalSocketCount } = this.agent;
    let text = [req.destroyed, req.closed, req.aborted, req.writableFinished, req.reusedSocket].map(show).join('');
    if (res) {
      text += ` ${[res.complete, res.readableFlowing, res.readableEnded, res.destroyed, res.aborted, res.readableDidRead, res.readable].map(show).join('')}${res.readableLength}`;
    }
    return `${text} ${count(sockets)}${count(freeSockets)}${count(requests)}${totalSocketCount}`;
  }

  note(number, what) {
    this.say(`${number} ${what} ${this.state(number)}`);
  }

  start() {
    const number = this.requests.length;
    if (number >= this.case.requests.length) return;
    const { method, answer, on } = this.case.requests[number];
    const req = http.request({ port: this.server.address().port, host: '127.0.0.1', path: `/${number}`, agent: this.agent, method });
    this.requests.push(req);
    for (const [name, actions] of on) this.listen(number, 'req', name, actions);
    req.on('error', (error) => this.say(`${number} req error ${error.code}`));
    if (answer.length > 1) req.on('response', () => setImmediate(this.sendRest));
    req.end();
  }

  listen(number, kind, name, actions) {
    const req = this.requests[number];
    const emitter = { req, res: req.res, sock: req.socket }[kind];
    emitter.on(name, (...args) => {
      const details = name === 'data' ? ` ${args[0]}` : name === 'error' ? ` ${args[0].code}` : '';
      this.note(number, `${kind} ${name}${details}`);
      this.perform(number, actions);
    });
  }

  perform(number, actions) {
    for (const [what, ...args] of actions) {
      if (this.left-- <= 0) return;
      try {
        this.act(number, what, args);
      } catch (error) {
        this.say(`${number} threw ${error.code}`);
      }
    }
  }

  act(number, what, args) {
    const req = this.requests[number];
    const { res, socket } = req;
    const later = (name) => () => { this.note(number, name); this.perform(number, args[0]); };
    const taken = (name, chunk) => this.note(number, `${name} ${chunk}`);
    const override = (emitter, kind) => {
      const { emit } = emitter;
      emitter.emit = (...given) => { this.say(`${number} ${kind} emits ${given[0]}`); return emit.apply(emitter, given); };
    };
    return {
      on: () => this.listen(number, ...args),
      off: () => res.removeAllListeners(args[0]),
      tick: () => process.nextTick(later('tick')),
      immediate: () => setImmediate(later('immediate')),
      pause: () => res.pause(),
      resume: () => res.resume(),
      read: () => taken('read', res.read(...args)),
      readAll: () => { for (let chunk; (chunk = res.read()) !== null;) taken('read', chunk); },
      unshift: () => res.unshift(res.readableEncoding ? args[0] : Buffer.from(args[0])),
      setEncoding: () => res.setEncoding(args[0]),
      destroy: () => res.destroy(),
      reqDestroy: () => req.destroy(),
      sockDestroy: () => socket?.destroy(),
      sockPause: () => socket?.pause(),
      sockResume: () => socket?.resume(),
      start: () => this.start(),
      emit: () => override(res, 'res'),
      emitReq: () => override(req, 'req'),
      agentFree: () => this.agent.on('free', () => this.note(number, 'free')),
      'flowing=': () => { res.readableFlowing = args[0]; },
      pipe: () => {
        const out = new PassThrough();
        out.on('data', (chunk) => this.note(number, `piped ${chunk}`));
        out.on('end', () => this.note(number, 'pipe ended'));
        res.pipe(out);
      },
      unpipe: () => res.unpipe(),
    }[what]();
  }
}

const cases = JSON.parse(fs.readFileSync(process.argv[2]));
const results = {};
process.on('uncaughtException', (error) => { console.error(error); process.exit(1); });
process.on('warning', () => {});
(function next(index) {
  if (index === cases.length) {
    process.stdout.write(JSON.stringify(results), () => process.exit());
    return;
  }
  new Run(cases[index], (log) => { results[cases[index].name] = log; setImmediate(next, index + 1); });
})(0);
