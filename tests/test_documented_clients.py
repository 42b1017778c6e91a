"""Whole programs of Node's documentation of http that make requests, line for line: what they print, and that
they end, as with Node 25.2.1.

PORT is where the program's own server listens, OTHER where what is elsewhere in the documentation answers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from conftest import RawPeer

import nodehttp as http

CONNECT = r"""
from nodehttp import createServer, request
from nodehttp.net import connect
from nodehttp.url import URL

# Create an HTTP tunneling proxy
@createServer
def proxy(req, res):
    res.writeHead(200, {'Content-Type': 'text/plain'})
    res.end('okay')

@proxy.on('connect')
def on_connect(req, clientSocket, head):
    # Connect to an origin server
    url = URL(f'http://{req.url}')

    def connected():
        clientSocket.write('HTTP/1.1 200 Connection Established\r\n'
                           'Proxy-agent: Node.js-Proxy\r\n'
                           '\r\n')
        serverSocket.write(head)
        serverSocket.pipe(clientSocket)
        clientSocket.pipe(serverSocket)
    serverSocket = connect(url.port or 80, url.hostname, connected)

# Now that proxy is running
def listening():
    # Make a request to a tunneling proxy
    options = {
        'port': PORT,
        'host': '127.0.0.1',
        'method': 'CONNECT',
        'path': '127.0.0.1:OTHER',
    }

    req = request(options)
    req.end()

    @req.on('connect')
    def on_connect(res, socket, head):
        print('got connected!')

        # Make a request over an HTTP tunnel
        socket.write('GET / HTTP/1.1\r\n'
                     'Host: 127.0.0.1:OTHER\r\n'
                     'Connection: close\r\n'
                     '\r\n')
        socket.on('data', lambda chunk: print(chunk.decode()))
        socket.on('end', lambda: proxy.close())

proxy.listen(PORT, '127.0.0.1', listening)
"""

INFORMATION = """
from nodehttp import request

options = {
    'host': '127.0.0.1',
    'port': OTHER,
    'path': '/length_request',
}

# Make a request
req = request(options)
req.end()

@req.on('information')
def information(info):
    print(f'Got information prior to main response: {info.statusCode}')
"""

UPGRADE = r"""
import nodehttp as http
import sys

# Create an HTTP server
@http.createServer
def server(req, res):
    res.writeHead(200, {'Content-Type': 'text/plain'})
    res.end('okay')

@server.on('upgrade')
def upgrade(req, socket, head):
    socket.write('HTTP/1.1 101 Web Socket Protocol Handshake\r\n'
                 'Upgrade: WebSocket\r\n'
                 'Connection: Upgrade\r\n'
                 '\r\n')

    socket.pipe(socket)  # echo back

# Now that server is running
def listening():
    # make a request
    options = {
        'port': PORT,
        'host': '127.0.0.1',
        'headers': {
            'Connection': 'Upgrade',
            'Upgrade': 'websocket',
        },
    }

    req = http.request(options)
    req.end()

    @req.on('upgrade')
    def upgrade(res, socket, upgradeHead):
        print('got upgraded!')
        socket.end()
        sys.exit(0)

server.listen(PORT, '127.0.0.1', listening)
"""

RETRY = """
import nodehttp as http
agent = http.Agent({'keepAlive': True})
again = [True]

def retriableRequest():
    def answered(res):
        print('answered', res.statusCode, req.reusedSocket)
        res.resume()
        if again:
            again.clear()
            res.on('close', retriableRequest)
    req = http.get('http://127.0.0.1:OTHER', {'agent': agent}, answered)

    @req.on('error')
    def on_error(err):
        print(err.code, req.reusedSocket)
        # Check if retry is needed
        if req.reusedSocket and err.code == 'ECONNRESET':
            retriableRequest()

retriableRequest()
"""

KEEP_ALIVE = r"""
import nodehttp as http
from nodehttp.timers import setInterval, clearInterval
agent = http.Agent({'keepAlive': True})
asked = []
seen = []

# Server has a 5 seconds keep-alive timeout by default
@http.createServer
def server(req, res):
    res.write('hello\n')
    res.end()
server.listen(PORT)

def ask():
    # Adapting a keep-alive agent
    def answered(res):
        @res.on('data')
        def data(data):
            seen.append(data)
            if len(seen) == 3:
                clearInterval(interval)
                server.close()
                print(*seen)
    if len(asked) == len(seen):  # on a busy machine an answer takes longer, and the last would be a reset
        asked.append(http.get('http://localhost:PORT', {'agent': agent}, answered))
interval = setInterval(ask, 5)  # Sending request on 5ms interval
"""

SOURCE = """
import nodehttp as http
options = {
    'host': '127.0.0.1',
    'port': OTHER,
}
req = http.get(options)
req.end()

@req.once('response')
def answered(res):
    ip = req.socket.localAddress
    port = req.socket.localPort
    print(f'Your IP address is {ip} and your source port is {"a number" if port > 0 else port}.')
    # Consume response object
    res.resume()
"""

COMPLETE = """
import nodehttp as http

