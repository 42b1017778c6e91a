"""The folder listener: what it answers, and that there is no way out of the folder."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from conftest import let_go

import nodehttp
from nodehttp import fs, static

DATE = 1_700_000_000  # Tue, 14 Nov 2023 22:13:20 GMT
HTTP_DATE = 'Tue, 14 Nov 2023 22:13:20 GMT'
TEXT = b'0123456789'

needs_curl = pytest.mark.skipif(shutil.which('curl') is None, reason='curl is not there')


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder to serve, with a secret beside it."""
    (tmp_path / 'secret.txt').write_bytes(b'secret')
    root = tmp_path / 'root'
    (root / 'sub').mkdir(parents=True)
    (root / 'text.txt').write_bytes(TEXT)
    os.utime(root / 'text.txt', ns=(DATE * 10**9, DATE * 10**9 + 5))
    (root / 'empty').write_bytes(b'')
    (root / 'sub' / 'page.html').write_bytes(b'<p>page')
    return root


class Site:
    """A served folder and a client for it."""

    def __init__(self, server: Any) -> None:
        self.port = server.address().port
        let_go()
        self.connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=10)

    def ask(self, path: str, method: str = 'GET', **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
        """Return (response, body); in header names _ is -."""
        self.connection.request(method, path, headers={k.replace('_', '-'): v for k, v in headers.items()})
        response = self.connection.getresponse()
        return response, response.read()

    def status(self, path: str, method: str = 'GET', **headers: str) -> int:
        """Return the status only."""
        return self.ask(path, method, **headers)[0].status


@pytest.fixture
def serve(root: Path, record: Any) -> Iterator[Callable[..., Site]]:
    """serve(**options of Folder) -> Site for `root`, with the Recorder as its log."""
    servers: list[Any] = []
    sites: list[Site] = []

    def start(**options: Any) -> Site:
        server = nodehttp.createServer(static.Folder(root, log=record, **options))
        servers.append(server)
        server.listen(0, '127.0.0.1')
        sites.append(Site(server))
        return sites[-1]

    yield start
    for site in sites:
        site.connection.close()
    for server in servers:
        server.close()
        server.closeAllConnections()


@pytest.fixture
def site(serve: Callable[..., Site]) -> Site:
    """The folder, served with the usual options."""
    return serve()


# Files


def test_a_file_comes_with_its_type_length_and_validators(site: Site) -> None:
    response, body = site.ask('/text.txt?query')
    assert (response.status, response.reason, body) == (200, 'OK', TEXT)
    del response.headers['Date']
    assert response.getheaders() == [
        ('Last-Modified', HTTP_DATE), ('ETag', f'"{DATE * 10**9 + 5:x}-a"'), ('Accept-Ranges', 'bytes'),
        ('Content-Type', 'text/plain'), ('Content-Length', '10'),
        ('Connection', 'keep-alive'), ('Keep-Alive', 'timeout=5')]


def test_head_is_get_without_a_body(site: Site) -> None:
    for path in ('/text.txt', '/empty', '/', '/sub', '/nothing'):
        get, _ = site.ask(path)
        head, body = site.ask(path, 'HEAD')
        del get.headers['Date'], head.headers['Date']
        assert (head.status, head.getheaders(), body) == (get.status, get.getheaders(), b'')


def test_an_empty_file_is_served(site: Site) -> None:
    response, body = site.ask('/empty')
    assert (response.status, body, response.headers['Content-Length']) == (200, b'', '0')
    assert response.headers['Content-Type'] == 'application/octet-stream'


def test_a_proxys_form_of_the_url_is_read_too(site: Site) -> None:
    assert site.ask('http://other.example/text.txt#x')[1] == TEXT
    assert site.status('http://other.example') == 200


@pytest.mark.parametrize(('name', 'kind'), [
    ('a.html', 'text/html'), ('a.css', 'text/css'), ('a.JSON', 'application/json'), ('a.png', 'image/png'),
    ('a.tar.gz', 'application/gzip'), ('a.tar.bz2', 'application/x-bzip2'), ('a.tar.xz', 'application/x-xz'),
    ('a.Z', 'application/octet-stream'), ('a', 'application/octet-stream'),
    ('.txt', 'application/octet-stream'), ('data:text,x.html', 'text/html'),
])
def test_types_follow_the_name(name: str, kind: str) -> None:
    assert static.content_type(name) == kind


def test_other_methods_are_not_allowed(site: Site) -> None:
    for method in ('POST', 'PUT', 'DELETE', 'OPTIONS'):
        response, body = site.ask('/text.txt', method)
        assert (response.status, response.headers['Allow'], body) == (
            405, 'GET, HEAD', b'405 Method Not Allowed\n')


def test_what_is_not_there_is_404(site: Site) -> None:
    for path in ('/nothing', '/nothing/', '/text.txt/', '/text.txt/x', '/sub/text.txt', '/%00', '/a%00.txt',
                 '/' + 'x' * 300):
        response, body = site.ask(path)
        assert (response.status, body) == (404, b'404 Not Found\n'), path


def test_what_is_no_regular_file_is_404(site: Site, root: Path) -> None:
    os.mkfifo(root / 'pipe')
    assert site.status('/pipe') == 404


@pytest.mark.skipif(os.geteuid() == 0, reason='root may read everything')
def test_what_may_not_be_read_is_403(site: Site, root: Path) -> None:
    (root / 'text.txt').chmod(0)
    (root / 'sub').chmod(0)
    try:
        assert site.status('/text.txt') == 403
        assert site.status('/sub/') == 403
        assert site.status('/sub/page.html') == 403
    finally:
        (root / 'sub').chmod(0o700)


def test_every_answer_leaves_the_connection_usable(site: Site) -> None:
    statuses = [site.status(path) for path in ('/text.txt', '/', '/sub', '/nothing', '/empty')]
    assert statuses == [200, 200, 301, 404, 200]
    statuses = [site.status('/text.txt', If_None_Match='*'), site.status('/text.txt', Range='bytes=99-')]
    assert statuses == [304, 416]
    assert site.connection.sock is not None


# Conditions


def test_the_version_that_the_client_has_is_not_sent_again(site: Site) -> None:
    etag = site.ask('/text.txt')[0].headers['ETag']
    assert site.status('/text.txt', If_None_Match=etag) == 304
    assert site.status('/text.txt', If_None_Match=f'"x", W/{etag}, "y"') == 304
    assert site.status('/text.txt', If_None_Match='*') == 304
    assert site.status('/text.txt', If_None_Match='"x"') == 200
    assert site.status('/text.txt', If_Modified_Since=HTTP_DATE) == 304
    assert site.status('/text.txt', If_Modified_Since='Tuesday, 14-Nov-23 22:13:20 GMT') == 304
    assert site.status('/text.txt', If_Modified_Since='Tue Nov 14 22:13:20 2023') == 304
    assert site.status('/text.txt', If_Modified_Since='Tue, 14 Nov 2023 22:13:19 GMT') == 200
    assert site.status('/text.txt', If_Modified_Since='yesterday') == 200
    assert site.status('/text.txt', If_Modified_Since='Tue, 14 Nov 99999 22:13:19 GMT') == 200
    assert site.status('/text.txt', 'HEAD', If_None_Match=etag) == 304


def test_the_etag_counts_more_than_the_date(site: Site) -> None:
    assert site.status('/text.txt', If_None_Match='"x"', If_Modified_Since=HTTP_DATE) == 200


def test_304_has_the_validators_and_no_body(site: Site) -> None:
    response, body = site.ask('/text.txt', If_None_Match='*')
    del response.headers['Date']
    assert body == b''
    assert response.getheaders() == [
        ('Last-Modified', HTTP_DATE), ('ETag', f'"{DATE * 10**9 + 5:x}-a"'), ('Accept-Ranges', 'bytes'),
        ('Connection', 'keep-alive'), ('Keep-Alive', 'timeout=5')]


def test_a_changed_file_has_another_etag(site: Site, root: Path) -> None:
    etag = site.ask('/text.txt')[0].headers['ETag']
    (root / 'text.txt').write_bytes(b'9876543210')
    response, body = site.ask('/text.txt', If_None_Match=etag)
    assert (response.status, body) == (200, b'9876543210')


# Ranges


@pytest.mark.parametrize(('text', 'body', 'content_range'), [
    ('bytes=0-0', b'0', 'bytes 0-0/10'),
    ('bytes=2-4', b'234', 'bytes 2-4/10'),
    ('bytes=7-', b'789', 'bytes 7-9/10'),
    ('bytes=7-99', b'789', 'bytes 7-9/10'),
    ('bytes=-3', b'789', 'bytes 7-9/10'),
    ('bytes=-99', TEXT, 'bytes 0-9/10'),
    ('Bytes=9-', b'9', 'bytes 9-9/10'),
])
def test_one_range_is_206(site: Site, text: str, body: bytes, content_range: str) -> None:
    response, received = site.ask('/text.txt', Range=text)
    assert (response.status, received, response.headers['Content-Range']) == (206, body, content_range)
    assert response.headers['Content-Length'] == str(len(body))


@pytest.mark.parametrize('text', ['bytes=10-', 'bytes=10-20', 'bytes=-0', 'bytes=999999999999999999-'])
def test_a_range_outside_of_the_file_is_416(site: Site, text: str) -> None:
    response, _ = site.ask('/text.txt', Range=text)
    assert (response.status, response.headers['Content-Range']) == (416, 'bytes */10')


@pytest.mark.parametrize('text', [
    'bytes=0-1,3-4', 'bytes=4-2', 'bytes=', 'bytes=-', 'bytes=a-b', 'bytes= 0-1', 'lines=0-1', 'bytes=--1',
    'bytes=' + '9' * 5000 + '-', 'bytes=\xb2-'])
def test_other_ranges_are_not_there(site: Site, text: str) -> None:
    response, body = site.ask('/text.txt', Range=text)
    assert (response.status, body, response.headers['Content-Range']) == (200, TEXT, None)


def test_ranges_of_head_and_of_an_empty_file_are_not_there(site: Site) -> None:
    assert site.status('/text.txt', 'HEAD', Range='bytes=0-1') == 200
    assert site.status('/empty', Range='bytes=0-') == 200
    assert site.status('/empty', Range='bytes=-1') == 200


def test_a_range_of_another_version_is_the_whole_file(site: Site) -> None:
    etag = site.ask('/text.txt')[0].headers['ETag']
    for same in (etag, HTTP_DATE):
        assert site.status('/text.txt', Range='bytes=0-1', If_Range=same) == 206
    for other in ('"x"', f'W/{etag}', 'Tue, 14 Nov 2023 22:13:21 GMT'):
        assert site.status('/text.txt', Range='bytes=0-1', If_Range=other) == 200


# Folders


def test_a_folder_without_its_slash_is_redirected(site: Site, root: Path) -> None:
    (root / 'a b?').mkdir()
    (root / '\\evil.example').mkdir()
    (root / 'evil.example').mkdir()
    for path, location in [
        ('/sub', '/sub/'), ('/sub?a=%20b', '/sub/?a=%20b'), ('/a%20b%3F', '/a%20b%3F/'),
        ('/sub/../sub', '/sub/'),
        ('//evil.example', '/evil.example/'), ('/\\evil.example', '/%5Cevil.example/'),
    ]:
        response, _ = site.ask(path)
        assert (response.status, response.headers['Location']) == (301, location), path


def test_a_query_of_other_bytes_is_escaped_in_the_redirect(root: Path) -> None:
    response = static.Folder(root).answer('GET', '/sub?\xe9\x7f"', {})
    assert response.headers['Location'] == '/sub/?%E9%7F"'


def test_a_folder_with_an_index_shows_that(site: Site, root: Path) -> None:
    (root / 'sub' / 'index.html').mkdir()  # is none
    (root / 'sub' / 'index.htm').write_bytes(b'the index')
    response, body = site.ask('/sub/')
    assert (response.status, body, response.headers['Content-Type']) == (200, b'the index', 'text/html')
    assert site.status('/sub/', If_None_Match='*') == 304


def test_a_listing_is_a_page_of_links_in_order(site: Site, root: Path) -> None:
    (root / 'B').write_bytes(b'')
    (root / 'a').write_bytes(b'')
    (root / 'link').symlink_to('text.txt')
    response, body = site.ask('/')
    assert response.headers['Content-Type'] == 'text/html; charset=utf-8'
    assert body.decode() == '\n'.join((
        '<!DOCTYPE html>', '<html lang="en">',
        '<head>', '<meta charset="utf-8">', '<title>Directory listing for /</title>', '</head>',
        '<body>', '<h1>Directory listing for /</h1>', '<hr>', '<ul>',
        '<li><a href="a">a</a></li>',
        '<li><a href="B">B</a></li>',
        '<li><a href="empty">empty</a></li>',
        '<li><a href="link">link@</a></li>',
        '<li><a href="sub/">sub/</a></li>',
        '<li><a href="text.txt">text.txt</a></li>',
        '</ul>', '<hr>', '</body>', '</html>', ''))


class Links(HTMLParser):
    """The links of a page, as a browser reads them: [(target, text)]."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self._inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self._inside = tag == 'a'
        if self._inside:
            self.found.append((dict(attributes)['href'], ''))

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.found[-1] = (self.found[-1][0], self.found[-1][1] + data)


ODD_NAMES = [
    b'<b>&amp;"\'', b'a b', b'a%20b', b'a?b#c', b'c:d', b'data:text,x', b'\xc3\xbcml\xc3\xa4ut', b'\xff\xfe',
    b'\\', b'..x',
    b'...', b'~', b'\r\n', b'\x7f', b'+', b';', b'javascript:alert(1)', b' ', b'%', b'%zz', b'%2e%2e',
]


def test_the_links_of_a_listing_lead_to_the_files_whatever_their_names(site: Site, root: Path) -> None:
    folder = os.path.join(os.fsencode(root), b'<odd> %41\xff')
    os.mkdir(folder)
    for name in ODD_NAMES:
        with open(os.path.join(folder, name), 'wb') as file:
            file.write(b'I am ' + name)
    [(link, text)] = [link for link in Links(site.ask('/')[1].decode()).found if 'odd' in link[0]]
    assert text == '<odd> %41\ufffd/'
    found = Links(site.ask(urljoin('/', link))[1].decode()).found
    bodies = [site.ask(urljoin('/' + link, target))[1] for target, _ in found]
    assert sorted(bodies) == sorted(b'I am ' + name for name in ODD_NAMES)


# No way out


@pytest.mark.parametrize('path', [
    '/../secret.txt', '/sub/../../secret.txt', '/%2e%2e/secret.txt', '/.%2E/secret.txt', '/..%2fsecret.txt',
    '/..%5csecret.txt', '/%2e%2e%2fsecret.txt', '/%252e%252e/secret.txt', '/%252e%252e%252fsecret.txt',
    '/....//secret.txt', '/..\\secret.txt', '/sub/..%2f..%2fsecret.txt', '/..%00/secret.txt',
    '/%00/../../secret.txt', '/%c0%ae%c0%ae/secret.txt', '/..;/secret.txt',
    '/sub/%2e%2e/%2e%2e/%2e%2e/secret.txt', '/sub/./.././../secret.txt', 'http://x/../secret.txt',
    '/ROOT/../../secret.txt', '/{root}/../secret.txt', '//{root}/../secret.txt', '/%2f{root}/../secret.txt',
    '/{secret}', '//{secret}', '/%2F{secret}', '/file://{secret}', 'file://{secret}', '/~root/.profile',
    '/sub/page.html/../../../secret.txt',
])
def test_no_path_leads_out_of_the_folder(site: Site, root: Path, path: str) -> None:
    path = path.replace('{root}', str(root)[1:]).replace('{secret}', str(root.parent / 'secret.txt')[1:])
    response, body = site.ask(path)
    assert b'secret' not in body
    assert response.status == 404


def test_dot_segments_stop_at_the_folder(site: Site) -> None:
    for path in ('/../../text.txt', '/sub/../text.txt', '/./sub/%2e%2e/text.txt', '//text.txt',
                 '/sub/../../../text.txt'):
        assert site.ask(path)[1] == TEXT


def test_symlinks_inside_are_followed_those_to_outside_refused(site: Site, root: Path) -> None:
    (root / 'inside.txt').symlink_to('sub/../text.txt')
    (root / 'folder').symlink_to('sub')
    (root / 'secret.txt').symlink_to('../secret.txt')
    (root / 'parent').symlink_to('..')
    (root / 'absolute').symlink_to(root.parent)
    (root / 'twice').symlink_to('parent')
    (root / 'nowhere').symlink_to('../nowhere')
    (root / 'sub' / 'index.html').symlink_to('../../secret.txt')
    (root / 'loop').symlink_to('loop')
    (root.parent / 'rootless').mkdir()  # begins with the same letters
    (root / 'rootless').symlink_to('../rootless')
    assert site.ask('/inside.txt')[1] == TEXT
    assert site.ask('/folder/page.html')[1] == b'<p>page'
    for path in ('/secret.txt', '/parent', '/parent/', '/parent/secret.txt', '/absolute/secret.txt',
                 '/twice/secret.txt', '/nowhere', '/rootless/', '/parent/root/text.txt/../../secret.txt'):
        response, body = site.ask(path)
        assert (response.status, body) == (403, b'403 Forbidden\n'), path
    assert site.status('/loop') == 404
    assert b'page.html' in site.ask('/sub/')[1]  # the listing: that is no index of this folder
    assert site.status('/') == 200


def test_symlinks_to_outside_are_followed_when_asked_for(serve: Callable[..., Site], root: Path) -> None:
    (root / 'secret.txt').symlink_to('../secret.txt')
    (root / 'parent').symlink_to('..')
    site = serve(follow_symlinks=True)
    assert site.ask('/secret.txt')[1] == b'secret'
    assert site.ask('/parent/secret.txt')[1] == b'secret'
    assert site.status('/../secret.txt') == 200  # the link; not the file beside the folder
    assert site.status('/parent/../../secret.txt') == 200
    (root / 'secret.txt').unlink()
    assert site.status('/../secret.txt') == 404


# Streams and the log

BIG = 32 * 1024 * 1024  # bytes; more than all buffers between the two ends take


@pytest.fixture
def big(root: Path) -> Path:
    """A big sparse file in the folder."""
    path = root / 'big'
    path.touch()
    os.truncate(path, BIG)
    return path


def is_open(path: Path) -> bool:
    """Has this process a descriptor for the file?"""
    found = []
    for descriptor in os.listdir('/proc/self/fd'):
        with contextlib.suppress(OSError):
            found.append(os.readlink(f'/proc/self/fd/{descriptor}'))
    return str(path) in found


needs_proc = pytest.mark.skipif(not os.path.isdir('/proc/self/fd'), reason='there is no /proc')

LINE = re.compile(r'127\.0\.0\.1 - - \[\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] (.*)')


def logged(line: str) -> str:
    """Return what a log line says behind its time."""
    found = LINE.fullmatch(line)
    assert found is not None, line
    return found[1]


def test_each_request_is_one_line_of_the_common_log_format(site: Site, record: Any) -> None:
    for count, (path, method, line) in enumerate([
            ('/text.txt?q', 'GET', '"GET /text.txt?q HTTP/1.1" 200 10'),
            ('/text.txt', 'HEAD', '"HEAD /text.txt HTTP/1.1" 200 -'),
            ('/empty', 'GET', '"GET /empty HTTP/1.1" 200 -'),
            ('/sub', 'GET', '"GET /sub HTTP/1.1" 301 22'),
            ('/"\\', 'GET', r'"GET /\x22\x5c HTTP/1.1" 404 14'),
            ('/', 'DELETE', '"DELETE / HTTP/1.1" 405 23')], 1):
        site.ask(path, method)
        assert logged(record.wait_count(count)[-1]) == line


def test_control_characters_do_not_reach_the_log() -> None:
    assert static.printable('a\x1b[0m\n"b\\c\xff\x7f') == r'a\x1b[0m\x0a\x22b\x5cc\xff\x7f'
    assert logged(static.log_line('127.0.0.1', 'GET / HTTP/1.0', None, 0)) == '"GET / HTTP/1.0" - -'


@needs_proc
def test_a_client_that_leaves_closes_the_file(
        site: Site, big: Path, record: Any, dial: Callable[..., Any],
        monkeypatch: pytest.MonkeyPatch) -> None:
    create = fs.createReadStream

    def observed(*args: Any, **kwargs: Any) -> Any:
        file = create(*args, **kwargs)
        record.on(file, 'close', prefix='file')
        return file

    monkeypatch.setattr(fs, 'createReadStream', observed)
    peer = dial(site.port)
    peer.send(b'GET /big HTTP/1.1\r\nHost: x\r\n\r\n')
    peer.read_until(b'\r\n\r\n')
    peer.read_exactly(1000)
    assert is_open(big)
    peer.reset()
    line, closed = record.wait_count(2)
    assert closed == 'file close'
    assert not is_open(big)
    request, status, size = logged(line).rsplit(' ', 2)
    assert (request, status) == ('"GET /big HTTP/1.1"', '200')
    assert 1000 <= int(size) < BIG


def test_a_file_that_becomes_shorter_ends_the_connection(
        site: Site, big: Path, record: Any, dial: Callable[..., Any]) -> None:
    peer = dial(site.port)
    peer.send(b'GET /big HTTP/1.1\r\nHost: x\r\n\r\n')
    peer.read_until(b'\r\n\r\n')
    os.truncate(big, 1000)
    assert 0 < len(peer.read_to_end()) < BIG
    problem, line = sorted(record.wait_count(2))
    assert problem == '/big: the file has become shorter'
    assert logged(line).startswith('"GET /big HTTP/1.1" 200 ')


def test_pipelined_requests_are_answered_in_order(site: Site, dial: Callable[..., Any]) -> None:
    peer = dial(site.port)
    peer.send(b'GET /text.txt HTTP/1.1\r\nHost: x\r\n\r\nGET /nothing HTTP/1.1\r\nHost: x\r\n\r\n'
              b'GET /sub/page.html HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    answers = peer.read_to_end()
    assert re.findall(rb'HTTP/1.1 (\d+)|(0123456789|404 Not Found|<p>page)', answers) == [
        (b'200', b''), (b'', TEXT), (b'404', b''), (b'', b'404 Not Found'), (b'200', b''), (b'', b'<p>page')]


def test_a_whole_big_file_arrives(site: Site, root: Path) -> None:
    data = os.urandom(3_000_000)
    (root / 'data').write_bytes(data)
    assert site.ask('/data')[1] == data
    assert site.ask('/data', Range='bytes=1000000-1999999')[1] == data[1_000_000:2_000_000]


# Other clients


def curl(site: Site, path: str, *options: str) -> str:
    """Return what curl prints: the head of the answer and its body."""
    done = subprocess.run(
        ['curl', '--silent', '--include', '--path-as-is', *options, f'http://127.0.0.1:{site.port}{path}'],
        capture_output=True, timeout=10, check=True)
    return done.stdout.decode().replace('\r\n', '\n')


@needs_curl
def test_curl(site: Site, root: Path) -> None:
    assert curl(site, '/text.txt').endswith('\n\n0123456789')
    assert curl(site, '/text.txt', '--range', '2-3').startswith('HTTP/1.1 206 Partial Content\n')
    assert curl(site, '/text.txt', '--range', '2-3').endswith('\n\n23')
    assert '\nContent-Length: 10\n' in curl(site, '/text.txt', '--head')
    old = curl(site, '/text.txt', '--http1.0')
    assert old.startswith('HTTP/1.1 200 OK\n')
    assert 'Connection: close\n' in old
    assert old.endswith('\n\n0123456789')
    unchanged = curl(site, '/text.txt', '--time-cond', str(root / 'text.txt'))
    assert unchanged.startswith('HTTP/1.1 304 Not Modified\n')
    assert curl(site, '/../secret.txt').startswith('HTTP/1.1 404 Not Found\n')
    assert '\n<li><a href="page.html">page.html</a></li>\n' in curl(site, '/sub', '--location')
    (root / 'part').write_bytes(b'01234')
    curl(site, '/text.txt', '--continue-at', '-', '--output', str(root / 'part'), '--no-include')
    assert (root / 'part').read_bytes() == TEXT


def test_requests(site: Site) -> None:
    requests = pytest.importorskip('requests')
    with requests.Session() as session:
        base = f'http://127.0.0.1:{site.port}'
        answer = session.get(base + '/sub')
        assert [step.status_code for step in answer.history] == [301]
        assert answer.url == base + '/sub/'
        answer = session.get(base + '/text.txt')
        assert answer.content == TEXT
        unchanged = session.get(base + '/text.txt', headers={'If-None-Match': answer.headers['ETag']})
        assert unchanged.status_code == 304
        assert session.head(base + '/text.txt').headers['Content-Length'] == '10'
