"""net.Server: all forms of listen, accepting, closing, `with`. The lists were recorded in Node 25.2.1."""

import errno
import os
import pathlib
import resource
import socket as sockets
import stat
import threading
import time

import pytest
from conftest import has_ipv6, needs_ipv6
from net_order import HOST, logs, pair, watch
from stream_order import show

from nodehttp import _netserver, errors, events, net, threadpool
from nodehttp.abort import AbortController
from nodehttp.timers import nextTick, setImmediate

NAMES = ('listening', 'connection', 'drop', 'error', 'close')


def ignore(*args):
    """For what the test is not about."""


def answer(dial, server):
    """Return all that a new connection is sent."""
    peer = dial(server)
    data = peer.read_to_end()
    peer.close()
    return data


def told(log, name):
    return lambda error=None: log(name, error)


# Listening

@pytest.mark.parametrize('arguments', [
    (0, HOST), ('0', HOST), (0, HOST, 5), ({'port': 0, 'host': HOST, 'backlog': 3},),
    ({'port': None, 'host': HOST},), (None, HOST),
    ({'port': 0, 'host': HOST, 'exclusive': True},), ({'port': 0, 'host': HOST, 'reusePort': True},)])
def test_forms_of_listen(arguments, record):
    server = net.createServer()
    assert server.listen(*arguments, lambda: record('listening')) is server
    with server:
        address = server.address()
        assert (address.address, address.family, server.listening) == (HOST, 'IPv4', True)
        assert 0 < address.port < 65536
        assert record.wait_for('listening')
    assert (server.address(), server.listening) == (None, False)


@pytest.mark.parametrize(('arguments', 'backlog'), [
    ((0, HOST), 511), ((0, HOST, 5), 5), ((0, 7), 7), (({'port': 0, 'host': HOST, 'backlog': 3},), 3)])
def test_the_backlog_is_what_the_system_is_told(arguments, backlog, monkeypatch):
    told = []
    listen = sockets.socket.listen
    monkeypatch.setattr(
        sockets.socket, 'listen', lambda handle, number: (told.append(number), listen(handle, number)))
    with net.createServer().listen(*arguments):
        assert told == [backlog]


@pytest.mark.parametrize('options', [{'port': 0, 'host': HOST}, {'host': HOST}, {'host': HOST, 'backlog': 1}])
def test_listen_with_keywords(options, record):
    with net.createServer().listen(**options, callback=lambda: record('listening')) as server:
        assert server.address().address == HOST
        record.wait_for('listening')


@pytest.mark.parametrize('arguments', [(), (None,), (0,), (0, 511), ({'port': 0},), (0, '')])
def test_every_address(arguments):
    with net.createServer().listen(*arguments) as server:
        port = server.address().port
        assert server.address() == {'address': '::', 'family': 'IPv6', 'port': port} or not has_ipv6()
        sockets.create_connection((HOST, port)).close()


@needs_ipv6
def test_ipv6_only():
    with net.createServer().listen(port=0, host='::', ipv6Only=True) as server:
        port = server.address().port
        sockets.create_connection(('::1', port)).close()
        with pytest.raises(ConnectionRefusedError):
            sockets.create_connection((HOST, port))


def test_a_name():
    with net.createServer().listen(0, 'localhost') as server:
        assert server.address().address in (HOST, '::1')


@pytest.mark.parametrize('make',
    [str, pathlib.Path, lambda path: {'path': str(path)}, lambda path: {'path': path}])
def test_a_path(make, tmp_path):
    path = tmp_path / 'socket'
    with net.createServer(lambda peer: peer.end('hi')).listen(make(path)) as server:
        assert server.address() == str(path)
        with sockets.socket(sockets.AF_UNIX) as client:
            client.connect(str(path))
            assert client.recv(10) == b'hi'
    assert not path.exists()


def test_a_path_open_to_others(tmp_path):
    path = tmp_path / 'socket'
    with net.createServer().listen(path=path, readableAll=True, writableAll=True):
        assert stat.S_IMODE(path.stat().st_mode) & 0o666 == 0o666


def test_an_abstract_path():
    with net.createServer().listen('\0nodehttp-test') as server:
        assert server.address() == '\0nodehttp-test'


@pytest.mark.parametrize('make', [
    lambda sock: sock, lambda sock: {'handle': sock}, lambda sock: {'fd': sock.detach()},
    lambda sock: {'handle': sock.detach()}])
