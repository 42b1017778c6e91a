"""Connecting a net.Socket: names, addresses, errors. The lists were recorded in Node 25.2.1."""

import socket as sockets
import threading

import pytest
from conftest import needs_ipv6
from net_order import HOST, logs, watch

from nodehttp import errors, net, threadpool
from nodehttp.poller import WRITE
from nodehttp.timers import setTimeout

NAMES = ('lookup', 'connectionAttempt', 'connectionAttemptFailed', 'connectionAttemptTimeout', 'connect',
    'ready', 'error',
         'close')
REFUSED = f'ECONNREFUSED:connect ECONNREFUSED {HOST}:1'
REFUSED_6 = 'ECONNREFUSED:connect ECONNREFUSED ::1:1'


def connect(log, *args, **options):
    """Connect to a server for one connection, whose port is the default, and log what happens."""
    def ready():
        socket.end()
        socket.resume()

    socket = watch(log, net.Socket(), names=NAMES)
    socket.once('ready', ready)
    socket.once('close', lambda *args: server.close())
    server = net.createServer(lambda peer: peer.end()).listen(0, HOST)
    options.setdefault('port', server.address().port)
    socket.connect(options, *args)
    return socket


@logs('listeners 0', 'listeners 1', 'first', 'early', 'written', 'late', 'ready', 'ended', 'close false')
def test_a_write_waits_among_the_listeners_of_connect(log):
    server = net.createServer(lambda peer: peer.resume().on('end', lambda: (server.close(), peer.end())))

    def listening():
        socket = net.connect(server.address().port, HOST)
        log('listeners', socket.listenerCount('connect'))
        socket.once('connect', lambda: log('early'))
        socket.write('x', lambda: log('written'))
        socket.on('connect', lambda: log('late'))
        socket.write('y')
        socket.prependListener('connect', lambda: log('first'))
        log('listeners', socket.listenerCount('connect') - 3)
        socket.on('ready', lambda: (log('ready'), socket.end(lambda: log('ended'))))
        socket.on('close', lambda failed: log('close', 'false' if failed is False else 'true'))
        socket.resume()
    server.listen(0, HOST, listening)


def answer(*addresses, error=None):
    """A `lookup` function that gives these (address, family); all of them if it is asked for all."""
    def lookup(host, options, callback):
        if error is not None:
            callback(error)
        elif options.all:
            callback(None, [{'address': address, 'family': family} for address, family in addresses])
        else:
            callback(None, *addresses[0])
    return lookup


CONNECTED = ('connect', 'ready', 'close false')


@logs(f'connectionAttempt {HOST} P 4', 'connect', 'listener', 'ready', 'close false')
def test_an_address(log):
    socket = net.Socket()
    for name in ('connectionAttempt', 'connect'):
        socket.on(name, lambda *args, name=name: log(name, *args))
    server = net.createServer(lambda peer: (server.close(), peer.end())).listen(0, HOST)
    socket.on('ready', lambda: (log('ready'), socket.resume()))
    socket.on('close', lambda had_error: log('close', had_error))
    assert socket.connect(str(server.address().port), HOST, lambda: log('listener')) is socket


@logs('opening true true {}', f'lookup - {HOST} 4 localhost', f'connectionAttempt {HOST} P 4', *CONNECTED)
def test_a_name(log):
    # The machine may know ::1 for localhost too.
    socket = connect(log, family=4, host='localhost')
    log(socket.readyState, socket.connecting, socket.pending, socket.address())


@logs('lookup - 127.0.0.1 4 localhost', f'connectionAttempt {HOST} P 4', *CONNECTED)
def test_the_default_host_is_localhost(log):
    connect(log, lookup=answer((HOST, 4)))


@logs('lookup ENOTFOUND:getaddrinfo ENOTFOUND no.such.name.invalid - - no.such.name.invalid',
      'error ENOTFOUND:getaddrinfo ENOTFOUND no.such.name.invalid', 'getaddrinfo no.such.name.invalid',
      'close true')
