"""README.rst tells the truth: its programs run and print what it shows, its table of correspondences and its
defaults hold."""

from __future__ import annotations

import ast
import http.client
import io
import re
import socket
import sys
import textwrap
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conftest import RawPeer
from program_tools import ROOT, run_script, script
from websocket_tools import handshake, read_frame

import nodehttp
import nodehttps as https
from nodehttp import errors
from nodehttps import tls

README = (ROOT / 'README.rst').read_text(encoding='utf-8')

_PROGRAM = re.compile(
    r'\.\. code-block:: python\n\n((?: {4}.*\n|\n)+)\.\. code-block:: text\n\n((?: {4}.*\n)+)')
PROGRAMS = [(textwrap.dedent(code), textwrap.dedent(output)) for code, output in _PROGRAM.findall(README)]


@pytest.fixture(scope='module')
def port() -> Iterator[int]:
    """The first program of README.rst runs; on this port instead of 8000."""
    with socket.create_server(('127.0.0.1', 0)) as free:
        number = int(free.getsockname()[1])
    code, output = PROGRAMS[0]
    with script(code.replace('8000', str(number))) as program:
        assert program.read_line() == output
        yield number
        assert program.interrupt() == (130, '', '')


def test_all_programs_are_found() -> None:
    assert len(PROGRAMS) == README.count('.. code-block:: python') == 7


@pytest.mark.parametrize('index', [
    index for index, (code, _) in enumerate(PROGRAMS) if index and 'WebSocket' not in code])
def test_the_programs_print_what_is_shown(index: int, port: int) -> None:
    code, output = PROGRAMS[index]
    assert run_script(code.replace('8000', str(port))) == (0, output, '')


def test_the_program_with_a_websocket_prints_what_is_shown(scripted: Any) -> None:
    pytest.importorskip('wsproto')

    def echo(peer: RawPeer) -> None:
        handshake(peer)
        for _ in range(2):
            first, payload = read_frame(peer)
            peer.send(bytes([first, len(payload)]) + payload)

    [(code, output)] = [program for program in PROGRAMS if 'WebSocket' in program[0]]
    assert run_script(code.replace('8000', str(scripted(echo)))) == (0, output, '')


# The table of correspondences


def rows(first_heading: str) -> list[list[str]]:
    """Return the rows of the table that has `first_heading`, each a list of its cells."""
    table = README.split(f'   * - {first_heading}\n', 1)[1].split('\n\n', 1)[0]
    cells = [re.split(r'\n     - ', row) for row in re.split(r'\n   \* - ', table)[1:]]
    return [[re.sub(r'\s+', ' ', cell) for cell in row] for row in cells]


def examples() -> list[str]:
    """Return the Python of the table that is more than a name."""
    found = [text for row in rows('Node') for text in re.findall(r'``(.+?)``', row[1])]
    return [text for text in found if not re.fullmatch(r"[\w.]+|'\w+'", text)]


def completed(example: str) -> str:
    """Return the example as a whole statement."""
    if example.startswith('@'):
        return example + '\ndef listener(*args): pass'
    return example + ' pass' if example.endswith(':') else example


def impossible(kind: str) -> list[str]:
    """Return what the table of what Python's ssl cannot do names."""
    [text] = [text for what, text in rows("what Python's ``ssl`` cannot do") if what == kind]
    return re.findall(r'``(.+?)``', text)


@pytest.mark.parametrize(
    ('create', 'example'),
    [(create, example)
     for create, kind in ((https.createServer, 'options of servers and clients'),
                          (partial(tls.connect, port=1), 'options of clients'))
     for example in impossible(kind)])
def test_options_that_cannot_be_had_are_refused(create: Any, example: str) -> None:
    name, _, text = example.partition('=')
    value = {'sessionTimeout': 300, 'ticketKeys': bytes(48)}.get(name, text.strip("'") or '1')
    with pytest.raises(errors.Error, match=rf'^options\.{name} .*is not possible') as caught:
        create({name: value})
    assert caught.value.code == 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM'