def test_a_socket_of_pythons(make):
    listener = sockets.create_server((HOST, 0))
    port = listener.getsockname()[1]
    with net.createServer(lambda peer: peer.end('hi')).listen(make(listener)) as server:
        assert server.address() == {'address': HOST, 'family': 'IPv4', 'port': port}
        with sockets.create_connection((HOST, port)) as client:
            assert client.recv(10) == b'hi'
    assert listener.fileno() == -1


def test_another_server_as_handle():
    with net.createServer().listen(0, HOST) as first, net.createServer().listen(first) as second:
        assert first.address() == second.address()
        first.close()
        first.join(5)
        sockets.create_connection((HOST, second.address().port)).close()


def test_reuse_port():
    with net.createServer().listen(port=0, host=HOST, reusePort=True) as first:
        port = first.address().port
        with net.createServer().listen(port=port, host=HOST, reusePort=True) as second:
            assert second.address().port == port


@logs('tick before', 'tick', 'listening', 'tick after', 'immediate')
def test_order_of_listening(log):
    def listening():
        log('listening')
        server.close()
    server = net.createServer().on('listening', listening)
    nextTick(log, 'tick before')
    server.listen(0, HOST)
    nextTick(lambda: (log('tick'), nextTick(log, 'tick after')))
    setImmediate(log, 'immediate')


@logs('listening', 'tick')
def test_order_of_listening_without_host(log):
    server = net.createServer().listen(0, lambda: (log('listening'), server.close()))
    nextTick(log, 'tick')


WITHOUT_PLACE = 'The argument \'options\' must have the property "port" or "path". Received '


@pytest.mark.parametrize(('arguments', 'code', 'message'), [
    (({},), 'ERR_INVALID_ARG_VALUE', WITHOUT_PLACE + '{}'),
    (({'host': HOST},), 'ERR_INVALID_ARG_VALUE', WITHOUT_PLACE + "{ host: '127.0.0.1' }"),
    (({'path': 1},), 'ERR_INVALID_ARG_VALUE', "The argument 'options' is invalid. Received { path: 1 }"),
    ((True,), 'ERR_INVALID_ARG_VALUE', "The argument 'options' is invalid. Received { port: true }"),
    ((65536,), 'ERR_SOCKET_BAD_PORT',
        'options.port should be >= 0 and < 65536. Received type number (65536).'),
    ((-1,), 'ERR_SOCKET_BAD_PORT', 'options.port should be >= 0 and < 65536. Received type number (-1).'),
    ((1.5,), 'ERR_SOCKET_BAD_PORT', 'options.port should be >= 0 and < 65536. Received type number (1.5).'),
    (({'port': 'x'},), 'ERR_SOCKET_BAD_PORT',
        "options.port should be >= 0 and < 65536. Received type string ('x')."),
    (({'fd': -1},), 'ERR_INVALID_ARG_VALUE', WITHOUT_PLACE + '{ fd: -1 }'),
    (({'port': 0, 'host': {}},), 'ERR_INVALID_ARG_TYPE',
     'The "hostname" argument must be of type string. Received an instance of Object'),
    (({'port': 0, 'signal': {}},), 'ERR_INVALID_ARG_TYPE',
     'The "options.signal" property must be an instance of AbortSignal. Received an instance of Object'),
])
def test_wrong_arguments_of_listen(arguments, code, message):
    server = net.createServer()
    with pytest.raises(errors.NodeError) as caught:
        server.listen(*arguments)
    assert (caught.value.code, caught.value.message) == (code, message)
    assert not server.listening


@pytest.mark.parametrize(('call', 'code'), [
    (lambda: net.createServer('x'), 'ERR_INVALID_ARG_TYPE'),
    (lambda: net.createServer(5), 'ERR_INVALID_ARG_TYPE'),
    (lambda: net.createServer(keepAliveInitialDelay='x'), 'ERR_INVALID_ARG_TYPE'),
    (lambda: net.createServer(highWaterMark='x'), 'ERR_INVALID_ARG_TYPE'),
    (lambda: net.createServer().getConnections(None), 'ERR_INVALID_ARG_TYPE'),
])
def test_wrong_arguments(call, code):
    with pytest.raises(TypeError) as caught:
        call()
    assert caught.value.code == code


