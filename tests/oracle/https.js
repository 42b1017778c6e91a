// Runs the cases of https_cases.py in Node: node https.js {cases, certificates}. Prints {name: {client, server}}.
'use strict';
const fs = require('fs');
const https = require('https');
const net = require('net');
const os = require('os');
const path = require('path');

const given = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const bag = {};
for (const [name, value] of Object.entries(given.certificates)) {
  bag[name] = typeof value === 'string' ? value : Buffer.from(value.base64, 'base64');
}

// Left out: what OpenSSL says besides the reason, and advice about switches of Node.
const plain = (text) => text
  .replace('; if the root CA is installed locally, try running Node.js with --use-system-ca', '')
  .replace(/^(\w+ \w+ )?[0-9A-F]+:error:[0-9A-F]+:([^:]*):[^:]*:([^:]*):.*\n$/, '$1error:$2::$3')
  .replace(/^error:[0-9A-F]+:([^:]*)::(.*)$/, 'error:$1::$2');
const DETAILS = ['syscall', 'library', 'reason', 'host', 'path', 'localAddress', 'address'];

function errorText(error, port) {
  if (!(error instanceof Error)) return `${typeof error} ${error}`;
  const details = DETAILS.filter((name) => error[name] != null).map((name) => ` ${name}=${error[name]}`);
  if (error.cert) details.push(` cert=${error.cert.subjectaltname}`);
  if (error.port != null) details.push(` port=${error.port === port ? 'PORT' : error.port}`);
  return `${error.name} ${error.code ?? '-'} ${plain(error.message)}${details.join('')}`.replaceAll(`:${port}`, ':PORT');
}

