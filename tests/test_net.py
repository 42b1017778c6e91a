"""net.Socket: events in Node's order, reading, writing, ends, timeouts, threads. The lists were recorded in
Node 25.2.1.
"""

import errno
import gc
import socket as sockets
import threading
import weakref
from types import SimpleNamespace

import pytest
from net_order import HOST, logs, pair, watch
from stream_order import later

from nodehttp import errors, events, net, threadpool
from nodehttp.abort import AbortController
from nodehttp.listeners import internal
from nodehttp.timers import nextTick, setImmediate, setTimeout

ENDS = ('connect', 'ready', 'end', 'finish', 'error', 'close')


def ignore(*args):
    """For an 'error' that is not what the test is about."""


def told(log, name):
    """A callback that logs what it is told."""
    return lambda error=None: log(name, '-' if error is None else error)


# Literals and state

@pytest.mark.parametrize(('text', 'family'), [
    ('1.2.3.4', 4), ('::1', 6), ('1.2.3', 0), ('', 0), (None, 0), (5, 0), ('::1%eth0', 6), ('01.2.3.4', 0),
    ('1.2.3.4 ', 0), ('::ffff:1.2.3.4', 6), ('[::1]', 0), ('fe80::1%', 0), ('1:2:3:4:5:6:7::', 6),
    ('1:2:3:4:5:6:7:8:9', 0), ('::1%a b', 0), ('256.1.1.1', 0), ('1.2.3.4\0', 0), ('\u0661.2.3.4', 0),
])
def test_ip_literals(text, family):
    assert (net.isIP(text), net.isIPv4(text), net.isIPv6(text)) == (family, family == 4, family == 6)


def test_new_socket():
    socket = net.Socket()
    assert (socket.remoteAddress, socket.remotePort, socket.remoteFamily) == (None, None, None)
    assert (socket.localAddress, socket.localPort, socket.localFamily) == (None, None, None)
    assert (socket.bytesRead, socket.bytesWritten, socket.timeout, socket.bufferSize) == (0, 0, None, None)
    assert (socket.readyState, socket.pending, socket.connecting, socket.destroyed) == ('open', True, False,
        False)
    assert (socket.allowHalfOpen, socket.server, socket.address()) == (False, None, {})
    assert (socket.readableHighWaterMark, socket.writableHighWaterMark) == (65536, 65536)
    assert net.Stream is net.Socket


def test_methods_return_the_socket():
    socket = net.Socket()
    for method, *arguments in (
            ('ref',), ('unref',), ('setNoDelay',), ('setKeepAlive', True, 1000), ('setTimeout', 0),
            ('pause',), ('resume',),
            ('destroy',)):
        assert getattr(socket, method)(*arguments) is socket


@pytest.mark.parametrize(('call', 'code', 'message'), [
    (lambda: net.Socket(objectMode=True), 'ERR_INVALID_ARG_VALUE',
     "The property 'options.objectMode' is not supported. Received true"),
    (lambda: net.Socket({'readableObjectMode': True}), 'ERR_INVALID_ARG_VALUE',
     "The property 'options.readableObjectMode' is not supported. Received true"),
    (lambda: net.Socket(fd=-1), 'ERR_OUT_OF_RANGE',
     'The value of "fd" is out of range. It must be >= 0 && <= 2147483647. Received -1'),
    (lambda: net.Socket(fd='x'), 'ERR_INVALID_ARG_TYPE',
        'The "fd" argument must be of type number. Received type string (\'x\')'),
    (lambda: net.Socket(9999), 'ERR_INVALID_FD_TYPE', 'Unsupported fd type: UNKNOWN'),
    (lambda: net.Socket(signal={}), 'ERR_INVALID_ARG_TYPE',
     'The "signal" argument must be an instance of AbortSignal. Received an instance of Object'),
    (lambda: net.Socket(keepAliveInitialDelay='x'), 'ERR_INVALID_ARG_TYPE',
     'The "options.keepAliveInitialDelay" property must be of type number. Received type string (\'x\')'),
    (lambda: net.Socket().setTimeout('x'), 'ERR_INVALID_ARG_TYPE',
     'The "msecs" argument must be of type number. Received type string (\'x\')'),
    (lambda: net.Socket().setTimeout(-1), 'ERR_OUT_OF_RANGE',
     'The value of "msecs" is out of range. It must be a non-negative finite number. Received -1'),
    (lambda: net.Socket().setTimeout(1, 'x'), 'ERR_INVALID_ARG_TYPE',
     'The "callback" argument must be of type function. Received type string (\'x\')'),
])
def test_wrong_arguments(call, code, message):
    with pytest.raises(errors.NodeError) as caught:
        call()
    assert (caught.value.code, caught.value.message) == (code, message)