def test_listen_twice():
    with net.createServer().listen(0, HOST) as server:
        with pytest.raises(errors.Error) as caught:
            server.listen(0)
        assert caught.value.code == 'ERR_SERVER_ALREADY_LISTEN'


def failure(*arguments, **options):
    """Return the error of a listen()."""
    with pytest.raises(OSError) as caught, net.createServer().listen(*arguments, **options):
        pass
    error = caught.value
    return error.code, error.message, error.syscall, error.address, error.port


def test_errors_of_listen(tmp_path):
    with net.createServer().listen(0, HOST) as server, net.createServer().listen(tmp_path / 'socket'):
        port, path, nowhere = server.address().port, str(tmp_path / 'socket'), str(tmp_path / 'no' / 'socket')
        assert failure(port, HOST) == (
            'EADDRINUSE', f'listen EADDRINUSE: address already in use {HOST}:{port}', 'listen', HOST, port)
        assert failure(path) == ('EADDRINUSE', f'listen EADDRINUSE: address already in use {path}', 'listen',
            path, -1)
    assert failure(0, '10.99.99.99') == (
        'EADDRNOTAVAIL', 'listen EADDRNOTAVAIL: address not available 10.99.99.99', 'listen', '10.99.99.99',
        None)
    assert failure(nowhere) == ('EACCES', f'listen EACCES: permission denied {nowhere}', 'listen', nowhere,
        -1)
    assert failure('/' + 'x' * 200)[:1] == ('EINVAL',)
    assert failure(fd=9999) == ('EINVAL', 'listen EINVAL: invalid argument', 'listen', None, None)
    assert failure(0, 'no.such.name.invalid')[:3] == (
        'ENOTFOUND', 'getaddrinfo ENOTFOUND no.such.name.invalid', 'getaddrinfo')


@logs('false', 'error EADDRINUSE:listen EADDRINUSE: address already in use 127.0.0.1:P', 'false', 'listening',
      'close', 'close')
def test_listen_again_after_an_error(log):
    def again():
        log(server.listening)
        server.listen(0, HOST, server.close)

    other = net.createServer().listen(0, HOST)
    other.on('close', lambda: None)
    server = watch(log, net.createServer(), names=NAMES)
    server.once('error', lambda error: (other.close(), setImmediate(again)))
    server.once('close', lambda: server.close())
    server.listen(other.address().port, HOST)
    log(server.listening)


@logs('callback ERR_SERVER_NOT_RUNNING:Server is not running.', 'false')
def test_close_during_the_lookup(log):
    server = net.createServer().listen(0, 'localhost', lambda: log('listening'))
    server.close(lambda error: (log('callback', error), setImmediate(lambda: log(server.listening))))


@logs('listening', 'false', 'close')
def test_abort(log):
    controller = AbortController()
    server = watch(log, net.createServer(), names=NAMES)
    server.on('listening', lambda: (controller.abort(), log(server.listening)))
    server.listen(port=0, host=HOST, signal=controller.signal)


@logs('close')
def test_aborted_before(log):
    controller = AbortController()
    controller.abort()
    watch(log, net.createServer(), names=NAMES).listen(port=0, host=HOST, signal=controller.signal)


# Accepting

@logs('true true 10 10 false false false open 127.0.0.1 IPv4 true', '- 0', 'b:hello world', 'end',
      'close false')
def test_options_of_the_sockets(log):
    def connected(client, peer):
        log(peer.isPaused(), peer.allowHalfOpen, peer.readableHighWaterMark, peer.writableHighWaterMark,
            peer.readableFlowing,
            peer.connecting, peer.pending, peer.readyState, peer.remoteAddress, peer.remoteFamily,
            peer.server is peer._server)
        client.end('hello world')
        client.resume()
        client.on('finish', lambda: setImmediate(setImmediate, read, peer))

    def read(peer):
        log(peer._buffer or None, peer.bytesRead)
        chunks = []
        peer.on('data', chunks.append)
        peer.on('end', lambda: (log(b''.join(chunks)), peer.end()))
        watch(log, peer, names=('end', 'close'))
        peer.resume()
    pair(connected, {'pauseOnConnect': True, 'allowHalfOpen': True, 'noDelay': True, 'keepAlive': True,
                     'keepAliveInitialDelay': 5000, 'highWaterMark': 10})


