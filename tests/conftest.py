"""What every test uses: recorders, raw sockets and scripted peers, and the check that nothing is left
behind."""

from __future__ import annotations

import contextlib
import faulthandler
import functools
import gc
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import nodehttp
from nodehttp import threadpool, timers

MUST_NOT_EXPIRE = 10.0  # s; a wait that ends by this has failed
MUST_EXPIRE = 0.2  # s; long enough to see that something does not happen
HANGING = 60.0  # s; no test takes as long

POOL_THREADS = {'nodehttp', 'nodehttp-keeper'}


def local_node() -> str:
    """The path of a Node 25; skips the test where there is none."""
    return _find_node() or pytest.skip('no Node 25')


@functools.cache
def _find_node() -> str | None:
    """Environment: NODE, else PATH."""
    node = os.environ.get('NODE') or shutil.which('node')
    if not node or not subprocess.check_output([node, '--version'], text=True).startswith('v25.'):
        return None
    return node


class Hangs:
    """A test that hangs shows where each of its threads stands.

    The option `faulthandler_timeout` does that too, but starts a thread for each test: 0.4 ms.
    """

    def __init__(self) -> None:
        self._began = -HANGING
        self._stderr = os.dup(2)  # before it is captured

    def pytest_runtest_logstart(self) -> None:
        """Put it off, once in a while."""
        now = time.monotonic()
        if now - self._began > HANGING / 6:
            self._began = now
            faulthandler.dump_traceback_later(HANGING, file=self._stderr)

    def pytest_unconfigure(self) -> None:
        """Watch no longer."""
        faulthandler.cancel_dump_traceback_later()
        os.close(self._stderr)


def pytest_configure(config: pytest.Config) -> None:
    """Watch."""
    config.pluginmanager.register(Hangs())


def pytest_sessionstart() -> None:
    """No garbage collection goes through thousands of tests again and again: 160 ms each time."""
    gc.disable()


def pytest_collection_finish() -> None:
    """What is collected stays to the end."""
    gc.enable()
    gc.freeze()


def let_go() -> None:
    """Before a wait that is not one of the library's: what this thread has started is not held back any
    longer. A callback keeps the baton, as when it waits for anything else that the library does not know."""
    if not threadpool.is_in_callback():
        with threadpool.blocking():
            pass


class Recorder:
    """The order of events as a list, which can be waited for.

    `record('x')` notes it, `record.on(emitter, 'a', 'b', prefix='req')` notes 'req a', ... as they come.
    """

    def __init__(self) -> None:
        self.events: list[Any] = []
        self._changed = threading.Condition()

    def __call__(self, *what: Any) -> None:
        with self._changed:
            self.events.append(what[0] if len(what) == 1 else what)
            self._changed.notify_all()

    def on(self, emitter: Any, *names: str, prefix: str = '') -> None:
        """Note each of the events by its name."""
        for name in names:
            emitter.on(name, self._noter(f'{prefix} {name}' if prefix else name))

    def _noter(self, label: str) -> Callable[..., None]:
        return lambda *args: self(label)

    def wait(self, condition: Callable[[list[Any]], bool], timeout: float = MUST_NOT_EXPIRE) -> list[Any]:
        """Wait until `condition(events)` holds; return the events."""
        let_go()
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self.events), timeout), self.events
            return list(self.events)

    def wait_for(self, what: Any, timeout: float = MUST_NOT_EXPIRE) -> list[Any]:
        """Wait until `what` was noted; return the events."""
        return self.wait(lambda events: what in events, timeout)

    def wait_count(self, count: int, timeout: float = MUST_NOT_EXPIRE) -> list[Any]:
        """Wait until `count` events were noted; return them."""
        return self.wait(lambda events: len(events) >= count, timeout)


def settle() -> None:
    """Let the loop go around a few times."""
    for _ in range(3):
        waiter = threadpool.Waiter()
        timers.setImmediate(waiter.set)
        waiter.wait(MUST_NOT_EXPIRE)