# The end: the order of 'error' and 'close' among ticks, immediates and timers

@logs('true true closed false false', 'tick', 'immediate', 'close false', 'timer')
def test_destroy(log):
    def connected(client, peer):
        watch(log, client, names=ENDS)
        client.destroy()
        log(client.destroyed, client.closed, client.readyState, client.readable, client.writable)
        nextTick(log, 'tick')
        setTimeout(log, 0, 'timer')
        setImmediate(log, 'immediate')
    pair(lambda client, peer: setTimeout(connected, 1, client, peer))


@logs('tick', 'error Error:x', 'tick after', 'close true')
def test_destroy_with_error(log):
    def connected(client, peer):
        watch(log, client, names=ENDS)
        nextTick(log, 'tick')
        client.destroy(Exception('x'))
        nextTick(log, 'tick after')
    pair(connected)


@logs('immediate', 'close false', 'immediate after')
def test_close_comes_at_the_end_of_the_turn(log):
    def immediate(client):
        log('immediate')
        client.destroy()
        setImmediate(log, 'immediate after')

    def connected(client, peer):
        watch(log, client, names=ENDS)
        setImmediate(immediate, client)
    pair(connected)


@logs('second', 'first')
def test_what_is_closed_last_has_its_close_first(log):
    def connected(client, peer):
        client.on('close', lambda: log('first'))
        peer.on('close', lambda: log('second'))
        client.destroy()
        peer.destroy()
    pair(connected)


@logs('tick', 'close', 'immediate')
def test_destroy_of_a_socket_never_connected(log):
    socket = watch(log, net.Socket())
    setImmediate(log, 'immediate')
    nextTick(log, 'tick')
    socket.destroy()


@logs('error Error:y', 'close')
def test_destroy_of_a_socket_never_connected_with_error(log):
    watch(log, net.Socket()).destroy(Exception('y'))


@logs('false', 'callback ERR_STREAM_DESTROYED:Cannot call write after a stream was destroyed', 'close false')
def test_write_after_destroy(log):
    def connected(client, peer):
        client.on('close', lambda had_error: log('close', had_error))
        client.destroy()
        log(client.write('x', told(log, 'callback')))
    pair(connected)


@logs('false', 'callback ERR_STREAM_WRITE_AFTER_END:write after end',
      'error ERR_STREAM_WRITE_AFTER_END:write after end', 'close true')
def test_write_after_end(log):
    def connected(client, peer):
        watch(log, client, names=('error', 'close'))
        client.end()
        log(client.write('x', told(log, 'callback')))
    pair(connected)


@logs('true false', 'connect', 'finish', 'end', 'close false')
def test_end_before_there_is_a_connection(log):
    def listening():
        client = net.connect(server.address().port, HOST)
        watch(log, client, names=('connect', 'finish', 'end', 'close'))
        client.end()
        log(client.connecting, client.writableFinished)
        client.resume()
    server = net.createServer(lambda peer: (server.close(), peer.resume())).listen(0, HOST, listening)


@logs('end', 'true callback', 'finish', 'close false')
def test_write_while_the_end_is_told(log):
    def connected(client, peer):
        watch(log, client, names=('finish', 'error', 'close'))
        client.on('end',
            lambda: (log('end'), client.write('x', lambda error: log(error is None, 'callback'))))
        client.resume()
        peer.end()
        peer.resume()
    pair(connected)


@logs('end', 'false', 'callback EPIPE:This socket has been ended by the other party',
      'error EPIPE:This socket has been ended by the other party', 'close true')
def test_write_after_the_peer_has_ended(log):
    def connected(client, peer):
        watch(log, client, names=('end', 'error', 'close'))
        client.resume()
        # The second tick after 'end': by then the socket has ended itself.
        client.on('end', lambda: nextTick(nextTick, lambda: log(client.write('x', told(log, 'callback')))))
        peer.end()
    pair(connected)


