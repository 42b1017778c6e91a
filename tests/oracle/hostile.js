// Shows what Node's http makes of bad input: reads [[kind, bytes as latin1], ...] from standard input and prints, a
// line each, [code, reason, message, bytesParsed, length of rawPacket] of 'clientError' or of the request's 'error'.
'use strict';
const http = require('http');
const net = require('net');

const describe = ({code, reason, message, bytesParsed, rawPacket}) =>
    JSON.stringify([code, reason, message, bytesParsed, rawPacket.length]);

const asRequest = (data) => new Promise((resolve) => {
    const server = http.createServer((request, response) => {
        request.resume();
        response.end();
    });
    server.on('clientError', (error, socket) => {
        resolve(describe(error));
        socket.destroy();
        server.close();
    });
    server.listen(0, () => {
        const socket = net.connect(server.address().port);
        socket.on('error', () => {});
        socket.write(data, 'latin1');
        socket.resume();
    });
});

const asResponse = (data) => new Promise((resolve) => {
    const server = net.createServer((socket) => {
        socket.on('error', () => {});
        socket.once('data', () => socket.write(data, 'latin1'));
    });
    server.listen(0, () => {
        const agent = new http.Agent({keepAlive: true});
        const request = http.get({port: server.address().port, agent}, (response) => response.resume());
        request.on('error', (error) => {
            resolve(describe(error));
            request.destroy();
            server.close();
        });
    });
});

(async () => {
    for (const [kind, data] of JSON.parse(require('fs').readFileSync(0))) {
        console.log(await (kind === 'request' ? asRequest : asResponse)(data));
    }
    process.exit();
})();