def test_options_of_the_handles(dial, record):
    with net.createServer({'noDelay': True, 'keepAlive': True, 'keepAliveInitialDelay': 5000},
        record).listen(0, HOST) as server:
        assert (server.noDelay, server.keepAlive, server.keepAliveInitialDelay,
            server.highWaterMark) == (True, True, 5, 65536)
        client = dial(server)
        handle = record.wait_count(1)[0]._handle
        assert handle.getsockopt(sockets.IPPROTO_TCP, sockets.TCP_NODELAY) == 1
        assert handle.getsockopt(sockets.IPPROTO_TCP, sockets.TCP_KEEPIDLE) == 5
        client.close()


def test_the_decorator(dial):
    @net.createServer
    def server(socket):
        socket.end('hi')
    with server.listen(0, HOST):
        assert answer(dial, server) == b'hi'


def test_the_connection_event(dial):
    with net.createServer().on('connection', lambda socket: socket.end('hi')).listen(0, HOST) as server:
        assert answer(dial, server) == b'hi'


def test_many_connections_at_once(dial):
    with net.createServer(lambda peer: peer.pipe(peer)).listen(0, HOST) as server:
        peers = [dial(server) for _ in range(200)]
        for number, peer in enumerate(peers):
            peer.send(b'%03d' % number)
        assert [peer.read_exactly(3) for peer in peers] == [b'%03d' % number for number in range(200)]
        for peer in peers:
            peer.close()


@logs('0', 'tick 0', '1', 'tick 1', '2', 'tick 2')
def test_the_ticks_of_a_connection_come_before_the_next_one(log):
    def accepted(peer):
        number = len(seen)
        seen.append(peer)
        log(number)
        nextTick(log, f'tick {number}')
        peer.destroy()
        if len(seen) == 3:
            server.close()
    seen = []
    server = net.createServer(accepted).listen(0, HOST)
    for _ in range(3):
        sockets.create_connection((HOST, server.address().port)).close()


@pytest.mark.parametrize('limit', [0, 1])
def test_max_connections(limit, dial, record):
    def accepted(peer):
        record('connection')
        peer.resume()
    server = net.createServer(accepted)
    server.maxConnections = limit
    server.on('drop', lambda data: record('drop', data))
    with server.listen(0, HOST):
        if limit:
            first = dial(server)
            record.wait_for('connection')
        dropped = dial(server)
        name = dropped.socket.getsockname()
        assert dropped.read_to_end() == b''
        dropped.close()
        assert record.wait_count(limit + 1)[-1] == ('drop', {
            'localAddress': HOST, 'localPort': server.address().port, 'localFamily': 'IPv4',
            'remoteAddress': HOST, 'remotePort': name[1], 'remoteFamily': 'IPv4'})
        assert server._connections == limit
        if limit:
            first.close()


def test_a_dropped_connection_of_a_unix_socket_has_no_addresses(tmp_path, dial, record):
    server = net.createServer()
    server.maxConnections = 0
    server.on('drop', lambda data: record('drop', data))
    with server.listen(tmp_path / 'socket'):
        assert answer(dial, server.address()) == b''
        assert record.wait_count(1) == [('drop', None)]


def test_a_listener_that_blocks_holds_up_no_other_connection(dial):
    first, release = threading.Event(), threading.Event()

    def accepted(peer):
        if not first.is_set():
            first.set()
            assert release.wait(10)
        peer.end('hi')
    with net.createServer(accepted).listen(0, HOST) as server:
        slow = dial(server)
        assert first.wait(10)
        assert answer(dial, server) == b'hi'
        release.set()
        assert slow.read_to_end() == b'hi'
        slow.close()


def test_a_listener_that_iterates(dial):
    def accepted(peer):
        for chunk in peer.iterator(destroyOnReturn=False):
            peer.write(chunk.upper())
        peer.end('.')
    with net.createServer({'allowHalfOpen': True}, accepted).listen(0, HOST) as server:
        peers = [dial(server) for _ in range(3)]
        for peer in peers:
            peer.send(b'one')
        for peer in reversed(peers):
            assert peer.read_exactly(3) == b'ONE'
        for peer in peers:
            peer.socket.shutdown(sockets.SHUT_WR)
            assert peer.read_to_end() == b'.'
            peer.close()