@logs('end', 'finish', 'close false')
def test_the_end_comes_without_a_reader(log):
    def connected(client, peer):
        watch(log, client, names=ENDS)
        peer.end()
    pair(connected)


@logs('false open 3 3', 'end', 'finish', 'close false')
def test_the_end_waits_for_what_is_unread(log):
    def connected(client, peer):
        watch(log, client, names=ENDS)
        peer.end('abc')
        setTimeout(unread, 10, client)

    def unread(client):
        log(client.destroyed, client.readyState, client.readableLength, client.bytesRead)
        client.resume()
    pair(connected)


@logs('end', 'writeOnly', 'finish', 'close false', 'b:q')
def test_half_open(log):
    def connected(client, peer):
        watch(log, client, names=ENDS)
        client.resume()
        client.on('end', lambda: (log(client.readyState), client.end('q')))
        peer.on('data', log)
        peer.end('abc')
    pair(connected, allowHalfOpen=True)


@logs('readOnly', 'finish', 'false readOnly', 'end', 'close false')
def test_end_with_the_peer_open(log):
    def connected(client, peer):
        watch(log, client, names=ENDS)
        client.end('abc')
        log(client.readyState)
        client.on('finish', lambda: setImmediate(still_open, client, peer))

    def still_open(client, peer):
        log(client.destroyed, client.readyState)
        peer.resume()
        peer.end()
    pair(connected, server={'allowHalfOpen': True})


@logs('error ECONNRESET:read ECONNRESET', 'ECONNRESET read', 'close true')
def test_reset_by_the_peer(log):
    def connected(client, peer):
        watch(log, client, names=ENDS)
        client.on('error', lambda error: log(errno.errorcode[error.errno], error.syscall))
        client.on('error',
            lambda error: log(type(error).__mro__) if not isinstance(error, ConnectionResetError) else None)
        peer.resetAndDestroy()
    pair(connected)


@logs('first -', 'second EPIPE:write EPIPE', 'error EPIPE:write EPIPE', 'close true')
def test_write_to_a_closed_peer(log):
    def connected(client, peer):
        watch(log, client, names=('error', 'close'))
        client.on('end', write)
        client.resume()
        peer.destroy()
        connected.client = client

    def write():
        client = connected.client
        # The first write is answered with a RST, which the second one runs into.
        client.write('1', told(log, 'first'))
        client.pause()
        setTimeout(client.write, 10, '2', told(log, 'second'))
    pair(connected, allowHalfOpen=True)


@logs('false', 'finish', 'close false')
def test_destroy_soon_writes_everything_first(log):
    def connected(client, peer):
        watch(log, client, names=ENDS)
        received = []
        peer.on('data', received.append)
        peer.on('end', lambda: log.__call__ if sum(map(len, received)) == 3_000_000 else log('lost'))
        client.write(bytes(3_000_000))
        client.destroySoon()
        log(client.destroyed)
    pair(connected)


@logs('finish', 'close')
def test_destroy_soon_of_a_socket_never_connected(log):
    watch(log, net.Socket()).destroySoon()


@logs('true true', 'close false', 'peer ECONNRESET:read ECONNRESET')
def test_reset_and_destroy(log):
    def connected(client, peer):
        watch(log, client, names=ENDS)
        peer.on('error', lambda error: log('peer', error))
        log(client.resetAndDestroy() is client, client.destroyed)
    pair(connected)


@logs('false', 'connect', 'ready', 'close false', 'peer ECONNRESET:read ECONNRESET')
def test_reset_and_destroy_while_connecting(log):
    def accepted(peer):
        server.close()
        peer.on('error', lambda error: log('peer', error))
    server = net.createServer(accepted).listen(0, HOST)
    client = watch(log, net.connect(server.address().port, HOST), names=ENDS)
    client.resetAndDestroy()
    log(client.destroyed)


@logs('error ERR_SOCKET_CLOSED:Socket is closed', 'close')
def test_reset_and_destroy_without_connection(log):
    watch(log, net.Socket()).resetAndDestroy()


def test_reset_and_destroy_of_a_unix_socket():
    one, other = sockets.socketpair()
    with other, net.Socket(handle=one) as socket, pytest.raises(TypeError) as caught:
        socket.resetAndDestroy()
    assert caught.value.code == 'ERR_INVALID_HANDLE_TYPE'