def test_an_unknown_name(log):
    socket = watch(log, net.Socket(), names=('lookup', 'error'))
    socket.on('error', lambda error: log(error.syscall, error.hostname))
    socket.on('close', lambda had_error: log('close', had_error))
    socket.connect(80, 'no.such.name.invalid')


@pytest.mark.parametrize('name', ['a..b', 'x' * 64 + '.invalid', 'a\0b', '[::1]', 'xn--0.invalid', 'a b'])
def test_a_name_that_is_none(name):
    failed = threading.Event()
    caught = []
    net.connect(80, name).on('error', caught.append).on('close', lambda *args: failed.set())
    assert failed.wait(10)
    assert (caught[0].code, caught[0].message) == ('ENOTFOUND', f'getaddrinfo ENOTFOUND {name}')


@logs(f'connectionAttempt {HOST} 1 4', f'connectionAttemptFailed {HOST} 1 4 {REFUSED}', f'error {REFUSED}',
      'ECONNREFUSED connect 127.0.0.1 1', 'close true')
def test_refused(log):
    socket = watch(log, net.Socket(), names=NAMES)
    socket.prependListener('close', lambda *args: log(*(
        getattr(socket.errored, name) for name in ('code', 'syscall', 'address', 'port'))))
    socket.connect(1, HOST)


@logs('connectionAttempt 255.255.255.255 9 4',
      'error ENETUNREACH:connect ENETUNREACH 255.255.255.255:9 - Local (0.0.0.0:0)', 'close true')
def test_an_error_that_the_system_reports_at_once(log):
    watch(log, net.Socket(), names=NAMES).connect(9, '255.255.255.255')


def test_a_path(tmp_path, record):
    path = tmp_path / 'socket'
    with net.createServer(lambda peer: peer.end('hi')).listen(path):
        client = net.connect(path, lambda: record('connect'))
        record.on(client, 'ready', 'end', 'close')
        client.on('data', record)
        assert record.wait_for('close') == ['connect', 'ready', b'hi', 'end', 'close']
        assert (client.remoteAddress, client.address()) == (None, {})


def test_a_path_that_is_not_there(tmp_path, record):
    path = str(tmp_path / 'socket')
    socket = net.connect({'path': path})
    for name in NAMES:
        socket.on(name, lambda *args, name=name: record(name, *map(str, args)))
    message = f'connect ENOENT {path}'
    assert record.wait_for(('close', 'True')) == [
        ('connectionAttempt', path, 'None', 'None'),
        ('connectionAttemptFailed', path, 'None', 'None', message),
        ('error', message), ('close', 'True')]
    assert (socket.errored.address, socket.errored.port) == (path, None)
    assert isinstance(socket.errored, FileNotFoundError)


def test_a_path_that_is_too_long(record):
    net.connect('/tmp/' + 'x' * 200).on('error', lambda error: record(error.code, error.syscall))
    assert record.wait_count(1) == [('EINVAL', 'connect')]


# lookup

def test_what_lookup_is_asked():
    asked = []

    def lookup(host, options, callback):
        asked.append((host, dict(options)))
        callback(Exception())
    for options in ({}, {'family': 4}, {'family': 0, 'hints': 1}, {'autoSelectFamily': False}):
        net.connect(port=1, host='foo', lookup=lookup, **options).on('error', lambda error: None)
    flags = int(sockets.AI_ADDRCONFIG)
    assert asked == [('foo', {'hints': flags, 'all': True}), ('foo', {'hints': 0, 'family': 4}),
                     ('foo', {'hints': 1, 'all': True}), ('foo', {'hints': flags})]


def test_what_lookup_raises_leaves_connect():
    def lookup(host, options, callback):
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError):
        net.connect(port=1, host='foo', lookup=lookup)


