// Runs the cases of server_cases.py in Node: node server.js cases.json. Prints {name: {log, wire, closed}}.
// Cases that have `tls` (key, cert, ca) are run over TLS, with https.
'use strict';
const fs = require('fs');
const http = require('http');
const https = require('https');
const net = require('net');
const tls = require('tls');

const QUIET = 60; // ms without an event or a byte after which a case is over
const CALM = 10; // ms without them, behind the last step of the client, after which the next case begins beside it

const errorText = (error) => `${error.name} ${error.code ?? '-'} ${error.message}`;
const show = (value) => JSON.stringify(value ?? null);
const shorten = (wire) => wire
  .replace(/([a-z])\1{60,}/g, (run, letter) => `${letter}{${run.length}}`)
  .replace(/Date: [^\r]*GMT/g, 'Date: now');

class Run {
  constructor(spec, calm, done) {
    Object.assign(this, { spec, calm, done, log: [], wire: [], closed: false, sent: 0, waiting: [], names: new Map() });
    // Not that an idle connection is taken for one that the server has closed at once.
    const options = { keepAliveTimeoutBuffer: 60_000, ...spec.options };
    if ('upgrades' in spec) options.shouldUpgradeCallback = () => spec.upgrades;
    this.server = spec.tls ? https.createServer({ ...options, ...spec.tls }) : http.createServer(options);
    Object.assign(this.server, spec.set);
    this.context = { server: this.server };
    for (const [name, actions] of Object.entries(spec.on)) this.listen(name, actions);
    this.watch('server', this.server, '');
    this.server.on('connection', (socket) => { this.accepted = socket; });
    this.server.listen(0, '127.0.0.1', () => this.dial());
  }

  async dial() {
    const options = { port: this.server.address().port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true };
    const raw = net.connect(options);
    const client = this.client = this.spec.tls ? tls.connect({ ...options, socket: raw, ca: this.spec.tls.ca }) : raw;
    if (this.spec.tls) await new Promise((resolve) => client.once('secureConnect', resolve));
    client.on('data', (data) => { this.wire.push(data); this.happened(); });
    client.on('end', () => { this.closed = true; this.happened(); });
    client.on('error', () => { this.closed = true; this.happened(); });
    for (const [step, argument] of this.spec.client) {
      if (step === 'send') this.send(argument);
      else if (step === 'read') await this.read();
      else if (step === 'fin') client.end();
      else if (step === 'rst') { raw.resetAndDestroy(); this.closed = true; }
      else if (step === 'heard') await this.heard(() => this.log.some((line) => line.startsWith(argument)));
      else if (step === 'until') await this.heard(() => this.received().includes(argument));
      else throw new Error(`unknown step ${step}`);
    }
    this.stepped = true;
    this.happened(150);
  }

  send(text) {
    if (this.accepted?.destroyed) return; // the answer would be lost
    this.client.write(Buffer.from(text, 'latin1'));
    this.sent += text.length;
  }

  // Wait until the server has read what was sent, if it still reads, and has closed the connection, if it does.
  async read() {
    const done = () => this.accepted && (this.accepted.destroyed || this.accepted.bytesRead >= this.sent);
    for (let turn = 0, after = 0; turn < 1000 && after < 5; turn++) {
      await new Promise(setImmediate);
      if (done()) after++;
    }
  }

  received() { return Buffer.concat(this.wire).toString('latin1'); }

  heard(condition) {
    if (condition()) return undefined;
    return new Promise((resolve) => this.waiting.push([condition, resolve]));
  }

