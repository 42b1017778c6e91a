// Runs the cases of client_cases.py in Node: node client.js cases.json. Prints {name: [line, ...]}.
// Cases that have `tls` (key, cert, ca) are run over TLS, with https; but where the server is a `proxy` ('http:' or
// 'https:', what the requests are for) its script says when TLS begins, and what it was asked is noted at the end.
'use strict';
const fs = require('fs');
const net = require('net');
const tls = require('tls');

// ms without an event after which a case is over
const QUIET = 100;
const QUIET_OVER_TLS = 300;
const QUIET_IN_HANDSHAKE = 1000;
const LATER = 30; // ms: after the immediates also on a busy machine
const MOST = 30; // events; what is done at them may bring them about again

const errorText = (error) => error ? ` ${error.name} ${error.code ?? '-'} ${error.message.replace(/:\d{4,5}\b/g, ':PORT')}` : '';
const count = (lists) => Object.values(lists).reduce((sum, list) => sum + list.length, 0);

const tlsOn = (socket, context) => new tls.TLSSocket(socket, { isServer: true, secureContext: context });

async function converse(socket, raw, steps, heard, context, asked) {
  let received = '';
  let wake = () => {};
  const take = (data) => { received += data.toString('latin1'); wake(); };
  const listen = () => socket.on('data', take).on('error', () => {});
  const until = async (mark) => {
    while (!received.includes(mark)) await new Promise((resolve) => { wake = resolve; });
    const end = received.indexOf(mark) + mark.length;
    const text = received.slice(0, end);
    received = received.slice(end);
    return text;
  };
  listen();
  for (const [step, argument] of steps) {
    if (step === 'head') asked.push(await until('\r\n\r\n'));
    else if (step === 'until') await until(argument);
    else if (step === 'tls') {
      socket.off('data', take);
      socket = tlsOn(socket, context);
      listen();
    }
    else if (step === 'send') socket.write(Buffer.from(argument, 'latin1'));
    else if (step === 'fin') socket.end();
    else if (step === 'rst') raw.resetAndDestroy();
    else if (step === 'heard') await heard(argument);
    else throw new Error(`unknown step ${step}`);
  }
}

const FIELDS = ['aborted', 'destroyed', 'closed', 'finished', 'headersSent', 'writableEnded',
  'writableFinished', 'reusedSocket', 'socket', 'res', 'shouldKeepAlive'];

class Run {
  constructor(options, done) {
    this.case = options;
    this.done = done;
    this.log = [];
    this.waiting = [];
    this.requests = {};
    this.numbers = new Map();
    this.peers = [];
    this.opened = 0;
    this.asked = [];
    this.module = require(options.tls && options.proxy !== 'http:' ? 'https' : 'http');
    const context = options.tls && tls.createSecureContext(options.tls);
    this.server = net.createServer({ allowHalfOpen: true }, (raw) => {
      const scripts = options.server;
      const socket = context && !options.proxy ? tlsOn(raw, context) : raw;
      this.peers.push(raw);
      const asked = this.asked[this.peers.length - 1] = [];
      const steps = scripts[Math.min(this.peers.length, scripts.length) - 1];
      converse(socket, raw, steps, (text) => this.heard(text), context, asked);
    });
    this.server.listen(0, '127.0.0.1', () => this.begin());
  }

  makeAgent() {
    const options = this.case;
    const limits = options.maxSockets ? { maxSockets: options.maxSockets } : {};
    const given = options.agent && JSON.parse(JSON.stringify(options.agent).replaceAll('PORT', this.port));
    this.agent = options.agent ? new this.module.Agent({ ...given, ...limits }) : options.agent;
    if (this.agent && !options.hears) this.agent.on('free', () => this.say('agent free'));
    if (options.connects && this.agent) {
      this.agent.createConnection = (given, callback) => this.connect(this.opened++, given, callback);
    }
    for (const [hook, result] of Object.entries(options.hooks ?? {})) this.override(hook, result);
  }

  // Be a createConnection: answer the n-th call as the case wants it answered.
  connect(n, options, callback) {
    const { connects } = this.case;
    const failure = () => Object.assign(new Error('no'), { code: 'NO' });
    const open = () => net.createConnection(options);
    this.say(`connecting ${n + 1}`);
    return {
      returns: () => open(),
      calls: () => { callback(null, open()); },
      callsLater: () => { setTimeout(() => callback(null, open()), LATER); },
      both: () => { const socket = open(); callback(null, socket); return socket; },
      callsTwice: () => { callback(null, open()); callback(failure()); },
      fails: () => { callback(failure()); },
      failsLater: () => { setTimeout(() => callback(failure()), LATER); },
      failsThenCalls: () => { callback(failure()); callback(null, open()); },
      failsAndReturns: () => { callback(failure()); return open(); },
      returnsThenFails: () => { setTimeout(() => callback(failure()), LATER); return open(); },
      throws: () => { throw failure(); },
    }[connects[Math.min(n, connects.length - 1)]]();
  }