def test_a_listener_that_raises_ends_the_connection(dial, escaped):
    def accepted(peer):
        raise ZeroDivisionError
    with net.createServer(accepted).listen(0, HOST) as server:
        assert answer(dial, server) == b''
        assert [type(error) for error in escaped] == [ZeroDivisionError]


def test_without_descriptors_accepting_pauses(dial, record):
    def counted_accept():
        tries.append(1)
        return accept()

    tries = []
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with net.createServer(lambda peer: peer.end('hi')).listen(0, HOST) as server:
        accept, server._listener.accept = server._listener.accept, counted_accept
        client = sockets.socket()
        client.settimeout(10)
        with client:
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir('/proc/self/fd'))), hard))
            try:
                holes = fill_descriptors()
                client.connect((HOST, server.address().port))
                begun = time.monotonic()
                while not tries:
                    assert time.monotonic() < begun + 10
                    time.sleep(0.001)
                time.sleep(0.02)
                assert len(tries) == 1
            finally:
                for hole in holes:
                    os.close(hole)
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            assert client.recv(10) == b'hi'


def fill_descriptors():
    taken = []
    while True:
        try:
            taken.append(os.open('/dev/null', os.O_RDONLY))
        except OSError as error:
            assert error.errno == errno.EMFILE
            return taken


def test_a_connection_that_dies_in_the_queue_is_nothing(dial, record):
    def failing_accept():
        if not failed:
            failed.append(1)
            raise ConnectionAbortedError(errno.ECONNABORTED, '')
        return accept()

    failed = []
    with net.createServer(lambda peer: peer.end('hi')).listen(0, HOST) as server:
        server.on('error', record)
        handle = server._listener.handle
        accept = handle._accept
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(handle), '_accept', lambda self: failing_accept())
            assert answer(dial, server) == b'hi'
        assert (failed, record.events) == ([1], [])


def test_a_broken_listening_handle_is_an_error(dial, record):
    def failing_accept():
        tries.append(1)
        raise OSError(errno.ENOTSOCK, '')

    tries = []
    with net.createServer().listen(0, HOST) as server:
        server.on('error', record)
        server._listener.accept = failing_accept
        client = dial(server)
        error = record.wait_count(1)[0]
        assert (error.code, error.syscall, tries) == ('ENOTSOCK', 'accept', [1])
        client.close()


# The end

@logs('close', 'callback ERR_SERVER_NOT_RUNNING:Server is not running.')
def test_close_when_it_does_not_listen(log):
    server = watch(log, net.createServer(), names=NAMES)
    assert server.close(told(log, 'callback')) is server


@logs('true', 'false -', 'close', 'callback -')
def test_close_at_once(log):
    server = watch(log, net.createServer(), names=NAMES).listen(0, HOST)
    log(server.listening)
    server.close(told(log, 'callback'))
    log(server.listening, server.address())


def test_a_thread_can_wait_for_close_after_it_has_closed():
    for _ in range(40):  # without a hold about one in four came too late
        server = net.createServer().listen(0, HOST)
        events.once(server, 'listening')
        server.close()
        events.once(server, 'close', timeout=1)


@logs('1', 'conns - 1', 'peer end', 'peer finish', 'close', 'first -',
      'second ERR_SERVER_NOT_RUNNING:Server is not running.',
      'peer close false')
def test_close_waits_for_the_connections(log):
    def accepted(peer):
        watch(log, peer, 'peer ', ('end', 'finish', 'error', 'close'))
        peer.resume()
        log(server._connections)
        server.getConnections(lambda error, count: log('conns', error, count))
        server.close(told(log, 'first'))
        server.close(told(log, 'second'))
        client.end()
    server = net.createServer(accepted)
    server.once('close', lambda: log('close'))
    server.listen(0, HOST)
    client = net.connect(server.address().port, HOST)
    client.resume()


@logs('1 0')
def test_a_destroyed_connection_is_not_counted(log):
    def connected(client, peer):
        before = peer.server._connections
        peer.destroy()
        log(before, peer.server._connections)
        client.destroy()
    pair(connected)


def test_with_closes_and_waits(record, dial):
    def accepted(peer):
        record('connection')
        peer.on('end', lambda: record('end')).resume()
    with net.createServer(accepted) as server:
        server.on('close', lambda: record('close'))
        server.listen(0, HOST)
        peer = dial(server)
        record.wait_for('connection')
        closing = threading.Timer(0.02, peer.close)
        closing.start()
        record('leaving')
    assert record.events == ['connection', 'leaving', 'end', 'close']
    assert not server.listening
    closing.join()