def first_right(run: Callable[[], Any], expected: Any, is_timed: bool) -> Any:
    """Return the result of `run`; where short times have their say, the first one that is right: a busy
    machine may need longer for what has to come before they are over."""
    result = run()
    for _ in range(3 if is_timed else 0):
        if result != expected:
            result = run()
    return result


def in_a_callback(function: Callable[[], Any]) -> Any:
    """Run `function` in the pool, as a listener runs; return what it returns."""
    waiter = threadpool.Waiter()

    def run() -> None:
        try:
            waiter.set(function())
        except BaseException as error:
            waiter.fail(error)

    timers.setImmediate(run)
    return waiter.wait(MUST_NOT_EXPIRE)


@pytest.fixture
def record() -> Recorder:
    """A Recorder."""
    return Recorder()


class RawPeer:
    """A raw socket that speaks bytes, with a deadline on every wait."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.socket.settimeout(MUST_NOT_EXPIRE)
        if isinstance(sock, socket.socket) and sock.family != socket.AF_UNIX:
            # Or what follows waits for up to 40 ms until the first piece is acknowledged.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b''

    def send(self, data: bytes) -> None:
        """Send all of `data`."""
        self.socket.sendall(data)

    def read_until(self, mark: bytes) -> bytes:
        """Return what came up to and with `mark`; what is behind it stays."""
        while mark not in self.received:
            chunk = self.socket.recv(65536)
            assert chunk, f'closed before {mark!r}, after {self.received!r}'
            self.received += chunk
        head, _, self.received = self.received.partition(mark)
        return head + mark

    def read_exactly(self, count: int) -> bytes:
        """Return the next `count` bytes."""
        chunks = [self.received]
        missing = count - len(self.received)
        while missing > 0:
            chunks.append(self.socket.recv(65536))
            assert chunks[-1], f'closed after {b"".join(chunks)!r}'
            missing -= len(chunks[-1])
        data = b''.join(chunks)
        self.received = data[count:]
        return data[:count]

    def read_to_end(self) -> bytes:
        """Return everything until the peer closes (a reset counts as an end)."""
        chunks = [self.received]
        self.received = b''
        with contextlib.suppress(ConnectionResetError):
            while chunk := self.socket.recv(65536):
                chunks.append(chunk)
        return b''.join(chunks)

    def is_silent(self, seconds: float = MUST_EXPIRE) -> bool:
        """Does nothing arrive for a while?"""
        self.socket.settimeout(seconds)
        try:
            return self.received == b'' and self.socket.recv(1, socket.MSG_PEEK) == b'never'
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(MUST_NOT_EXPIRE)

    def reset(self) -> None:
        """Close with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
        self.socket.close()

    def close(self) -> None:
        """Close."""
        self.socket.close()


Dial = Callable[..., RawPeer]  # what `dial` is


@pytest.fixture
def dial() -> Iterator[Dial]:
    """dial(port or server or path, host='127.0.0.1') -> RawPeer, closed at the end."""
    peers: list[RawPeer] = []

    def connect(target: Any, host: str = '127.0.0.1') -> RawPeer:
        if isinstance(target, str):
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(MUST_NOT_EXPIRE)
            sock.connect(target)
        else:
            port = target if isinstance(target, int) else target.address().port
            sock = socket.create_connection((host, port), MUST_NOT_EXPIRE)
        peers.append(RawPeer(sock))
        return peers[-1]

    yield connect
    for peer in peers:
        peer.close()


OK = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'


def answering(answer: bytes = OK) -> Callable[[RawPeer], None]:
    """Return a script that answers every request until the client closes."""
    def script(peer: RawPeer) -> None:
        while data := peer.socket.recv(65536):
            peer.send(answer * data.count(b'\r\n\r\n'))

    return script