@logs('callback -', 'finish')
def test_end_of_a_socket_never_connected(log):
    socket = net.Socket()
    socket.end(told(log, 'callback'))
    socket.on('finish', lambda: log('destroyed' if socket.destroyed else 'finish'))


@logs('false', 'callback ERR_SOCKET_CLOSED:Socket is closed', 'error ERR_SOCKET_CLOSED:Socket is closed',
      'close')
def test_write_to_a_socket_never_connected(log):
    log(watch(log, net.Socket()).write('x', told(log, 'callback')))


@logs('error ABORT_ERR:The operation was aborted', 'cause', 'close true')
def test_abort(log):
    def connected(client, peer):
        watch(log, client, names=ENDS)
        client.on('error', lambda error: log('cause') if error.cause is reason else None)
        controller.abort(reason)
    controller, reason = AbortController(), Exception('why')
    pair(connected, signal=controller.signal)


@logs('error ABORT_ERR:The operation was aborted', 'close')
def test_aborted_before(log):
    controller = AbortController()
    controller.abort()
    watch(log, net.connect(port=1, host=HOST, signal=controller.signal))


@logs('close false', 'false 0 0', 'connect', 'ready', 'b:again', 'close false')
def test_connect_anew(log):
    def connected(client, peer):
        client.end('x')
        client.resume()
        peer.resume()
        client.once('close', lambda had_error: (log('close', had_error), again(client)))

    def again(client):
        server = net.createServer(lambda peer: (server.close(), peer.end('again'))).listen(0, HOST)
        client.connect(server.address().port, HOST)
        log(client.destroyed, client.bytesRead, client.bytesWritten)
        watch(log, client, names=('connect', 'ready', 'error', 'close'))
        client.on('data', log)
    pair(connected)


# Writing

@logs('true 0 3', 'after', 'written', 'tick')
def test_a_write_that_the_kernel_takes(log):
    def connected(client, peer):
        log(client.write('abc', lambda: log('written')), client.writableLength, client.bytesWritten)
        log('after')
        nextTick(log, 'tick')
        client.destroy()
    pair(lambda client, peer: setImmediate(connected, client, peer))


@logs('true true 0 65537 false', 'false 10000000 10065537 true', 'false 10065541', 'drain', 'large', 'small',
      '0 10065541')
def test_a_write_that_the_kernel_does_not_take(log):
    def connected(client, peer):
        log(client.write(bytes(65535)), client.write('ab'), client.writableLength, client.bytesWritten,
            client.writableNeedDrain)
        full = client.write(bytes(10_000_000), lambda: log('large'))
        log(full, client.writableLength, client.bytesWritten, client.writableNeedDrain)
        log(client.write('more', lambda: (log('small'), client.end())), client.bytesWritten)
        client.on('drain', lambda: log('drain'))
        client.on('finish', lambda: log(client.writableLength, client.bytesWritten))
        setImmediate(peer.resume)
    pair(connected)


@logs('true', 'true 0')
def test_a_write_of_the_whole_mark_is_fine_if_the_kernel_takes_it(log):
    def connected(client, peer):
        peer.resume()
        log(client.write(bytes(65536)))
        log(client.write(b''), client.writableLength)
        client.destroy()
    pair(connected)


@logs('true true 6 6', 'opening 7', 'connect', 'first', 'ready', 'second', 'end', 'abcdefx')
def test_write_before_the_connection(log):
    def accepted(peer):
        server.close()
        received = []
        peer.on('data', received.append)
        peer.on('end', lambda: log(b''.join(received).decode()))
    server = net.createServer(accepted).listen(0, HOST)
    client = watch(log, net.connect(server.address().port, HOST), names=('connect', 'ready'))
    log(client.write('abc', lambda: log('first')), client.write('def', lambda: log('second')),
        client.bytesWritten, client.writableLength)
    client.end('x', lambda: log('end'))
    log(client.readyState, client.bytesWritten)


@logs('close false',
      'write ERR_SOCKET_CLOSED_BEFORE_CONNECTION:Socket closed before the connection was established',
      'end ERR_SOCKET_CLOSED_BEFORE_CONNECTION:Socket closed before the connection was established')
def test_destroy_before_the_connection(log):
    client = net.connect(1, HOST)
    client.on('close', lambda had_error: log('close', had_error))
    client.write('x', told(log, 'write'))
    client.end('y', told(log, 'end'))
    client.destroy()