@logs('lookup Error:nope - - foo', 'error Error:nope', 'close true')
def test_lookup_fails(log):
    connect(log, host='foo', lookup=answer(error=Exception('nope')))


@logs('lookup - xyz 4 foo', 'error ERR_INVALID_IP_ADDRESS:Invalid IP address: xyz', 'close true')
def test_lookup_gives_no_address(log):
    connect(log, host='foo', autoSelectFamily=False, lookup=answer(('xyz', 4)))


@logs(f'lookup - {HOST} 100 foo', 'error ERR_INVALID_ADDRESS_FAMILY:Invalid address family: 100 foo:1',
      'close true')
def test_lookup_gives_no_family(log):
    connect(log, host='foo', port=1, autoSelectFamily=False, lookup=answer((HOST, 100)))


@logs('lookup - xyz 4 foo', 'lookup - abc 7 foo', 'error ERR_INVALID_IP_ADDRESS:Invalid IP address: xyz',
      'close true')
def test_lookup_gives_several_that_are_none(log):
    connect(log, host='foo', lookup=answer(('xyz', 4), ('abc', 7)))


@logs('lookup - - - foo', 'error ERR_INVALID_IP_ADDRESS:Invalid IP address: undefined', 'close true')
def test_lookup_gives_one_that_is_none_although_asked_for_all(log):
    connect(log, host='foo', lookup=lambda host, options, callback: callback(None, 'xyz', 4))


@logs('lookup - - - foo', 'lookup - - - foo', 'error ERR_INVALID_IP_ADDRESS:Invalid IP address: undefined',
      'close true')
def test_lookup_gives_a_list_without_addresses(log):
    connect(log, host='foo', lookup=lambda host, options, callback: callback(None, [{}, 5]))


@logs('error ERR_INVALID_IP_ADDRESS:Invalid IP address: undefined', 'close true')
def test_lookup_gives_nothing(log):  # Node 25.2.1 raises out of the callback
    connect(log, host='foo', lookup=answer())


@logs(f'lookup - {HOST} 4 foo', f'connectionAttempt {HOST} P 4', *CONNECTED)
def test_lookup_gives_one_although_asked_for_all(log):  # an error in Node, the usual form in older programs
    connect(log, host='foo', lookup=lambda host, options, callback: callback(None, HOST, 4))


@logs(f'lookup - {HOST} 4 foo', f'connectionAttempt {HOST} P 4', *CONNECTED)
def test_lookup_answers_late_from_another_thread_and_twice(log):
    def lookup(host, options, callback):
        def answer():
            callback(None, [{'address': HOST, 'family': 4}])
            callback(None, [{'address': HOST, 'family': 4}])
        threading.Timer(0.01, answer).start()
    connect(log, host='foo', lookup=lookup)
    setTimeout(lambda: None, 30)  # the timer's thread does not keep the loop


@logs('close false')
def test_destroy_during_the_lookup(log):
    connect(log, host='localhost').destroy()


# Several addresses

@needs_ipv6
@logs('lookup - ::1 6 foo', f'lookup - {HOST} 4 foo', 'connectionAttempt ::1 P 6',
      'connectionAttemptFailed ::1 P 6 ECONNREFUSED:connect ECONNREFUSED ::1:P',
      f'connectionAttempt {HOST} P 4', *CONNECTED)
def test_the_second_address(log):
    connect(log, host='foo', lookup=answer(('::1', 6), (HOST, 4)))


@needs_ipv6
@logs(f'lookup - {HOST} 4 foo', 'lookup - 127.0.0.2 4 foo', 'lookup - ::1 6 foo',
      f'connectionAttempt {HOST} 1 4', f'connectionAttemptFailed {HOST} 1 4 {REFUSED}',
      'connectionAttempt ::1 1 6', f'connectionAttemptFailed ::1 1 6 {REFUSED_6}',
      'connectionAttempt 127.0.0.2 1 4',
      'connectionAttemptFailed 127.0.0.2 1 4 ECONNREFUSED:connect ECONNREFUSED 127.0.0.2:1',
      'AggregateError ECONNREFUSED -', REFUSED, REFUSED_6, 'ECONNREFUSED:connect ECONNREFUSED 127.0.0.2:1',
      '127.0.0.1:1 ::1:1 127.0.0.2:1', 'close true')
