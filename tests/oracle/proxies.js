// Makes the agents and requests of proxy_cases.py in Node: node proxies.js cases.json. Prints [line, ...].
'use strict';
const fs = require('fs');
const http = require('http');

function environment(env) {
  if (typeof env !== 'object' || !env || !('url' in env)) return env;
  const { url, ...others } = env;
  return { http_proxy: url, HTTPS_PROXY: 'http://[', ...others };
}

function address({ env, options }) {
  let req;
  try {
    const agent = new http.Agent({ proxyEnv: environment(env) });
    const lookup = (name, more, callback) => callback(new Error('nobody is asked'));
    req = http.request({ host: 'origin.test', agent, lookup, ...options });
    return `${req.path} ${JSON.stringify(req.getHeaders())} ${JSON.stringify(req._header)}`;
  } catch (error) {
    return `threw ${error.name} ${error.code} ${error.message}`;
  } finally {
    req?.on('error', () => {}).destroy();
  }
}

const cases = JSON.parse(fs.readFileSync(process.argv[2]));
process.stdout.write(JSON.stringify(cases.map(address)), () => process.exit());