@logs('2 1', '0 0', 'a', 'b', 'b:ab')
def test_cork_makes_one_write(log):
    def connected(client, peer):
        peer.on('data', lambda data: (log(data), client.destroy()))
        client.cork()
        client.write('a', lambda: log('a'))
        client.write('b', lambda: log('b'))
        log(client.writableLength, client.writableCorked)
        client.uncork()
        log(client.writableLength, client.writableCorked)
    pair(connected)


@logs('tick', 'immediate', 'first ECANCELED:write ECANCELED', 'second ECANCELED:write ECANCELED',
      'end ECANCELED:write ECANCELED', 'close false')
def test_destroy_with_writes_on_their_way(log):
    def connected(client, peer):
        client.on('close', lambda had_error: log('close', had_error))
        client.write(bytes(9_000_000), told(log, 'first'))
        client.write('2', told(log, 'second'))
        client.end('3', told(log, 'end'))
        client.destroy()
        nextTick(log, 'tick')
        setImmediate(log, 'immediate')
    pair(lambda client, peer: setTimeout(connected, 1, client, peer))


@logs('error Error:zz', 'first ECANCELED:write ECANCELED', 'second Error:zz', 'close true')
def test_destroy_with_error_and_writes_on_their_way(log):
    def connected(client, peer):
        watch(log, client, names=('error', 'close'))
        client.write(bytes(9_000_000), told(log, 'first'))
        client.write('2', told(log, 'second'))
        client.destroy(Exception('zz'))
    pair(connected)


def test_many_chunks_in_one_go(scripted, record):
    chunks = [str(number).encode() + b'|' * (number % 7) for number in range(5000)]
    received = []
    client = net.connect(scripted(lambda peer: received.append(peer.read_to_end())), HOST)
    record.on(client, 'close')
    client.cork()
    for chunk in chunks:
        client.write(chunk)
    client.end()
    record.wait_for('close')
    assert received == [b''.join(chunks)]


def test_a_large_write_arrives_whole(scripted, record):
    data = bytes(range(256)) * 40_000
    received = []

    client = net.connect(scripted(lambda peer: received.append(peer.read_to_end())), HOST)
    record.on(client, 'close')
    client.write(data[:5_000_000])
    client.end(memoryview(data)[5_000_000:])
    record.wait_for('close')
    assert received[0] == data


# Reading

@logs('got b:1', 'buffered 1 2', 'got b:2')
def test_pause_and_resume(log):
    def connected(client, peer):
        client.on('data', got)
        peer.write('1')
        connected.ends = client, peer

    def got(data):
        client, peer = connected.ends
        log('got', data)
        if data == b'1':
            client.pause()
            peer.write('2')
            setTimeout(paused, 10)
        else:
            client.destroy()

    def paused():
        client, _ = connected.ends
        log('buffered', client.readableLength, client.bytesRead)
        client.resume()
    pair(connected)


@logs('65536 65536')
def test_a_paused_socket_is_not_read_beyond_its_mark(log):
    def connected(client, peer):
        client.pause()
        peer.write(bytes(3_000_000))
        client.once('pause', ignore)
        later(lambda: client.read(0), lambda: None, lambda: setTimeout(look, 20, client))

    def look(client):
        log(client.readableLength, client.bytesRead)
        client.destroy()
    pair(connected)


@logs('é', 'str')
def test_characters_are_not_split(log):
    def connected(client, peer):
        client.setEncoding('utf8')
        client.on('data', lambda text: (log(text), log(type(text).__name__), client.destroy()))
        peer.write(b'\xc3')
        setTimeout(peer.write, 5, b'\xa9')
    pair(connected)


@logs('b:ab - 1', 'b:c', 'b:Q')
def test_read_and_unshift(log):
    def readable(client):
        log(client.read(2), client.read(5), client.readableLength)
        log(client.read())
        client.unshift(b'Q')
        log(client.read())
        client.destroy()

    def connected(client, peer):
        client.once('readable', lambda: readable(client))
        peer.write('abc')
    pair(connected)