def test_families_take_turns_and_all_errors_are_told(log):
    socket = connect(log, host='foo', port=1, lookup=answer((HOST, 4), ('127.0.0.2', 4), ('::1', 6)))
    socket.removeAllListeners('error')

    def failed(error):
        log(error.name, error.code, error.message or None)
        assert isinstance(error, (errors.AggregateError, ConnectionRefusedError))
        for each in error.errors:
            log(each)
        log(*socket.autoSelectFamilyAttemptedAddresses)
    socket.on('error', failed)


class Silent:
    """A port of 127.0.0.1 that answers no SYN: its queue is full."""

    def __enter__(self):
        self.listener = sockets.create_server((HOST, 0), backlog=0)
        self.queue = []
        while True:
            sock = sockets.socket()
            sock.settimeout(0.05)
            self.queue.append(sock)
            try:
                sock.connect(self.listener.getsockname())
            except TimeoutError:
                return self.listener.getsockname()[1]
            assert len(self.queue) < 20

    def __exit__(self, *exception):
        for sock in (self.listener, *self.queue):
            sock.close()


@pytest.fixture(scope='module')
def silent_port():
    with Silent() as port:
        yield port


def attempts(record, port, *addresses, **options):
    socket = net.Socket()
    for name in NAMES:
        socket.on(name, lambda *args, name=name: record(name, *(str(arg) for arg in args if arg is not None)))
    socket.connect({'port': port, 'host': 'foo', 'lookup': answer(*addresses),
        'autoSelectFamilyAttemptTimeout': 10, **options})
    return socket


def test_an_address_that_takes_too_long(record, silent_port):
    port = str(silent_port)
    attempts(record, silent_port, (HOST, 4), ('127.0.0.2', 4))
    refused = f'connect ECONNREFUSED 127.0.0.2:{port}'
    timed_out = f'connect ETIMEDOUT {HOST}:{port}'
    assert record.wait_for(('close', 'True'))[2:] == [
        ('connectionAttempt', HOST, port, '4'), ('connectionAttemptTimeout', HOST, port, '4'),
        ('connectionAttempt', '127.0.0.2', port, '4'),
        ('connectionAttemptFailed', '127.0.0.2', port, '4', refused),
        ('error', f'{timed_out}; {refused}'), ('close', 'True')]


def test_the_last_address_has_all_the_time(record, silent_port):
    port = str(silent_port)
    socket = attempts(record, silent_port, ('127.0.0.2', 4), (HOST, 4))
    record.wait_for(('connectionAttempt', HOST, port, '4'))
    socket.setTimeout(50, lambda: socket.destroy())
    assert record.wait_for(('close', 'False'))[-2:] == [
        ('connectionAttemptFailed', HOST, port, '4', f'connect ECANCELED {HOST}:{port}'), ('close', 'False')]


def test_an_event_of_a_descriptor_that_was_closed_is_no_connection(record, silent_port):
    # The poller knows connections by the numbers of their descriptors, and those are used again.
    socket = attempts(record, silent_port, (HOST, 4))
    record.wait_for(('connectionAttempt', HOST, str(silent_port), '4'))
    with threadpool.monitor:
        threadpool.pool.watches[socket._handle.fileno()].polled(WRITE)
    socket.setTimeout(20, lambda: socket.destroy())
    assert record.wait_for(('close', 'False'))[-1] == ('close', 'False')
    assert 'connect' not in record.events


# The local end

@logs(f'connectionAttempt {HOST} P 4', *CONNECTED)
def test_local_address(log):
    socket = connect(log, host=HOST, localAddress='127.0.0.2', localPort=0)
    socket.on('ready', lambda: None if socket.localAddress == '127.0.0.2' else log(socket.localAddress))


