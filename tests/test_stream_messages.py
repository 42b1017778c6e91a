"""finished and pipeline with messages of http, which are no Writables: the same programs ran in Node."""

from stream_order import logs, show, silent

import nodehttp as http
from nodehttp.stream import Readable, finished, pipeline
from nodehttp.timers import setTimeout


def told(log, name):
    """A callback that logs what it is told."""
    return lambda error=None, *value: log(f'{name} {"" if error is None else show(error)}'.rstrip())


def exchange(handler, client, **options):
    """Serve with `handler`; `client(req, done)` is given the request, `done` closes the server."""
    server = http.createServer(handler)

    def start():
        port = server.address().port
        client(http.request({'port': port, 'agent': False, **options}), server.close)
    server.listen(0, start)


def watching(log, act):
    def handler(req, res):
        finished(req, told(log, 's.req'))
        finished(res, told(log, 's.res'))
        act(req, res)
    return handler


@logs('s.res', 's.req', 's.pipeline', 'data b:hello', 'c.res', 'c.req')
def test_echo(log):
    def client(req, done):
        def response(res):
            finished(res, told(log, 'c.res'))
            res.on('data', lambda chunk: log('data', chunk))
            res.on('close', lambda: done())
        req.on('response', response)
        finished(req, told(log, 'c.req'))
        req.end('hello')
    handler = watching(log, lambda req, res: pipeline(req, res, told(log, 's.pipeline')))
    exchange(handler, client, method='POST')


def reading_client(log, act=lambda req, done: None):
    """A client that reads the response; `act` is called when it has begun."""
    def client(req, done):
        def response(res):
            finished(res, told(log, 'c.res'))
            res.on('error', lambda: None)
            res.resume()
            act(req, done)
            res.on('close', lambda: done())
        req.on('response', response)
        req.on('error', lambda: None)
        finished(req, told(log, 'c.req'))
        req.end()
    return client


@logs('s.res', 's.req', 'c.res', 'c.req')
def test_get(log):
    exchange(watching(log, lambda req, res: res.end('x')), reading_client(log))


@logs('c.req', 'c.res ECONNRESET:aborted', 's.res ERR_STREAM_PREMATURE_CLOSE:Premature close',
      's.req ECONNRESET:aborted')
def test_the_server_destroys_the_response(log):
    def act(req, res):
        res.write('x')
        setTimeout(lambda: res.destroy(), 5)
    exchange(watching(log, act), reading_client(log))


@logs('s.res ERR_STREAM_PREMATURE_CLOSE:Premature close', 's.req ECONNRESET:aborted', 'c.req',
      'c.res ECONNRESET:aborted')
def test_the_client_destroys_the_request(log):
    client = reading_client(log, lambda req, done: setTimeout(lambda: (req.destroy(), done()), 5))
    exchange(watching(log, lambda req, res: res.write('x')), client)


@logs('data b:abc', 'source close', 's.pipeline ERR_STREAM_PREMATURE_CLOSE:Premature close')
def test_the_client_goes_while_a_pipeline_feeds_it(log):
    def handler(req, res):
        r = silent()
        r.push('abc')
        r.on('close', lambda: log('source close'))
        pipeline(r, res, told(log, 's.pipeline'))

    def client(req, done):
        def response(res):
            res.on('error', lambda: None)
            res.on('data', lambda chunk: (log('data', chunk), req.destroy(), done()))
        req.on('response', response)
        req.on('error', lambda: None)
        req.end()
    exchange(handler, client)


@logs('c.pipeline', 'status 200')
def test_a_pipeline_into_a_request(log):
    def handler(req, res):
        req.resume()
        req.on('end', lambda: res.end('ok'))

    def client(req, done):
        def response(res):
            log(f'status {res.statusCode}')
            res.resume()
            res.on('close', lambda: done())
        req.on('response', response)
        pipeline(Readable.from_(['a', 'b']), req, told(log, 'c.pipeline'))
    exchange(handler, client, method='PUT')