@logs('b:abc', 'b:def', 'b:g', 'end', 'close false')
def test_reading_when_readable(log):
    def read(client):
        while (chunk := client.read()) is not None:
            log(chunk)

    def connected(client, peer):
        watch(log, client, names=('end', 'error', 'close'))
        client.on('readable', lambda: read(client))
        peer.write('abc')
        setTimeout(lambda: (peer.write('def'), setTimeout(peer.end, 5, 'g')), 5)
    pair(connected)


@logs('b:A', 'b:B', 'true', 'close false')
def test_iteration(log):
    def connected(client, peer):
        client.on('close', lambda had_error: log('close', had_error))
        peer.write('A')
        for chunk in client:
            log(chunk)
            if chunk == b'A':
                peer.end('B')
        log(client.destroyed)
    pair(lambda client, peer: setImmediate(connected, client, peer))


@logs('b:A', 'error ABORT_ERR:The operation was aborted', 'close true')
def test_iteration_that_is_left(log):
    def connected(client, peer):
        watch(log, client, names=('error', 'close'))
        peer.write('A')
        for chunk in client:
            log(chunk)
            break
    pair(lambda client, peer: setImmediate(connected, client, peer))


@logs('first', 'second', 'first is done')
def test_a_listener_that_waits_gets_the_data_behind_its_own(log):
    def first(data, client):
        log('first')
        client.once('data', lambda data: log('second'))
        client.on('data', ignore)
        events.once(client, 'data', 5)
        log('first is done')
        client.destroy()

    def connected(client, peer):
        client.once('data', lambda data: first(data, client))
        peer.write('1')
        setTimeout(peer.write, 5, '2')
    pair(connected)


@logs('2', 'first', 'b:2', 'first is done')
def test_a_listener_that_waits_gets_what_is_buffered_behind_its_own(log):
    def connected(client, peer):
        client.pause()
        client.read(0)
        peer.write('1')
        when_buffered(1, client, lambda: (peer.write('2'), when_buffered(2, client, lambda: resume(client))))

    def when_buffered(count, client, then):
        if len(client._buffer) == count:
            then()
        else:
            setImmediate(when_buffered, count, client, then)

    def resume(client):
        log(len(client._buffer))
        client.once('data', lambda data: first(client))
        client.resume()

    def first(client):
        log('first')
        client.on('data', log)
        events.once(client, 'data', 5)
        log('first is done')
        client.destroy()
    pair(connected)


@logs('b:hello', 'end', 'close false')
def test_echo_through_a_pipe(log):
    server = net.createServer(lambda peer: (server.close(), peer.pipe(peer))).listen(0, HOST)
    client = watch(log, net.connect(server.address().port, HOST), names=('end', 'error', 'close'))
    client.on('data', log)
    client.end('hello')


def test_a_pipe_is_slowed_down_by_its_destination(scripted, record):
    sent = threading.Event()

    def slow(peer):
        assert sent.wait(10)
        assert len(peer.read_to_end()) == 20_000_000
    target = net.connect(scripted(slow), HOST)
    source_port = scripted(lambda peer: peer.send(bytes(20_000_000)))
    source = net.connect(source_port, HOST)
    record.on(target, 'close')
    source.pipe(target)
    buffered = []

    def look():
        buffered.append(source.readableLength + target.writableLength)
        sent.set()
    setTimeout(look, 100)
    record.wait_for('close')
    assert buffered[0] <= 4 * 65536


# For http

def consumer_of(client, received):
    """Have what `client` receives go to a consumer, which listens to 'data' for when it is not alone."""
    consumer = SimpleNamespace(
        _received=lambda data: received('consumed', data), needs_bytes=True)
    heard = internal(lambda data: received('heard', data))
    client.on('data', heard)
    with threadpool.monitor:
        client._consume(consumer)
    return heard


@logs('consumed b:1', 'first b:2', 'heard b:2', 'last b:2', 'heard b:3')
def test_a_consumer_is_one_of_those_who_listen_to_data(log):
    def connected(client, peer):
        def received(how, data):
            log(how, data)
            if data == b'1':
                client.prependOnceListener('data', lambda data: log('first', data))
                client.once('data', lambda data: log('last', data))
            if data == b'3':
                client.destroy()
            peer.write(str(int(data) + 1))
        consumer_of(client, received)
        peer.write('1')
    pair(connected)


@logs('readable', 'heard b:x')
def test_who_listens_to_readable_comes_before_the_consumer(log):
    def connected(client, peer):
        consumer_of(client, lambda how, data: (log(how, data), client.destroy()))
        client.on('readable', lambda: (log('readable'), client.read()) if not client.destroyed else None)
        peer.write('x')
    pair(connected)