def test_with_raises_what_keeps_it_from_listening():
    with (net.createServer().listen(0, HOST) as server, pytest.raises(OSError, match='EADDRINUSE'),
          net.createServer().listen(server.address().port, HOST)):
        pass


def test_with_ends_when_another_thread_closes_the_server(monkeypatch):
    server = net.createServer()
    waits, is_closed = threading.Event(), threading.Event()
    server.once('close', is_closed.set)
    # Others go on while a listener runs: it is all over before `with` listens to 'close'.
    server.on('newListener', lambda name: name == 'close' and (waits.set(), is_closed.wait(5)))

    def resolve(host):
        assert waits.wait(5)
        server.close()
        return [(HOST, 4)]

    monkeypatch.setattr(_netserver, 'resolve', resolve)
    with pytest.raises(errors.Error, match='Server is not running'), server.listen(0, 'localhost'):
        pass
    assert server.eventNames() == ['newListener']


@pytest.mark.parametrize('is_late', [False, True])
def test_waiting_for_an_event_of_a_server_ends_when_it_is_closed(is_late):
    """Unless it listens again."""
    server = net.createServer().listen(0, HOST)
    events.once(server, 'listening')
    setImmediate(server.close) if not is_late else server.close()
    if is_late:
        events.once(server, 'close', timeout=5)
    with pytest.raises(errors.Error, match='Server is not running'):
        events.once(server, 'connection', timeout=5)
    events.once(server, 'close', timeout=5)
    events.once(server.listen(0, HOST), 'listening', timeout=5)
    with pytest.raises(TimeoutError):
        events.once(server, 'close', timeout=0.01)
    server.close()


@pytest.mark.parametrize('timeout', ['5', True, []])
def test_joining_with_a_bad_deadline(timeout):
    with net.createServer().listen(0, HOST) as server:
        with pytest.raises(TypeError, match='The "timeout" argument must be of type number'):
            server.join(timeout)
        assert server._joining == ()


def test_with_does_not_wait_for_connections_after_an_exception(dial, record):
    with (pytest.raises(ZeroDivisionError),
          net.createServer(lambda peer: record('connection')).listen(0, HOST) as server):
        peer = dial(server)
        record.wait_for('connection')
        raise ZeroDivisionError
    assert peer.read_to_end() == b''


def test_join(dial, record):
    server = net.createServer(lambda peer: (peer.resume(), record('connection')))
    server.join(0)
    server.listen(0, HOST)
    with pytest.raises(TimeoutError):
        server.join(0.02)
    peer = dial(server)
    record.wait_for('connection')
    server.close()
    with pytest.raises(TimeoutError):
        server.join(0.02)
    peer.close()
    server.join(5)


@logs('joined', 'close')
def test_join_in_a_callback(log):
    def listening():
        server.on('close', lambda: setImmediate(log, 'close'))
        setImmediate(server.close)
        server.join(5)
        log('joined')
    server = net.createServer().listen(0, HOST, lambda: listening())


def test_close_from_another_thread_under_load(record):
    server = net.createServer(lambda peer: peer.on('error', ignore).pipe(peer)).listen(0, HOST)
    port = server.address().port
    clients = [net.connect(port, HOST) for _ in range(50)]
    for client in clients:
        client.on('error', ignore)
        client.on('close', lambda *args: record('closed'))
        client.on('data', lambda data, client=client: client.end())
        client.write('x')
    threading.Thread(target=server.close).start()
    record.wait_count(50)
    server.join(5)


def references():
    with threadpool.monitor:
        return threadpool.pool.references


def test_ref_and_unref():
    server = net.createServer().unref()
    server.listen(0, HOST)
    assert references() == 0
    assert server.ref() is server
    assert references() == 1
    server.unref()
    assert references() == 0
    server.ref()
    with server:
        pass
    assert references() == 0


def test_repr(dial):
    server = net.createServer(lambda peer: peer.resume())
    assert repr(server) == '<Server closed connections=0>'
    with server.listen(0, HOST):
        assert repr(server) == f'<Server listening {HOST}:{server.address().port} connections=0>'
        assert show(server.address().family) == 'IPv4'