def answered(res):
    res.resume()

    @res.on('end')
    def end():
        if not res.complete:
            print('The connection was terminated while the message was still being sent')
        print('complete')

req = http.request({
    'host': '127.0.0.1',
    'port': OTHER,
    'method': 'POST',
}, answered)
req.end()
"""

GET = r"""
import json
import re
import nodehttp as http

def answered(res):
    statusCode = res.statusCode
    contentType = res.headers['content-type']

    error = None
    # Any 2xx status code signals a successful response but
    # here we're only checking for 200.
    if statusCode != 200:
        error = Exception('Request Failed.\n'
                          f'Status Code: {statusCode}')
    elif not re.match('^application/json', contentType):
        error = Exception('Invalid content-type.\n'
                          f'Expected application/json but received {contentType}')
    if error:
        print(error)
        # Consume response data to free up memory
        res.resume()
        return

    res.setEncoding('utf8')
    rawData = []
    res.on('data', rawData.append)

    @res.on('end')
    def end():
        try:
            parsedData = json.loads(''.join(rawData))
            print(parsedData)
        except ValueError as e:
            print(e)

req = http.get('http://localhost:PORT/', answered).on('error', lambda e: print(f'Got error: {e.message}'))
req.on('close', lambda: (server.close(), http.globalAgent.destroy()))  # so that the program ends

# Create a local server to receive data from
@http.createServer
def server(req, res):
    res.writeHead(200, {'Content-Type': 'application/json'})
    res.end(json.dumps({
        'data': 'Hello World!',
    }))

server.listen(PORT)
"""

POST = """
import json
import nodehttp as http

postData = json.dumps({
    'msg': 'Hello World!',
}, separators=(',', ':'))

options = {
    'hostname': '127.0.0.1',
    'port': OTHER,
    'path': '/upload',
    'method': 'POST',
    'headers': {
        'Content-Type': 'application/json',
        'Content-Length': len(postData.encode()),
    },
}

def answered(res):
    print(f'STATUS: {res.statusCode}')
    print(f'HEADERS: {json.dumps(res.headers, separators=(",", ":"))}')
    res.setEncoding('utf8')
    res.on('data', lambda chunk: print(f'BODY: {chunk}'))
    res.on('end', lambda: print('No more data in response.'))

req = http.request(options, answered)

req.on('error', lambda e: print(f'problem with request: {e.message}'))

# Write data to request body
req.write(postData)
req.end()
"""


def hello(peer: RawPeer) -> None:
    """Answer one request."""
    peer.read_until(b'\r\n\r\n')
    peer.send(b'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello')


def process_it(peer: RawPeer) -> None:
    """Answer a request in two steps."""
    peer.read_until(b'\r\n\r\n')
    peer.send(b'HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n')


def take_upload(peer: RawPeer) -> None:
    """Answer a form."""
    peer.read_until(b'\r\n\r\n')
    body = peer.read_exactly(22)
    peer.send(b'HTTP/1.1 200 OK\r\nX-A: b\r\nConnection: close\r\nContent-Length: 22\r\n\r\n' + body)


def answer_once_then_reset(peer: RawPeer) -> None:
    """Be a server that closes a kept connection at the moment when it is used again."""
    peer.read_until(b'\r\n\r\n')
    peer.send(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    peer.read_until(b'\r\n\r\n')
    peer.reset()


def cut_off(peer: RawPeer) -> None:
    """Send half a response."""
    peer.read_until(b'\r\n\r\n')
    peer.send(b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf')


HELLO = 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello\n'


@pytest.mark.parametrize(
    ('program', 'elsewhere', 'printed'),
    [
        (CONNECT, [hello], f'got connected!\n{HELLO}'),
        (INFORMATION, [process_it], 'Got information prior to main response: 102\n'),
        (UPGRADE, [], 'got upgraded!\n'),
        (RETRY, [answer_once_then_reset, hello],
         'answered 200 False\nECONNRESET True\nanswered 200 False\n'),
        (KEEP_ALIVE, [], "b'hello\\n' b'hello\\n' b'hello\\n'\n"),
        (SOURCE, [hello], 'Your IP address is 127.0.0.1 and your source port is a number.\n'),
        (COMPLETE, [hello], 'complete\n'),
        (COMPLETE, [cut_off], ''),  # no 'end'
        (GET, [], "{'data': 'Hello World!'}\n"),
        (POST, [take_upload],
         'STATUS: 200\nHEADERS: {"x-a":"b","connection":"close","content-length":"22"}\n'
         'BODY: {"msg":"Hello World!"}\nNo more data in response.\n'),
    ],
)
def test_program(scripted: Callable[..., int], closed_port: int, capfd: pytest.CaptureFixture[str],
                 program: str, elsewhere: Any, printed: str) -> None:
    other = scripted(*elsewhere)
    script = compile(program.replace('PORT', str(closed_port)).replace('OTHER', str(other)), 'script', 'exec')
    names: dict[str, Any] = {}
    try:
        http.run(lambda: exec(script, names))
    except SystemExit as end:
        assert end.code == 0
        names['server'].close()
    assert capfd.readouterr() == (printed, '')