@logs('data b:2')
def test_nothing_comes_to_a_consumer_that_has_left(log):
    def connected(client, peer):
        def received(how, data):
            client.off('data', heard)
            client._unconsume()
            client.on('data', lambda data: (log('data', data), client.destroy()))
            peer.write('2')
        heard = consumer_of(client, received)
        peer.write('1')
    pair(connected)


@logs('heard b:early', 'consumed b:late')
def test_a_consumer_gets_what_is_buffered(log):
    def connected(client, peer):
        peer.write('early')
        client.once('readable', lambda: setImmediate(consume))

        def consume():
            client.on('close', ignore)
            consumer_of(client, lambda how, data: (log(how, data),
                        peer.write('late') if data == b'early' else client.destroy()))
            client.resume()
    pair(connected)


@logs('0', 'consumed b:x')
def test_a_consumer_that_is_full_leaves_data_in_the_kernel(log):
    def connected(client, peer):
        consumer_of(client, lambda how, data: (log(how, data), client.destroy()))
        with threadpool.monitor:
            client._stop_reading()
        peer.write('x')
        setTimeout(go_on, 10, client)

    def go_on(client):
        log(client.bytesRead)
        with threadpool.monitor:
            client._start_reading()
    pair(connected)


# Timeouts

@logs('30', 'timeout', 'callback', 'timeout', '0 0')
def test_timeout(log):
    def connected(client, peer):
        client.setTimeout(30, lambda: log('callback'))
        log(client.timeout)
        client.prependListener('timeout', lambda: log('timeout'))
        # It is not repeated, until there is traffic.
        setTimeout(client.write, 100, 'x')
        setTimeout(off, 180, client)

    def off(client):
        client.setTimeout(0)
        log(client.timeout, client.listenerCount('timeout') - 1)
        client.destroy()
    pair(connected)


def test_setting_a_timeout_off_removes_the_callback():
    socket = net.Socket()
    socket.setTimeout(30, ignore)
    assert socket.listenerCount('timeout') == 1
    socket.setTimeout(0, ignore)
    assert (socket.listenerCount('timeout'), socket.timeout) == (0, 0)
    socket.destroy()
    assert socket.setTimeout(10) is socket
    assert socket.timeout == 0


def test_traffic_puts_the_timeout_off(record):
    def accepted(peer):
        peer.on('data', ignore)
        peer.setTimeout(150, lambda: (record('timeout'), peer.destroy()))
    with (net.createServer(accepted).listen(0, HOST) as server,
          sockets.create_connection((HOST, server.address().port)) as peer):
        for _ in range(8):
            threading.Event().wait(0.04)
            peer.send(b'x')
        assert record.events == []
        record.wait_for('timeout')


def test_the_option_timeout(record):
    with net.createServer(ignore).listen(0, HOST) as server:
        client = net.connect(port=server.address().port, host=HOST, timeout=20)
        record.on(client, 'timeout')
        record.wait_for('timeout')
        client.destroy()


# Handles

def test_a_socket_of_pythons_as_handle():
    one, other = sockets.socketpair()
    with other, net.Socket({'handle': one}) as socket:
        assert (socket.readyState, socket.pending, socket.remoteAddress, socket.address()) == ('open', False,
            None, {})
        other.send(b'in')
        assert events.once(socket, 'data', 5) == [b'in']
        socket.write('out')
        assert other.recv(10) == b'out'
    assert one.fileno() == -1


def test_a_descriptor(record):
    one, other = sockets.socketpair()
    with other, net.Socket(one.detach()) as socket:
        record.on(socket, 'end')
        other.shutdown(sockets.SHUT_WR)
        record.wait_for('end')


@logs('127.0.0.1 IPv4 true', '127.0.0.1 IPv4 true', '127.0.0.1 IPv4 true', '127.0.0.1 -', '{}')
def test_addresses(log):
    def connected(client, peer):
        log(client.remoteAddress, client.remoteFamily, client.remotePort == peer.localPort)
        log(client.localAddress, client.localFamily, client.localPort == peer.remotePort)
        log(peer.remoteAddress, peer.remoteFamily, peer.remotePort == client.address().port)
        client.destroy()
        # The peer's is remembered if somebody has asked before.
        log(client.remoteAddress, client.localAddress)
        log(client.address())
    pair(connected)