@logs('error EADDRNOTAVAIL:bind EADDRNOTAVAIL 10.99.99.99', 'close true')
def test_local_address_that_is_not_ours(log):
    connect(log, host=HOST, localAddress='10.99.99.99')


@logs('error EINVAL:bind EINVAL ::1', 'close true')
def test_local_address_of_the_other_family(log):
    connect(log, host=HOST, localAddress='::1')


def test_local_port_in_use(record):
    with net.createServer().listen(0, HOST) as server:
        port = server.address().port
        net.connect(port=1, host=HOST, localAddress=HOST, localPort=port).on('error', lambda error: record(
            error.message, error.syscall, error.address, error.port))
        assert record.wait_count(1) == [(f'bind EADDRINUSE {HOST}:{port}', 'bind', HOST, port)]


def test_local_port_is_told(record):
    with sockets.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    net.connect(port=1, host=HOST, localAddress=HOST, localPort=port).on('error', lambda error: record(
        error.message, error.localAddress, error.localPort))
    assert record.wait_count(1) == [(f'connect ECONNREFUSED {HOST}:1 - Local ({HOST}:{port})', HOST, port)]


# Arguments

ATTEMPT_TIMEOUT = 'options.autoSelectFamilyAttemptTimeout'
PORT_TYPE = 'The "options.port" property must be one of type number or string. Received '


@pytest.mark.parametrize(('arguments', 'code', 'message'), [
    ((), 'ERR_MISSING_ARGS', 'The "options" or "port" or "path" argument must be specified'),
    (({},), 'ERR_MISSING_ARGS', 'The "options" or "port" or "path" argument must be specified'),
    ((None,), 'ERR_MISSING_ARGS', 'The "options" or "port" or "path" argument must be specified'),
    ((True,), 'ERR_INVALID_ARG_TYPE', PORT_TYPE + 'type boolean (true)'),
    (({'port': []},), 'ERR_INVALID_ARG_TYPE', PORT_TYPE + 'an instance of Array'),
    ((65536,), 'ERR_SOCKET_BAD_PORT', 'Port should be >= 0 and < 65536. Received type number (65536).'),
    ((-1,), 'ERR_SOCKET_BAD_PORT', 'Port should be >= 0 and < 65536. Received type number (-1).'),
    (({'port': 1.5},), 'ERR_SOCKET_BAD_PORT', 'Port should be >= 0 and < 65536. Received type number (1.5).'),
    (({'port': 'x'},), 'ERR_SOCKET_BAD_PORT', "Port should be >= 0 and < 65536. Received type string ('x')."),
    (({'port': ' '},), 'ERR_SOCKET_BAD_PORT', "Port should be >= 0 and < 65536. Received type string (' ')."),
    (({'path': 1},), 'ERR_INVALID_ARG_TYPE',
        'The "options.path" property must be of type string. Received type number (1)'),
    (({'path': '', 'port': 'x'},), 'ERR_SOCKET_BAD_PORT',
        "Port should be >= 0 and < 65536. Received type string ('x')."),
    (({'port': 1, 'host': 5},), 'ERR_INVALID_ARG_TYPE',
     'The "options.host" property must be of type string. Received type number (5)'),
    (({'port': 1, 'localAddress': 'x'},), 'ERR_INVALID_IP_ADDRESS', 'Invalid IP address: x'),
    (({'port': 1, 'localPort': 'x'},), 'ERR_INVALID_ARG_TYPE',
     'The "options.localPort" property must be of type number. Received type string (\'x\')'),
    (({'port': 1, 'lookup': 1},), 'ERR_INVALID_ARG_TYPE',
     'The "options.lookup" property must be of type function. Received type number (1)'),
    (({'port': 1, 'hints': 'x'},), 'ERR_INVALID_ARG_TYPE',
     'The "options.hints" property must be of type number. Received type string (\'x\')'),
    (({'port': 1, 'hints': 524288},), 'ERR_INVALID_ARG_VALUE',
        "The argument 'hints' is invalid. Received 524288"),
    (({'port': 1, 'family': 5},), 'ERR_INVALID_ARG_VALUE',
     "The property 'options.family' must be one of: 0, 4, 6. Received 5"),
    (({'port': 1, 'family': 'x'},), 'ERR_INVALID_ARG_VALUE',
     "The property 'options.family' must be one of: 0, 4, 6. Received 'x'"),
    (({'port': 1, 'autoSelectFamily': 1},), 'ERR_INVALID_ARG_TYPE',
     'The "options.autoSelectFamily" property must be of type boolean. Received type number (1)'),
    (({'port': 1, 'autoSelectFamilyAttemptTimeout': 0},), 'ERR_OUT_OF_RANGE',
     f'The value of "{ATTEMPT_TIMEOUT}" is out of range. It must be >= 1 && <= 2147483647. Received 0'),
    (({'port': 1, 'autoSelectFamilyAttemptTimeout': 'x'},), 'ERR_INVALID_ARG_TYPE',
     f'The "{ATTEMPT_TIMEOUT}" property must be of type number. Received type string (\'x\')'),
])
def test_wrong_arguments(arguments, code, message):
    with pytest.raises(errors.NodeError) as caught:
        net.Socket().connect(*arguments)
    assert (caught.value.code, caught.value.message) == (code, message)


