"""`python -m nodehttps` as a command: where its certificate comes from. The rest is in test_main.py."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Iterator
from http.client import HTTPSConnection
from pathlib import Path

import pytest
from test_main import Command, fetch, starting
from tls_tools import Authority


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Command]]:
    """run(*arguments) -> Command, started in a temporary folder."""
    with starting('nodehttps', tmp_path) as start:
        yield start


def get(host: str, port: int, context: ssl.SSLContext, path: str = '/') -> tuple[int, bytes]:
    """Return (status, body)."""
    return fetch(HTTPSConnection(host, port, timeout=10, context=context), path)


def test_a_certificate_is_made_on_the_spot(run: Callable[..., Command], tmp_path: Path) -> None:
    pytest.importorskip('cryptography')
    (tmp_path / 'hello.txt').write_bytes(b'hello')
    command = run('--port', '0')
    host, port = command.listening()
    assert command.first_line.endswith(f' on https://127.0.0.1:{port}/ (Ctrl-C ends it)\n')
    own = ssl.get_server_certificate((host, port), timeout=10)
    trusting = ssl.create_default_context(cadata=own)
    for name in ('127.0.0.1', 'localhost'):  # its names
        assert get(name, port, trusting, '/hello.txt') == (200, b'hello')
    with pytest.raises(ssl.SSLCertVerificationError, match='self-signed'):
        get(host, port, ssl.create_default_context())
    with socket.create_connection((host, port)):  # a handshake that does not begin holds up nothing
        status, out, err = command.interrupt()
    assert (status, out) == (130, '')
    assert re.findall('"(.*)"', err) == ['GET /hello.txt HTTP/1.1'] * 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ['hello.txt']


def test_certificates_that_are_given(
        run: Callable[..., Command], tmp_path: Path, authority: Authority) -> None:
    own = authority.issue()
    (tmp_path / 'key.pem').write_bytes(own['key'])
    (tmp_path / 'cert.pem').write_bytes(own['cert'])
    (tmp_path / 'both.pem').write_bytes(own['key'] + own['cert'])
    commands = [run('0', '--cert', 'cert.pem', '--key', 'key.pem'), run('0', '--cert', 'both.pem')]
    for command in commands:
        host, port = command.listening()
        assert get(host, port, authority.client_context())[0] == 200


def test_what_cannot_be_used_is_one_clear_line(
        run: Callable[..., Command], tmp_path: Path, authority: Authority) -> None:
    own, other = authority.issue(), authority.issue('other.test')
    for name, pem in (('cert.pem', own['cert']), ('key.pem', own['key']), ('other.pem', other['key'])):
        (tmp_path / name).write_bytes(pem)
    unfit = 'this key and certificate cannot be used: error:'
    mismatch = f'{unfit}x509 certificate routines::key values mismatch'
    commands = {
        run('--key', 'key.pem'): '--key needs --cert',
        run('--cert', 'none.pem'): 'none.pem: No such file or directory',
        run('--cert', 'cert.pem', '--key', 'other.pem'): mismatch,
        run('--cert', 'cert.pem'): f'{unfit}DECODER routines::unsupported',
    }
    for command, line in commands.items():
        assert command.wait() == (1, '', f'{line}\n')


def test_without_the_extra_a_certificate_has_to_be_given(run: Callable[..., Command], tmp_path: Path) -> None:
    (tmp_path / 'cryptography.py').write_text('raise ImportError')
    assert run('0').wait() == (1, '', (
        'this key and certificate cannot be used: A certificate that is made on the spot needs the package '
        "cryptography: pip install 'nodehttp[x509]'\n"))