@pytest.mark.parametrize('delay', [0, 7000])
def test_options_of_the_handle(delay, record):
    def value(level, name):
        return client._handle.getsockopt(level, name)
    with net.createServer(ignore).listen(0, HOST) as server:
        client = net.connect(
            port=server.address().port, host=HOST, noDelay=True, keepAlive=True, keepAliveInitialDelay=delay)
        record.on(client, 'ready')
        record.wait_for('ready')
        assert value(sockets.IPPROTO_TCP, sockets.TCP_NODELAY) == 1
        assert value(sockets.SOL_SOCKET, sockets.SO_KEEPALIVE) == 1
        if delay:
            assert value(sockets.IPPROTO_TCP, sockets.TCP_KEEPIDLE) == 7
        client.setNoDelay(False).setKeepAlive(False)
        assert value(sockets.IPPROTO_TCP, sockets.TCP_NODELAY) == 0
        assert value(sockets.SOL_SOCKET, sockets.SO_KEEPALIVE) == 0
        client.destroy()


# What keeps the process alive, and what is left behind

def references():
    with threadpool.monitor:
        return threadpool.pool.references


def test_only_a_socket_that_waits_for_something_keeps_the_process_alive():
    one, other = sockets.socketpair()
    with other, net.Socket(handle=one) as socket:
        assert references() == 1
        socket.unref()
        assert references() == 0
        socket.ref()
        assert references() == 1
        with threadpool.monitor:
            socket._stop_reading()
        assert references() == 0
        socket.write(bytes(10_000_000))
        assert references() == 1


def test_a_paused_socket_that_nobody_holds_is_closed():
    one, other = sockets.socketpair()
    with other:
        socket = net.Socket(handle=one.detach(), pauseOnCreate=True)
        gone = weakref.ref(socket)
        del socket
        with threadpool.blocking():  # until now what this thread has started is held for it
            gc.collect()
            assert gone() is None
            assert other.recv(1) == b''


# Threads

def test_each_write_of_several_threads_stays_whole(scripted, record):
    received = []
    client = net.connect(scripted(lambda peer: received.append(peer.read_to_end())), HOST)
    record.on(client, 'close')

    def write(letter):
        for _ in range(200):
            client.write(letter * 1000)
    writers = [threading.Thread(target=write, args=(letter,)) for letter in ('a', 'b', 'c')]
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    client.end()
    record.wait_for('close')
    blocks = [received[0][start:start + 1000] for start in range(0, len(received[0]), 1000)]
    assert len(blocks) == 600
    assert all(len(set(block)) == 1 for block in blocks)


def test_destroy_by_another_thread_at_any_moment(record):
    def accepted(peer):
        peer.on('error', ignore)
        peer.pipe(peer)
    with net.createServer(accepted).listen(0, HOST) as server:
        for round_ in range(200):
            client = net.connect(server.address().port, HOST)
            client.on('error', ignore)
            client.on('close', lambda *args: record('close'))
            client.on('data', lambda data, client=client: client.write(data))
            client.write(b'x' * 1000)
            threading.Event().wait(round_ * 0.00001)
            client.destroy()
        assert record.wait_count(200) == ['close'] * 200


def test_events_of_what_another_thread_starts_wait_for_its_listeners(record):
    for count in range(1, 51):
        net.connect(1, HOST).on('error', lambda error: record(isinstance(error, ConnectionRefusedError)))
        record.wait_count(count)
    assert record.events == [True] * 50


def test_a_reset_by_a_raw_peer(scripted, record):
    def reset(peer):
        peer.read_exactly(1)
        peer.reset()
    client = net.connect(scripted(reset), HOST)
    client.on('error', record)
    client.write('x')
    error = record.wait_count(1)[0]
    assert (error.message, error.errno) == ('read ECONNRESET', errno.ECONNRESET)


def test_waiting_for_close_that_has_come():
    with net.createServer(lambda peer: peer.end()).listen(0, HOST) as server:
        connection = net.Socket()
        for _ in range(2):  # also when it was connected anew
            connection.connect(server.address().port, HOST).resume()
            assert events.once(connection, 'close', 5) == [False]
            assert events.once(connection, 'close', 5) == []