const RAW = {
  ends: (socket) => socket.end(),
  resets: (socket) => socket.resetAndDestroy(),
  answers: (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'),
  silent: () => {},
  alerts: (socket, number) => socket.end(Buffer.from([21, 3, 3, 0, 2, 2, number])),
};

class Run {
  constructor(spec) {
    Object.assign(this, { spec, client: [], server: [], keys: [], sockets: new Set(), agents: {} });
  }

  value(value) {
    if (typeof value === 'string' && value[0] === '@') return bag[value.slice(1)];
    if (value === '#session') return this.session;
    if (value === '#path') return this.path;
    if (value === '#buffer') return Buffer.from('abc');
    if (typeof value === 'string' && value[0] === '#') return this[value.slice(1)].bind(this);
    if (Array.isArray(value)) return value.map((item) => this.value(item));
    if (value && typeof value === 'object') return this.options(value);
    return value;
  }

  options(options) {
    return Object.fromEntries(Object.entries(options).map(([name, value]) => [name, this.value(value)]));
  }

  // functions among the options
  accepts(host, cert) { this.client.push(`asked ${host} ${cert.subjectaltname} ${cert.issuerCertificate?.subject?.O}`); }
  refuses(host) { return Object.assign(new Error(`not ${host}`), { code: 'MINE' }); }
  answersText() { return 'no error'; }
  looks(hostname, options, callback) {
    this.client.push(`looked up ${hostname} family=${options.family ?? null}`);
    if (options.all) callback(null, [{ address: '127.0.0.1', family: 4 }]);
    else callback(null, '127.0.0.1', 4);
  }

  async run() {
    const { raw, set, own = 'own', ...options } = this.spec.server ?? {};
    if (raw) {
      this.listener = net.createServer((socket) => {
        this.sockets.add(socket);
        socket.on('error', () => {});
        socket.once('data', () => RAW[raw[0]](socket, raw[1]));
      });
    } else {
      const credentials = own ? { key: bag[`${own}.key`], cert: bag[`${own}.cert`] } : {};
      this.listener = https.createServer({ ...credentials, ...this.options(options) }, (req, res) => this.answer(req, res));
      this.listener.on('tlsClientError', (error) => this.server.push(`tlsClientError ${error.code}`));
      this.listener.on('secureConnection', (socket) => this.sockets.add(socket));
    }
    this.path = path.join(os.tmpdir(), `https-${process.pid}.sock`);
    const where = this.spec.path ? { path: this.path } : { port: 0, host: '127.0.0.1' };
    await new Promise((resolve) => this.listener.listen(where, resolve));
    this.port = this.spec.path ? 1 : this.listener.address().port;
    if (this.spec.refused) await new Promise((resolve) => this.listener.close(resolve));
    for (const [name, options] of Object.entries(this.spec.agents ?? {})) {
      const agent = this.agents[name] = new https.Agent(this.options(options));
      if (this.spec.keylog) agent.on('keylog', (line, socket) => this.keys.push(`${line.toString().split(' ')[0]} ${socket.encrypted}`));
    }
    for (const [index, request] of this.spec.requests.entries()) {
      await this.request(index, request);
      for (let count = 0; count < 3; count++) await new Promise(setImmediate);
    }
    await new Promise((resolve) => setTimeout(resolve, this.spec.quiet ?? 20));
    for (const agent of [https.globalAgent, ...Object.values(this.agents)]) agent.destroy();
    for (const socket of this.sockets) socket.destroy();
    this.listener.close();
    if (this.spec.keylog) this.client.push(...this.keys.sort().map((key) => `keylog ${key}`));
    return { client: this.client, server: this.server };
  }

  answer(req, res) {
    const { socket } = req;
    const client = socket.getPeerCertificate?.();
    const facts = [req.method, req.url, `host=${req.headers.host}`, `connection=${req.headers.connection}`,
      `authorization=${req.headers.authorization ?? ''}`, `servername=${socket.servername}`, `alpn=${socket.alpnProtocol}`,
      socket.getProtocol(), socket.getCipher().standardName, `client=${client?.subject?.CN ?? ''}`,
      `authorized=${socket.authorized}`, `${socket.authorizationError ?? ''}`, `resumed=${socket.isSessionReused()}`, `from=${socket.remoteAddress ?? ''}`];
    res.end(facts.join(' ').replaceAll(`:${this.port}`, ':PORT'));
  }

  request(index, spec) {
    const say = (line) => this.client.push(`${index} ${line}`);
    const options = { port: this.port, host: 'localhost', family: 4, ...this.options(spec.options ?? {}) };
    for (const [name, value] of Object.entries(options)) if (value === null && !spec.nulls) delete options[name];
    if (spec.agent === false) options.agent = false;
    else if (spec.agent) options.agent = this.agents[spec.agent];
    const argument = spec.url && spec.url.replace('PORT', this.port);
    return new Promise((resolve) => {
      let req;
      try {
        req = argument ? https.request(argument, options) : https.request(options);
      } catch (error) {
        say(`threw ${errorText(error, this.port)}`);
        resolve();
        return;
      }
      req.on('socket', (socket) => {
        say(`socket reused=${req.reusedSocket}`);
        socket.on('session', (session) => { this.session = session; });
        socket.once('secureConnect', () => say(
          `secure ${socket.authorized} ${socket.authorizationError} servername=${socket.servername} alpn=${socket.alpnProtocol} ` +
          `${socket.getProtocol()} resumed=${socket.isSessionReused()} mark=${socket.readableHighWaterMark}`));
      });
      req.on('response', (res) => {
        let text = '';
        res.setEncoding('utf8').on('data', (data) => { text += data; }).on('end', () => say(`response ${res.statusCode} ${text}`));
      });
      req.on('timeout', () => { say('timeout'); req.destroy(); });
      req.on('error', (error) => say(`error ${errorText(error, this.port)}`));
      req.on('close', () => { say('close'); resolve(); });
      req.end();
    });
  }
}

(async () => {
  const results = {};
  for (const spec of given.cases) results[spec.name] = await new Run(spec).run();
  console.log(JSON.stringify(results));
})();
