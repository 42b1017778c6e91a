"""What a type checker makes of a program: mypy reads this file (see setup.cfg), `assert_type` is for it."""

from typing import Any, assert_type

import nodehttp as http
import nodehttps as https
from nodehttp import events, net, stream, timers


def listener(req: http.IncomingMessage, res: http.ServerResponse) -> None:
    name: str | None = req.headers['x-name']
    host: str | None = req.headers.host
    assert_type(res.setHeader('a', name).setHeader('b', [host]), http.ServerResponse)
    for chunk in req:
        res.write(chunk.upper(), lambda: None)
    assert_type(res.writeHead(200, {'Content-Type': 'text/plain'}).end('x'), http.ServerResponse)


class Response(http.ServerResponse):
    def json(self, value: object) -> http.ServerResponse:
        return self.end(repr(value))


class Upper(stream.Transform):
    def _transform(self, chunk: Any, encoding: Any, callback: Any) -> None:
        callback(None, chunk.upper())


def test_decorators_keep_the_type_of_a_listener() -> None:
    emitter = events.EventEmitter()
    assert_type(emitter.on('x', print), events.EventEmitter)
    assert_type(net.Socket().once('x', print), net.Socket)

    @emitter.on('x')
    def on(count: int) -> str:
        return str(count)

    @emitter.addListener('x')
    def added(count: int) -> str:
        return str(count)

    @emitter.once('x')
    def once(count: int) -> str:
        return str(count)

    @emitter.prependListener('x')
    def first(count: int) -> str:
        return str(count)

    @emitter.prependOnceListener('x')
    def first_once(count: int) -> str:
        return str(count)

    assert_type([on(1), added(1), once(1), first(1), first_once(1)], list[str])


def test_a_server_and_a_client() -> None:
    @http.createServer
    def server(req: http.IncomingMessage, res: http.ServerResponse) -> None:
        res.end('x')

    assert_type(server, http.Server)
    with server.listen(0, '127.0.0.1') as same:
        assert_type(same, http.Server)
        assert_type(server.address().port, Any)
        req = http.get({'port': server.address().port, 'host': '127.0.0.1'}, agent=False)
        assert_type(req, http.ClientRequest)
        [res] = http.once(req, 'response', timeout=5)
        assert b''.join(res) == b'x'


def test_options() -> None:
    assert_type(http.createServer({'ServerResponse': Response}, listener, keepAliveTimeout=5), http.Server)
    assert_type(https.createServer(listener, requestTimeout=5), https.Server)
    assert_type(http.Agent({'keepAlive': True}, maxSockets=5).maxSockets, float)
    timer = timers.setTimeout(print, 5, 'x')
    assert_type(timer, timers.Timeout)
    timers.clearTimeout(timer)
    assert_type(stream.PassThrough().pipe(Upper()), Any)
