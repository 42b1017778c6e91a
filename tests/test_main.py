"""`python -m nodehttp` as a command: its options, what it prints, how it ends."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import needs_ipv6
from program_tools import Program

MUST_NOT_EXPIRE = 20.0  # s; a command that says or ends nothing by then is killed
GIB = 1024 ** 3


class Command(Program):
    """A running command."""

    def listening(self) -> tuple[str, int]:
        """Wait until it serves; return (host, port)."""
        self.first_line = self.read_line()
        found = re.fullmatch(r'Serving (.+) on https?://(.+):(\d+)/ \(Ctrl-C ends it\)\n', self.first_line)
        assert found is not None, self.first_line
        self.folder = found[1]
        return found[2].strip('[]'), int(found[3])


@contextlib.contextmanager
def starting(module: str, folder: Path) -> Iterator[Callable[..., Command]]:
    """Give a function that starts commands, which are over at the end."""
    with contextlib.ExitStack() as stack:
        yield lambda *arguments: stack.enter_context(Command('-m', module, *arguments, folder=folder))


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Command]]:
    """run(*arguments) -> Command, started in a temporary folder."""
    with starting('nodehttp', tmp_path) as start:
        yield start


def get(host: str, port: int, path: str = '/') -> tuple[int, bytes]:
    """Return (status, body)."""
    return fetch(http.client.HTTPConnection(host, port, timeout=10), path)


def fetch(connection: http.client.HTTPConnection, path: str) -> tuple[int, bytes]:
    """Return (status, body)."""
    try:
        connection.request('GET', path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(('127.0.0.1', 0))) for _ in range(count)]
        return [server.getsockname()[1] for server in servers]


def test_it_serves_the_current_folder_and_ctrl_c_ends_it_quietly(
        run: Callable[..., Command], tmp_path: Path) -> None:
    (tmp_path / 'hello.txt').write_bytes(b'hello')
    command = run('--port', '0')
    host, port = command.listening()
    assert (host, command.folder) == ('127.0.0.1', os.path.realpath(tmp_path))
    assert get(host, port, '/hello.txt') == (200, b'hello')
    assert b'<a href="hello.txt">hello.txt</a>' in get(host, port)[1]
    # A connection that is kept open holds up nothing.
    with socket.create_connection((host, port)):
        status, out, err = command.interrupt()
    assert (status, out) == (130, '')
    lines = [re.sub(r'\[.*?\]', '[]', line) for line in err.splitlines()]
    assert lines[0] == '127.0.0.1 - - [] "GET /hello.txt HTTP/1.1" 200 5'
    assert lines[1].startswith('127.0.0.1 - - [] "GET / HTTP/1.1" 200 ')
    assert len(lines) == 2


def test_the_port_stands_alone_or_behind_its_option(run: Callable[..., Command]) -> None:
    ports = free_ports(3)
    commands = [run(*arguments, str(port))
                for arguments, port in zip(([], ['--port'], ['-p']), ports, strict=True)]
    for command, port in zip(commands, ports, strict=True):
        assert command.listening() == ('127.0.0.1', port)
        assert command.interrupt()[0] == 130


def test_folder_and_address_can_be_chosen(run: Callable[..., Command], tmp_path: Path) -> None:
    (tmp_path / 'sub').mkdir()
    (tmp_path / 'sub' / 'hello.txt').write_bytes(b'hello')
    command = run('--directory', 'sub', '--bind', 'localhost', '--port', '0')
    host, port = command.listening()
    assert (host, command.folder) == ('127.0.0.1', os.path.realpath(tmp_path / 'sub')) or host == '::1'
    assert get(host, port, '/hello.txt') == (200, b'hello')


@needs_ipv6
def test_ipv6_stands_in_brackets(run: Callable[..., Command]) -> None:
    command = run('-b', '::1', '0')
    host, port = command.listening()
    assert (host, f'http://[::1]:{port}/' in command.first_line) == ('::1', True)
    assert get('::1', port)[0] == 200


def test_symlinks_to_outside_only_when_asked_for(run: Callable[..., Command], tmp_path: Path) -> None:
    (tmp_path / 'sub').mkdir()
    (tmp_path / 'outside.txt').write_bytes(b'outside')
    (tmp_path / 'sub' / 'link').symlink_to('../outside.txt')
    assert get(*run('-d', 'sub', '0').listening(), '/link')[0] == 403
    assert get(*run('-d', 'sub', '--follow-symlinks', '0').listening(), '/link') == (200, b'outside')


def test_a_port_in_use_is_one_clear_line(run: Callable[..., Command]) -> None:
    with socket.create_server(('127.0.0.1', 0)) as server:
        port = server.getsockname()[1]
        assert run(str(port)).wait() == (
            1, '', f'listen EADDRINUSE: address already in use 127.0.0.1:{port}\n')


def test_an_address_of_somebody_else_is_one_clear_line(run: Callable[..., Command]) -> None:
    assert run('--bind', '192.0.2.1').wait() == (
        1, '', 'listen EADDRNOTAVAIL: address not available 192.0.2.1:8000\n')


def test_a_missing_folder_is_one_clear_line(run: Callable[..., Command], tmp_path: Path) -> None:
    (tmp_path / 'file').touch()
    for name, command in [(name, run('--directory', name)) for name in ('nothing', 'file')]:
        assert command.wait() == (1, '', f'no such folder: {name}\n')


def test_bad_arguments_are_refused_and_help_is_there(run: Callable[..., Command]) -> None:
    for command in [run('--port', port) for port in ('65536', '-1', 'x')]:
        status, out, err = command.wait()
        assert (status, out) == (2, '')
        assert err.startswith('usage: python -m nodehttp ')
    status, out, err = run('--help').wait()
    assert (status, err) == (0, '')
    for option in ('--port', '--bind', '--directory', '--follow-symlinks', '8000', '127.0.0.1'):
        assert option in out


def figures(command: Command) -> tuple[int, int]:
    """Return (peak of its memory in bytes, its threads)."""
    text = Path(f'/proc/{command.process.pid}/status').read_text()
    found = dict(re.findall(r'(VmHWM|Threads):\s+(\d+)', text))
    return int(found['VmHWM']) * 1024, int(found['Threads'])


@pytest.mark.skipif(not os.path.isdir('/proc/self'), reason='there is no /proc')
def test_a_huge_file_for_slow_clients_costs_neither_memory_nor_threads(
        run: Callable[..., Command], tmp_path: Path, dial: Callable[..., Any]) -> None:
    (tmp_path / 'huge').touch()
    os.truncate(tmp_path / 'huge', 2 * GIB)
    command = run('0')
    host, port = command.listening()
    get(host, port)
    memory, _ = figures(command)
    peers = [dial(port) for _ in range(20)]
    for peer in peers:
        peer.send(b'GET /huge HTTP/1.1\r\nHost: x\r\n\r\n')
        assert b'Content-Length: 2147483648\r\n' in peer.read_until(b'\r\n\r\n')
    for peer in peers[:4]:
        for _ in range(20):
            peer.read_exactly(500_000)
    assert get(host, port)[0] == 200  # nobody waits for them
    memory_now, threads = figures(command)
    assert memory_now - memory < len(peers) * 1_000_000  # of each some buffers, not the file
    assert threads < len(peers)
    assert command.interrupt()[0] == 130