@pytest.mark.parametrize('arguments', [
    ('0x1', HOST), ({'port': 1, 'host': HOST},), ({'port': '1', 'host': HOST, 'family': 'IPv4'},),
    (' 1 ', HOST)])
def test_ways_to_say_where(arguments, record):
    net.connect(*arguments).on('error', lambda error: record(error.address, error.port))
    assert record.wait_count(1) == [(HOST, 1)]


def test_the_marks_of_the_socket():
    socket = net.connect({'port': 1, 'host': HOST, 'highWaterMark': 10})
    assert (socket.readableHighWaterMark, socket.writableHighWaterMark) == (10, 10)
    socket.destroy()


def test_two_names_of_one_function():
    assert net.createConnection is net.connect


def test_defaults():
    assert (net.getDefaultAutoSelectFamily(), net.getDefaultAutoSelectFamilyAttemptTimeout()) == (True, 500)
    try:
        net.setDefaultAutoSelectFamily(False)
        net.setDefaultAutoSelectFamilyAttemptTimeout(5)
        assert (net.getDefaultAutoSelectFamily(), net.getDefaultAutoSelectFamilyAttemptTimeout()) == (False,
            10)
    finally:
        net.setDefaultAutoSelectFamily(True)
        net.setDefaultAutoSelectFamilyAttemptTimeout(500)
    with pytest.raises(TypeError, match='The "value" argument must be of type boolean'):
        net.setDefaultAutoSelectFamily('x')
    with pytest.raises(ValueError, match='It must be >= 1'):
        net.setDefaultAutoSelectFamilyAttemptTimeout(0)


@logs('connectionAttempt 127.0.0.1 1 4', f'error EALREADY:connect EALREADY {HOST}:1', 'close true')
def test_connect_twice(log):
    socket = watch(log, net.Socket(), names=('connectionAttempt', 'error', 'close'))
    socket.connect(1, HOST)
    socket.connect(1, HOST)


@logs(f'connectionAttempt {HOST} P 4', 'close false')
def test_destroy_at_the_attempt(log):
    socket = connect(log, host=HOST)
    socket.on('connectionAttempt', lambda: socket.destroy())


@logs(f'connectionAttempt {HOST} P 4', 'connect', 'ready', 'close false')
def test_destroy_at_connect(log):
    socket = connect(log, host=HOST)
    socket.on('connect', lambda: socket.destroy())
