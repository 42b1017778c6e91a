"""Data over TLS: both ways, slow ends, closing."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from typing import Any

import pytest
from conftest import RawPeer, Recorder
from tls_tools import Authority, Caught, SecureClient, echo, python_client, wait, wait_secure

from nodehttp import net, timers
from nodehttps import tls

# Data


@pytest.mark.parametrize('version', ['TLSv1.2', 'TLSv1.3'])
def test_large_writes_both_ways(serve: Any, connect: Any, version: str) -> None:
    server = serve(echo, maxVersion=version)
    client = connect(server)
    data = bytes(range(256)) * 8192  # 2 MiB
    client.end(data)
    assert b''.join(client) == data
    assert client.bytesWritten == client.bytesRead == len(data)


def test_writes_of_all_kinds(serve: Any, connect: Any, record: Recorder) -> None:
    server = serve(echo)
    client = connect(server)
    client.write('early ', lambda: record('written'))
    client.write(b'')
    client.cork()
    client.write(bytearray(b'one '))
    client.write(memoryview(b'two '))
    client.uncork()
    wait(client, 'secureConnect')
    client.write(b'')
    client.write('late ', 'latin1', lambda: record('written'))
    client.end('last')
    client.setEncoding('latin1')
    assert ''.join(client) == 'early one two late last'
    assert record.wait_count(2) == ['written', 'written']


def test_what_was_written_counts_until_the_check_phase(
    serve: Any, connect: Any, authority: Authority, record: Recorder
) -> None:
    # Node 25.2.1.
    def listener(peer: tls.TLSSocket) -> None:
        def note(what: Any) -> None:
            record(what, peer.writableLength)

        def write(size: int, *callback: Any) -> None:
            note(peer.write(b'x' * size, *callback))

        def write_more() -> None:
            note('check')
            for size in (40000, 40000):
                write(size)
            write(1, lambda: note('written'))
            timers.setImmediate(end)

        def end() -> None:
            write(10)
            record('bufferSize', peer.bufferSize)
            peer.end()
            note('ended')
            timers.setImmediate(lambda: note('check'))

        peer.on('drain', lambda: note('drain'))
        peer.on('finish', lambda: note('finish'))
        write(1000)
        timers.nextTick(lambda: note('tick'))
        timers.setImmediate(write_more)

    server = serve(listener)
    with python_client(authority, server) as client:
        while client.recv(65536):
            pass
    assert record.wait_count(13) == [
        (True, 1000), ('tick', 1000), ('check', 0), (True, 40000), (False, 80000), (False, 80001),
        ('drain', 0), ('written', 0), (True, 10), ('bufferSize', 10), ('ended', 10),
        ('check', 0), ('finish', 0)]


def test_size_of_records(serve: Any, authority: Authority) -> None:
    sizes: list[bool] = []

    def listener(peer: tls.TLSSocket) -> None:
        sizes.extend(peer.setMaxSendFragment(size) for size in (511, 16385, 512))
        peer.end(b'x' * 2000)

    server = serve(listener)
    with python_client(authority, server) as client:
        records = [client.recv(16384) for _ in range(4)]
    assert list(map(len, records)) == [512, 512, 512, 464]
    assert sizes == [False, False, True]
    with pytest.raises(TypeError, match='"size" argument'):
        tls.TLSSocket().setMaxSendFragment('x')  # type: ignore[arg-type]


def test_a_large_body_fills_its_records(serve: Any, authority: Authority) -> None:
    def listener(peer: tls.TLSSocket) -> None:
        peer.cork()
        peer.write(b'head')
        peer.write(bytes(2**20))
        peer.uncork()

    with python_client(authority, serve(listener)) as client:
        assert [len(client.recv(16384)) for _ in range(65)] == [4, *[16384] * 64]


def test_a_slow_reader_stops_the_writer(serve: Any, authority: Authority, record: Recorder) -> None:
    chunk, total = b'x' * 65536, 64 * 1024 * 1024
    written = [0]

    def listener(peer: tls.TLSSocket) -> None:
        def write() -> None:
            while written[0] < total:
                written[0] += len(chunk)
                if not peer.write(chunk):
                    record('full', peer.writableNeedDrain)
                    return
            peer.end()

        peer.on('drain', write)
        write()

    server = serve(listener)
    with python_client(authority, server) as client:
        record.wait_count(1)
        assert client.recv(1) == b'x'
        assert written[0] < total / 2
        read = 1
        while data := client.recv(1 << 20):
            read += len(data)
    assert read == total


def test_a_slow_listener_stops_the_reader(serve: Any, authority: Authority) -> None:
    server = serve(lambda peer: peer.pause())
    served = Caught(server, 'secureConnection')
    with python_client(authority, server) as client:
        peer = served.next()
        client.settimeout(0.3)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 64 * 1024 * 1024:
                sent += client.send(b'x' * 65536)
        assert sent < 32 * 1024 * 1024
        assert peer.readableLength <= 2 * 65536


def test_waiting_in_a_listener_for_what_has_come_already(
    serve: Any, authority: Authority, record: Recorder
) -> None:
    def listener(peer: tls.TLSSocket) -> None:
        record(b''.join(peer))

    server = serve(listener)
    with python_client(authority, server) as client:
        for number in range(50):
            client.sendall(b'%d ' % number)
        with contextlib.suppress(ssl.SSLError):  # as in Node the iteration destroys the socket at its end
            client.unwrap()
    assert record.wait_count(1) == [b''.join(b'%d ' % number for number in range(50))]


def test_a_close_without_close_notify_is_an_end(serve: Any, connect: Any, record: Recorder) -> None:
    raws: list[net.Socket] = []
    server = serve(lambda peer: peer.write('x', lambda: raws[0].destroy()))
    server.on('connection', raws.append)
    client = connect(server)
    record.on(client, 'data', 'end', 'error', 'close')
    assert record.wait_for('close') == ['data', 'end', 'close']


def test_close_notify_is_sent(serve: Any, authority: Authority) -> None:
    server = serve(lambda peer: peer.end('bye'))
    with python_client(authority, server) as client:
        client.suppress_ragged_eofs = False  # a missing close_notify is an error then
        assert client.recv(10) == b'bye'
        assert client.recv(10) == b''


def test_half_closed(serve: Any, connect: Any, record: Recorder) -> None:
    def listener(peer: tls.TLSSocket) -> None:
        peer.on('data', lambda data: record(data))
        peer.on('end', lambda: timers.setImmediate(peer.end, 'after the end'))

    server = serve(listener, allowHalfOpen=True)
    client = connect(server, allowHalfOpen=True)
    client.end('question')
    record.on(client, 'data', 'end', 'close', prefix='client')
    assert record.wait_for('client close') == [b'question', 'client data', 'client end', 'client close']
    assert client.allowHalfOpen


def test_ending_before_the_connection(scripted: Any, connect: Any, record: Recorder) -> None:
    def script(raw: RawPeer) -> None:
        assert len(raw.read_to_end()) > 100  # its hello, then the end

    client = connect(scripted(script))
    record.on(client, 'connect', 'finish', 'end', 'error', 'close')
    client.end()
    assert record.wait_for('close') == ['connect', 'finish', 'end', 'error', 'close']
    assert client.errored.code == 'ECONNRESET'


def test_broken_records(serve: Any, authority: Authority, record: Recorder) -> None:
    def listener(peer: tls.TLSSocket) -> None:
        record.on(peer, 'data', 'close')
        peer.on('error', lambda error: record(error.code))

    server = serve(listener)
    client = python_client(authority, server)
    client.sendall(b'x')
    record.wait_count(1)
    with socket.socket(fileno=client.detach()) as plain:
        plain.sendall(b'\x17\x03\x03\x00\x20' + b'z' * 32)
        assert record.wait_for('close') == ['data', 'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC', 'close']


def test_a_broken_record_behind_data_that_are_answered(
    serve: Any, authority: Authority, record: Recorder
) -> None:
    def listener(peer: tls.TLSSocket) -> None:
        peer.on('data', lambda data: peer.write(data, lambda error: record('written', error and error.code)))
        peer.on('error', lambda error: record(error.code))

    server = serve(listener)
    with SecureClient(server.address().port, authority.client_context()) as client:
        client.send_before(b'x', b'\x17\x03\x03\x00\x20' + b'z' * 32)
        with pytest.raises(ssl.SSLError, match='ALERT_BAD_RECORD_MAC'):
            client.recv(10)
    code = 'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC'
    assert record.wait_count(2) == [('written', code), code]


def test_reset(serve: Any, connect: Any) -> None:
    server = serve(lambda peer: peer.resetAndDestroy())
    client = connect(server)
    client.resume()
    [error] = wait(client, 'error')
    assert error.code == 'ECONNRESET'
    assert tls.TLSSocket().resetAndDestroy().destroyed


def test_settings_reach_the_wire(serve: Any, connect: Any) -> None:
    server = serve()
    served = Caught(server, 'secureConnection')
    client = connect(server, noDelay=True, keepAlive=True)
    client.setNoDelay(False).setKeepAlive(True, 5000).unref().ref()
    peer = served.next()
    handle = client._wire._handle
    assert handle.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0
    assert client.autoSelectFamilyAttemptedAddresses is client._wire.autoSelectFamilyAttemptedAddresses
    assert client.bufferSize == 0
    client.setTimeout(20)
    assert wait(client, 'timeout') == []
    peer.destroy()


def test_timeout_counts_traffic(serve: Any, connect: Any, record: Recorder) -> None:
    client = connect(serve(echo))
    latest = 0.0

    @client.on('data')
    def note(data: bytes) -> None:
        nonlocal latest
        latest = time.monotonic()
    came = Caught(client, 'data')
    wait_secure(client)
    client.setTimeout(60, lambda: record(time.monotonic() - latest))
    for _ in range(3):
        client.write('x')
        assert came.next() == b'x'
        timers.sleep(40)
    assert record.wait_count(1)[0] >= 0.055  # however slow the machine is


def test_an_error_that_is_kept_keeps_no_connection(serve: Any, authority: Authority) -> None:
    server = serve()
    served = Caught(server, 'secureConnection')
    client = python_client(authority, server)
    peer = served.next()
    broken = Caught(peer, 'error')
    with socket.socket(fileno=client.detach()) as raw:
        raw.sendall(b'\x17\x03\x03\x00\x20' + bytes(32))
        error = broken.next()
    assert error.code == 'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC'
    assert error.__cause__.__traceback__ is None


def test_what_was_written_in_a_turn_counts_in_that_turn_only(
    serve: Any, authority: Authority, record: Recorder
) -> None:
    def listener(peer: tls.TLSSocket) -> None:
        def answer(data: bytes) -> None:
            before = peer.writableLength
            peer.write(data)
            record(before, peer.writableLength)
        peer.on('data', answer)

    with python_client(authority, serve(listener)) as client:
        for _ in range(3):
            client.sendall(b'hello')
            assert client.recv(100) == b'hello'
        assert record.wait_count(3) == [(0, 5)] * 3