  happened(milliseconds = QUIET) {
    if (this.over) return;
    this.waiting = this.waiting.filter(([condition, resolve]) => condition() ? resolve() : true);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.end(), Math.max(milliseconds, this.spec.quiet ?? 0));
    clearTimeout(this.calmTimer);
    if (this.stepped) this.calmTimer = setTimeout(this.calm, CALM);
  }

  end() {
    this.over = true;
    clearTimeout(this.calmTimer);
    this.done({ log: this.log, wire: shorten(this.received()), closed: this.closed });
    this.client.destroy();
    this.server.closeAllConnections();
    this.server.close();
  }

  note(line) {
    if (this.over) return;
    this.log.push(line);
    this.happened();
  }

  watch(kind, emitter, prefix) {
    for (const name of this.spec.watch?.[kind] ?? []) {
      emitter.on(name, (value) => {
        const detail = value instanceof Error ? ` ${errorText(value)}` : name === 'data' ? ` ${value}` : '';
        this.note(`${prefix}${kind} ${name}${detail}`);
      });
    }
  }

  listen(name, actions) {
    let [event, url] = name.split(' ');
    if (this.spec.tls && event === 'connection') event = 'secureConnection';
    this.server.on(event, (first, second, third) => {
      let context;
      if (event === 'clientError') context = { error: first, sock: second };
      else if (event === 'connection' || event === 'secureConnection' || event === 'timeout') context = { sock: first };
      else if (event === 'upgrade' || event === 'connect') context = { req: first, sock: second, head: String(third) };
      else if (event === 'dropRequest') context = { req: first, sock: second };
      else context = { req: first, res: second, sock: first.socket };
      if (url && context.req.url !== url) return;
      context = { ...this.context, ...context };
      const prefix = context.req && context.req.url !== '/' ? `${context.req.url} ` : '';
      if (event !== 'clientError' && event !== 'timeout') {
        for (const kind of ['req', 'res', 'sock']) if (context[kind]) this.watch(kind, context[kind], prefix);
      }
      this.perform(actions, context, prefix);
    });
  }

  perform(actions, context, prefix) {
    for (const action of actions) {
      try {
        this.act(action, context, prefix);
      } catch (error) {
        this.note(`${prefix}${action[0].replace('?', '')} threw ${errorText(error)}`);
      }
    }
  }

  act([what, ...args], context, prefix) {
    const go = (actions) => () => this.perform(actions, context, prefix);
    if (what === 'note') this.note(prefix + args[0]);
    else if (what === 'tick') process.nextTick(go(args[0]));
    else if (what === 'immediate') setImmediate(go(args[0]));
    else if (what === 'after') setTimeout(go(args[1]), args[0]);
    else if (what === 'override') this.override(context[args[0]], args[0], prefix);
    else if (what === 'count') this.note(`${prefix}${args.join('.')} ${Object.keys(context[args[0]][args[1]]).length}`);
    else if (what === 'on') context[args[0]].on(args[1], go(args[2]));
    else if (what === 'once') context[args[0]].once(args[1], go(args[2]));
    else this.use(what, args, context, prefix);
  }

  // Have an `emit` of its own, which leaves something to the next tick.
  override(emitter, kind, prefix) {
    const { emit } = emitter;
    emitter.emit = (name, ...given) => {
      this.note(`${prefix}${kind} emits ${name}`);
      process.nextTick(() => this.note(`${prefix}tick of ${name}`));
      return emit.call(emitter, name, ...given);
    };
  }

  // 'res.statusCode=', 'res.end', '?res.write': set, call, call or read and note what it gives.
  use(what, args, context, prefix) {
    const noted = what.startsWith('?');
    const [target, name] = what.replace(/[?=]/g, '').split('.');
    const object = context[target];
    if (name === undefined) return this.note(`${prefix}${target} ${show(object)}`);
    if (what.endsWith('=')) { object[name] = args[0]; return; }
    const value = typeof object[name] === 'function'
      ? object[name](...args.map((argument) => this.argument(argument, context, prefix))) : object[name];
    if (noted) this.note(`${prefix}${target}.${name} ${show(value)}`);
  }

  argument(value, context, prefix) {
    if (value === null || typeof value !== 'object') return value;
    if (Object.hasOwn(value, 'kind')) return context[value.kind];
    if (Object.hasOwn(value, 'callback')) {
      return (error) => this.note(`${prefix}${value.callback}${error instanceof Error ? ` ${errorText(error)}` : ''}`);
    }
    if (Object.hasOwn(value, 'repeat')) return value.repeat[0].repeat(value.repeat[1]);
    if (Object.hasOwn(value, 'latin1')) return Buffer.from(value.latin1, 'latin1');
    if (Object.hasOwn(value, 'error')) return new Error(value.error);
    if (Object.hasOwn(value, 'map')) return new Map(Object.entries(value.map));
    return value;
  }
}

const cases = JSON.parse(fs.readFileSync(process.argv[2]));
const results = {};
let current;
let left = cases.length;
process.on('uncaughtException', (error) => { console.error('uncaught in', current, error); process.exit(1); });
(function begin(index) {
  if (index === cases.length) return;
  const { name } = cases[index];
  current = name;
  let begun = false; // the case behind this one
  const calm = () => { if (!begun) { begun = true; setImmediate(begin, index + 1); } };
  new Run(cases[index], calm, (result) => {
    results[name] = result;
    left--;
    if (left === 0) process.stdout.write(JSON.stringify(results), () => process.exit());
    else calm();
  });
}(0));