@pytest.mark.parametrize('event', impossible('events of servers'))
def test_events_that_cannot_be_had_are_refused(event: str) -> None:
    with pytest.raises(errors.Error, match=f'^{event} is not possible'):
        https.createServer().on(event.strip("'"), print)


def test_the_table_has_examples() -> None:
    assert len(examples()) > 20


@pytest.mark.parametrize('example', examples())
def test_the_examples_of_the_table_run_in_a_handler(
        example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodehttp, 'globalAgent', nodehttp.globalAgent)  # put back what an example replaces
    (tmp_path / 'file').write_bytes(b'file')
    raised: list[BaseException] = []
    other = nodehttp.createServer()
    names: dict[str, Any] = {
        'http': nodehttp, 'sys': sys, 'server': other, 'agent': nodehttp.Agent(),
        'path': str(tmp_path / 'file'), 'file': io.BytesIO(),
        'listener': lambda req, res: res.end(), 'save': lambda chunk=None: None, 'done': lambda: None}
    exec('from nodehttp import net, events, fs, stream, timers, url', names)

    @nodehttp.createServer
    def server(req: Any, res: Any) -> None:
        names.update(req=req, res=res)
        try:
            other.listen(0)
            exec(completed(example), names)
        except SystemExit as end:
            assert (example, end.code) == ('sys.exit(3)', 3)
        except BaseException as error:
            raised.append(error)
        finally:
            if not re.search(r'\bres\b', example):
                res.end()

    server.listen(0, '127.0.0.1')
    try:
        connection = http.client.HTTPConnection('127.0.0.1', server.address().port, timeout=10)
        connection.request('POST', '/?q=1', b'body', {'X-Id': '1'})
        assert connection.getresponse().read() == (b'file' if 'pipe(res)' in example else b'')
        connection.close()
        assert not raised
    finally:
        server.close()
        other.close()
        for thing in names.values():
            if isinstance(thing, nodehttp.Agent):
                thing.destroy()


# Defaults, and the form


def test_the_default_timeouts_are_those_of_the_table() -> None:
    holders = {'createServer': nodehttp.createServer(), 'Agent': nodehttp.Agent()}
    seen = 0
    for option, _, default in rows('option'):
        found = re.match(r'``(\w+)\((\w+)=\)``', option)
        if found is not None and found[1] in holders:
            seen += 1
            assert getattr(holders[found[1]], found[2]) == int(default.replace(',', '')), option
    assert seen >= 7
    assert nodehttp.globalAgent.options.timeout == 5000


def test_the_commands_stand_there() -> None:
    assert 'python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/python -m nodehttp\n' in README
    assert "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/pytest\n" in README


def test_it_is_valid_restructuredtext() -> None:
    core = pytest.importorskip('docutils.core')
    pytest.importorskip('pygments')
    core.publish_doctree(README, settings_overrides={'halt_level': 2, 'report_level': 5})


def _imported(path: Path) -> Iterator[str]:
    """The modules of nodehttp that this one imports when it is imported itself."""
    body: list[ast.stmt] = ast.parse(path.read_text(encoding='utf-8')).body
    for statement in body:
        if isinstance(statement, ast.ImportFrom):
            package, _, module = (statement.module or '').partition('.')
            if package == 'nodehttp':
                yield from [module] if module else (alias.name for alias in statement.names)
            elif package == 'nodehttps':
                yield package  # which stands on nodehttp


def test_modules_import_only_from_those_before_them() -> None:
    rows = re.findall(r'     - ``([a-z_ ]+)``\n', README[README.index('Where to look'):])
    names = ' '.join(rows).split()
    modules = {path.stem: path for path in (ROOT / 'nodehttp').glob('*.py') if not path.stem.startswith('__')}
    assert sorted(names) == sorted(modules)
    for index, name in enumerate(names):
        assert set(_imported(modules[name])) <= set(names[:index]), name