@pytest.fixture
def scripted() -> Iterator[Callable[..., int]]:
    """scripted(peer, ...) -> port of a raw server; the n-th connection is served by the n-th function, called
    with a RawPeer.

    What a function raises fails the test.
    """
    listeners: list[socket.socket] = []
    threads: list[threading.Thread] = []
    failures: list[BaseException] = []

    def start(*scripts: Callable[[RawPeer], None]) -> int:
        listener = socket.create_server(('127.0.0.1', 0))
        listener.settimeout(MUST_NOT_EXPIRE)
        listeners.append(listener)

        def converse(script: Callable[[RawPeer], None], sock: socket.socket) -> None:
            peer = RawPeer(sock)
            try:
                script(peer)
            except BaseException as error:
                failures.append(error)
            finally:
                peer.close()

        def serve() -> None:
            for script in scripts:
                try:
                    sock, _ = listener.accept()
                except OSError:  # closed: nobody came
                    return
                thread = threading.Thread(target=converse, args=(script, sock), name='scripted')
                threads.append(thread)
                thread.start()

        thread = threading.Thread(target=serve, name='scripted')
        threads.append(thread)
        thread.start()
        return int(listener.getsockname()[1])

    yield start
    for listener in listeners:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # wakes accept
        listener.close()
    for thread in threads:
        thread.join(MUST_NOT_EXPIRE)
        assert not thread.is_alive()
    if failures:
        raise failures[0]


def has_ipv6() -> bool:
    try:
        socket.create_server(('::1', 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason='this machine has no IPv6')


@pytest.fixture
def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(('127.0.0.1', 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def escaped(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """The exceptions that escaped from callbacks, as a list, instead of a failed test."""
    caught: list[BaseException] = []
    monkeypatch.setattr(threading, 'excepthook', lambda args: caught.append(args.exc_value))
    return caught


@pytest.fixture
def strictly() -> Iterator[None]:
    """No callback loses the baton: Node's order of events, also where the machine lets one wait."""
    nodehttp.configure(handoffAfter=None)
    yield
    nodehttp.configure()


OUTSIDE = ('HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy',
           'NODE_USE_ENV_PROXY', 'NODE_EXTRA_CA_CERTS', 'NODE_TLS_REJECT_UNAUTHORIZED')


@pytest.fixture(scope='session', autouse=True)
def nothing_from_outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The proxies of the machine, and whom it trusts, do not reach the tests.

    The programs that tests start share a cache of compiled modules, also where Python is told to write none:
    to compile nodehttp takes three times as long as to start.
    """
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in OUTSIDE:
            monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv('PYTHONDONTWRITEBYTECODE', raising=False)
        monkeypatch.setenv('PYTHONPYCACHEPREFIX', str(tmp_path_factory.mktemp('compiled')))
        yield


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """After the test nothing is open: no socket, no timer, no callback that runs, no thread but the
    pool's."""
    threads = set(threading.enumerate())
    yield
    agent = getattr(nodehttp, 'globalAgent', None)
    if agent is not None:
        agent.destroy()
    deadline = time.monotonic() + MUST_NOT_EXPIRE
    with threadpool.blocking():
        while (left := leftovers(threads)) and time.monotonic() < deadline:
            time.sleep(0.0005)  # not synchronisation: closing takes a turn of the loop, and nobody is told
    assert not left


def leftovers(threads: set[threading.Thread]) -> list[str]:
    """Say what is open beyond the given threads."""
    with threadpool.monitor:
        open_things = threadpool.pool.describe_open()
    others = set(threading.enumerate()) - threads
    return open_things + [thread.name for thread in others if thread.name not in POOL_THREADS]


@pytest.fixture(scope='session')
def authority() -> Any:
    """A certificate authority of this test run."""
    from tls_tools import Authority
    return Authority()


@pytest.fixture
def tls_ends(authority: Any) -> Iterator[Any]:
    """A maker of TLS servers and clients, closed at the end."""
    from tls_tools import Ends
    ends = Ends(authority, MUST_NOT_EXPIRE)
    yield ends
    ends.close()


@pytest.fixture
def serve(tls_ends: Any) -> Any:
    """serve(listener=None, **options) -> tls.Server that listens."""
    return tls_ends.serve


@pytest.fixture
def connect(tls_ends: Any) -> Any:
    """connect(server or port, **options) -> TLSSocket that is connecting."""
    return tls_ends.connect


@pytest.fixture
def closes_https() -> Iterator[None]:
    """Idle connections of `nodehttps.globalAgent` are closed at the end."""
    yield
    import nodehttps
    nodehttps.globalAgent.destroy()