  // Note the calls of an overridden method of the agent; `result` is 'super' or what it returns.
  override(hook, result) {
    const original = this.agent[hook];
    this.agent[hook] = (...args) => {
      this.say(`hook ${hook}`);
      if (result === 'throws') throw Object.assign(new Error('no'), { code: 'NO' });
      return result === 'super' ? original.apply(this.agent, args) : result;
    };
  }

  begin() {
    this.port = this.server.address().port;
    this.makeAgent();
    const start = () => {
      for (const label of this.case.start ?? [Object.keys(this.case.requests)[0]]) this.start(label);
      this.wait(150);
    };
    if (this.case.refused) this.server.close(start);
    else start();
  }

  wait(milliseconds) {
    if (this.over) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.end(), milliseconds);
  }

  end() {
    this.over = true;
    for (const { req } of Object.values(this.requests)) {
      req.removeAllListeners();
      req.on('error', () => {});
    }
    if (this.case.proxy) {
      const heads = this.asked.map((asked) => asked.join('').replaceAll(`:${this.port}`, ':PORT'));
      this.log.push(...heads.map((head) => `asked ${JSON.stringify(head)}`));
    }
    this.done(this.log);
    this.peers.forEach((socket) => socket.destroy());
    if (this.agent) this.agent.destroy();
    this.server.close();
  }

  counts() {
    const { sockets, freeSockets, requests, totalSocketCount } = this.agent;
    return ` | s${count(sockets)} f${count(freeSockets)} q${count(requests)} t${totalSocketCount}`;
  }

  say(what) {
    if (this.over) return;
    this.log.push(what + (this.agent ? this.counts() : ''));
    this.waiting = this.waiting.filter(({ text, resolve }) => what.startsWith(text) ? resolve() : true);
    this.wait(this.case.quiet ?? (this.case.tls ? this.quietOverTLS() : QUIET));
  }

  quietOverTLS() {
    const isShaking = Object.values(this.requests).some(({ req }) => !req.destroyed && !(req.socket?.secureConnecting === false));
    return isShaking ? QUIET_IN_HANDSHAKE : QUIET_OVER_TLS;
  }

  heard(text) {
    if (this.log.some((line) => line.startsWith(text))) return undefined;
    return new Promise((resolve) => this.waiting.push({ text, resolve }));
  }

  number(socket) {
    if (!this.numbers.has(socket)) this.numbers.set(socket, this.numbers.size + 1);
    return this.numbers.get(socket);
  }

  // At an event: note it, and do what the case wants done.
  at(label, event, details = '') {
    const prefix = Object.keys(this.case.requests).length > 1 ? `${label} ` : '';
    this.say(prefix + event + details + (this.case.fields ? this.fields(label) : ''));
    if (this.log.length > MOST) return;
    for (const action of this.case.requests[label].do?.[event] ?? []) {
      try {
        this.perform(label, action);
      } catch (error) {
        this.say(`${prefix}threw${errorText(error)}`);
      }
    }
  }

  // The names of those fields of the request that are true, and have been false before or will be.
  fields(label) {
    const { req } = this.requests[label];
    const names = FIELDS.filter((name) => req[name]);
    if (req.socket !== req.connection) names.push('DIFFERENT');
    return ` [${names.join(' ')}]`;
  }

  perform(label, action) {
    const { req, res, controller, tunnel } = this.requests[label];
    const boom = Object.assign(new Error('boom'), { code: 'BOOM' });
    const noted = (what) => (error) => this.at(label, what, errorText(error));
    if (action.startsWith('start:')) return this.start(action.slice(6));
    return {
      destroy: () => req.destroy(),
      destroyError: () => req.destroy(boom),
      abort: () => req.abort(),
      signal: () => controller.abort(),
      signalReason: () => controller.abort(boom),
      socketDestroy: () => req.socket.destroy(),
      socketDestroyError: () => req.socket.destroy(boom),
      socketEnd: () => req.socket.end(),
      agentRemove: () => req.socket.emit('agentRemove'),
      agentDestroy: () => this.agent.destroy(),
      resDestroy: () => res.destroy(),
      resDestroyError: () => res.destroy(boom),
      upgradeDestroy: () => tunnel.destroy(),
      end: () => req.end(),
      endBody: () => req.end('body'),
      write: () => req.write('chunk'),
      writeNoted: () => req.write('chunk', noted('written')),
      endBodyNoted: () => req.end('body', noted('ended')),
      setHeader: () => req.setHeader('X', 'y'),
      resPause: () => res.pause(),
      resResume: () => res.resume(),
      resResumeLater: () => setTimeout(() => res.resume(), 20),
      resRead: () => this.at(label, `read ${res.read()}`),
      clearTimeout: () => req.setTimeout(0),
      flushHeaders: () => req.flushHeaders(),
      setTimeout: () => req.setTimeout(20),
      setLongTimeout: () => req.setTimeout(5000),
    }[action]();
  }

  start(label) {
    const spec = this.case.requests[label];
    const state = this.requests[label] = {};
    const options = { host: '127.0.0.1', port: this.port, ca: this.case.tls?.ca, ...spec.options };
    if (this.agent !== undefined && this.agent !== null) options.agent = this.agent;
    if (spec.signal) {
      state.controller = new AbortController();
      if (spec.signal === 'aborted') state.controller.abort();
      options.signal = state.controller.signal;
    }
    if (this.case.connects && !this.agent) {
      delete options.agent;
      options.createConnection = (given, callback) => this.connect(this.opened++, given, callback);
    }
    const req = state.req = this.module.request(options);
    this.listen(label, spec, state);
    for (const action of spec.body ?? ['end']) this.perform(label, action);
    this.at(label, 'called');
    if (spec.do?.tick) process.nextTick(() => this.at(label, 'tick'));
    if (spec.do?.immediate) setImmediate(() => this.at(label, 'immediate'));
  }

  listen(label, spec, state) {
    const { req } = state;
    const hears = (event) => !this.case.hears || event.endsWith('error') || (spec.hears ?? this.case.hears).includes(event);
    const on = (emitter, kind, name, details = () => '') =>
      hears(`${kind} ${name}`) && emitter.on(name, (...args) => this.at(label, `${kind} ${name}`, details(...args)));
    for (const name of ['abort', 'close', 'finish', 'prefinish', 'timeout', 'continue', 'drain']) on(req, 'req', name);
    on(req, 'req', 'error', (error) => errorText(error) + (error.cause ? ` cause${errorText(error.cause)}` : ''));
    on(req, 'req', 'information', (info) => ` ${info.statusCode}`);
    if (hears('req socket')) req.on('socket', (socket) => {
      if (spec.socketEvents) {
        for (const name of ['connect', 'ready', 'secureConnect', 'end', 'timeout', 'close', 'free', 'agentRemove']) on(socket, 'sock', name);
        on(socket, 'sock', 'error', errorText);
      } else {
        for (const name of ['connect', 'secureConnect']) if (spec.do?.[`sock ${name}`]) on(socket, 'sock', name);
      }
      this.at(label, 'req socket', ` ${this.number(socket)}${req.reusedSocket ? ' reused' : ''}`);
    });
    if (!spec.without) {
      req.on('response', (res) => {
        state.res = res;
        on(res, 'res', 'end', () => ` complete=${res.complete}`);
        on(res, 'res', 'close');
        on(res, 'res', 'aborted');
        if (spec.reads) on(res, 'res', spec.reads);
        else on(res, 'res', 'data', (data) => ` ${data}`);
        if (!spec.noResError) on(res, 'res', 'error', errorText);
        this.at(label, 'req response', ` ${res.statusCode}`);
      });
    }
    for (const name of spec.with ?? []) {
      req.on(name, (res, socket, head) => {
        const listeners = socket.listenerCount('data');
        state.tunnel = socket;
        for (const event of ['close', 'end']) on(socket, 'up', event);
        on(socket, 'up', 'error', errorText);
        on(socket, 'up', 'data', (data) => ` ${data}`);
        this.at(label, `req ${name}`, ` ${res.statusCode} [${head}] listeners=${listeners} complete=${res.complete}`);
      });
    }
  }
}

const cases = JSON.parse(fs.readFileSync(process.argv[2]));
const results = {};
let current;
process.on('uncaughtException', (error) => { console.error('uncaught in', current, error); process.exit(1); });
(function next(index) {
  if (index === cases.length) {
    process.stdout.write(JSON.stringify(results), () => process.exit());
    return;
  }
  current = cases[index].name;
  new Run(cases[index], (log) => { results[current] = log; setImmediate(next, index + 1); });
})(0);
