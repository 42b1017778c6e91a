"""URL, URLSearchParams, url.parse and the options a URL stands for; the rows are what Node 25.2.1 was seen to
do.

url_rows.txt: one JSON list a line, [input, base, href, origin]; url_setter_rows.txt: [URL, attribute, value,
href after]. href is null where Node throws ERR_INVALID_URL.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlparse, urlsplit

import pytest
from conftest import local_node

from nodehttp.strings import URIError
from nodehttp.url import URL, URLSearchParams, parse, url_options, urlToHttpOptions

ATTRIBUTES = (
    'href', 'origin', 'protocol', 'username', 'password', 'host', 'hostname', 'port', 'pathname', 'search',
    'hash',
)


def rows(name: str) -> list[list[Any]]:
    return [json.loads(line) for line in (Path(__file__).parent / name).read_text().splitlines()]


def read(text: str, base: str | None) -> list[str] | None:
    try:
        url = URL(text, base)
    except TypeError:
        return None
    return [url.href, url.origin]


def change(text: str, attribute: str, value: str) -> str | None:
    url = URL(text)
    try:
        setattr(url, attribute, value)
    except TypeError:
        return None
    return url.href


def test_every_url_reads_as_in_node() -> None:
    table = rows('url_rows.txt')
    expected = [(text, base, None if href is None else [href, origin]) for text, base, href, origin in table]
    assert [(text, base, read(text, base)) for text, base, *_ in table] == expected


def test_every_setter_does_what_it_does_in_node() -> None:
    table = rows('url_setter_rows.txt')
    assert [[text, name, value, change(text, name, value)] for text, name, value, _ in table] == table


def test_what_a_url_became_reads_as_itself() -> None:
    for _, _, href, _ in rows('url_rows.txt'):
        if href is not None:
            assert URL(href).href == href


def test_the_rows_are_what_the_local_node_does() -> None:
    program = """
        const {reads, changes} = JSON.parse(require('fs').readFileSync(0));
        const attempt = (f) => { try { return f() } catch { return {href: null, origin: null} } };
        const read = ([text, base]) => attempt(() => new URL(text, base ?? undefined));
        const change = ([text, name, value]) => attempt(() => Object.assign(new URL(text), {[name]: value}));
        console.log(JSON.stringify({
            reads: reads.map(read).map(({href, origin}) => [href, origin]),
            changes: changes.map(change).map(({href}) => href),
        }));
    """
    reads, changes = rows('url_rows.txt'), rows('url_setter_rows.txt')
    table = json.dumps({'reads': reads, 'changes': changes})
    output = subprocess.check_output([local_node(), '-e', program], input=table, text=True)
    assert json.loads(output) == {'reads': [row[2:] for row in reads], 'changes': [row[3] for row in changes]}


@pytest.mark.parametrize('expected', [
    ['http://us%20er:p%C3%A4@xn--bcher-kva.example:8080/a%20b;c?d=%27e#f%60', 'http://xn--bcher-kva.example:8080',
     'http:', 'us%20er', 'p%C3%A4', 'xn--bcher-kva.example:8080', 'xn--bcher-kva.example', '8080', '/a%20b;c',
     '?d=%27e', '#f%60'],
    ['https://[::1]/', 'https://[::1]', 'https:', '', '', '[::1]', '[::1]', '', '/', '', ''],
    ['http://h/?#', 'http://h', 'http:', '', '', 'h', 'h', '', '/', '', ''],
    ['mailto:a@b.c?d#e', 'null', 'mailto:', '', '', '', '', '', 'a@b.c', '?d', '#e'],
    ['file:///a/b', 'null', 'file:', '', '', '', '', '', '/a/b', '', ''],
])
def test_each_attribute(expected: list[str]) -> None:
    url = URL(expected[0])
    assert [getattr(url, name) for name in ATTRIBUTES] == expected


def test_the_same_url_in_all_its_spellings() -> None:
    expected = 'http://xn--bcher-kva.example/a?b'
    for spelling in ('http://BÜCHER.example:80/./x/../a?b', urlsplit('http://bücher.example/a?b'),
                     urlparse('http://bücher.example/a?b'), URL('http://bücher.example/a?b')):
        url = URL(spelling)
        assert (url.href, url.toString(), url.toJSON(), str(url)) == (expected,) * 4
    assert repr(URL('http://a')) == "URL('http://a/')"


def test_a_text_that_is_no_url_raises_a_type_error() -> None:
    with pytest.raises(TypeError) as raised:
        URL('nope')
    assert (raised.value.code, raised.value.message) == ('ERR_INVALID_URL', 'Invalid URL')
    assert (raised.value.input, raised.value.base) == ('nope', None)
    with pytest.raises(TypeError) as raised:
        URL('nope', 'http://%zz')
    assert (raised.value.input, raised.value.base) == ('nope', 'http://%zz')
    url = URL('http://a/b')
    with pytest.raises(TypeError) as raised:
        url.href = 'nope'
    assert (raised.value.code, raised.value.input, url.href) == ('ERR_INVALID_URL', 'nope', 'http://a/b')


def test_parse_and_can_parse_do_not_raise() -> None:
    assert URL.parse('nope') is None
    assert URL.parse('/x', 'nope') is None
    assert str(URL.parse('/x', 'http://a')) == 'http://a/x'
    assert not URL.canParse('nope')
    assert not URL.canParse('/x')
    assert URL.canParse('/x', URL('http://a'))


def test_a_symbol_that_hides_a_dot_is_no_host() -> None:
    for host in ('a\u2025b', 'a\u248eb', 'a\ufe19b', 'a\ufe52b'):
        assert not URL.canParse(f'http://{host}/')


def test_search_params_are_the_live_query() -> None:
    url = URL('http://a/?x=1&y=2#f')
    params = url.searchParams
    params.append('z', 'ä b')
    assert url.href == 'http://a/?x=1&y=2&z=%C3%A4+b#f'
    params.delete('x')
    params.set('y', '~')
    assert (url.href, url.search) == ('http://a/?y=%7E&z=%C3%A4+b#f', '?y=%7E&z=%C3%A4+b')
    url.search = '?q=r'
    assert list(params) == [('q', 'r')]
    url.href = 'http://b/?m=n'
    assert (list(params), url.searchParams is params) == ([('m', 'n')], True)
    params.delete('m')
    assert url.href == 'http://b/'
    url.search = '??a'
    assert list(params) == [('?a', '')]
    url.search = ''
    assert len(params) == 0


def test_reading_search_params_leaves_the_query_as_it_is() -> None:
    url = URL('http://a/?a=~%41')
    assert (url.searchParams.get('a'), url.href) == ('~A', 'http://a/?a=~%41')
    url.searchParams.sort()
    assert url.href == 'http://a/?a=%7EA'


@pytest.mark.parametrize('init, pairs, text', [
    ('', [], ''),
    (None, [], ''),
    ('?', [], ''),
    ('??a', [('?a', '')], '%3Fa='),
    ('a', [('a', '')], 'a='),
    ('=', [('', '')], '='),
    ('=b', [('', 'b')], '=b'),
    ('a=b=c', [('a', 'b=c')], 'a=b%3Dc'),
    ('&&a&&', [('a', '')], 'a='),
    ('a+b=c%20d', [('a b', 'c d')], 'a+b=c+d'),
    ('%zz=%', [('%zz', '%')], '%25zz=%25'),
    ('%ff=é', [('\ufffd', 'é')], '%EF%BF%BD=%C3%A9'),
    ('ä=€😀', [('ä', '€😀')], '%C3%A4=%E2%82%AC%F0%9F%98%80'),
    ("!'()*-._~$,;:@/", [("!'()*-._~$,;:@/", '')], '%21%27%28%29*-._%7E%24%2C%3B%3A%40%2F='),
    (' \t\n\r\x00"<>#`', [(' \t\n\r\x00"<>#`', '')], '+%09%0A%0D%00%22%3C%3E%23%60='),
    ('\ud800=x', [('\ufffd', 'x')], '%EF%BF%BD=x'),
    ({'a': 1, 'b': [1, 2], 'c': True, 'd': None, 'e': 1.5, 'f': 2.0},
     [('a', '1'), ('b', '1,2'), ('c', 'true'), ('d', 'null'), ('e', '1.5'), ('f', '2')],
     'a=1&b=1%2C2&c=true&d=null&e=1.5&f=2'),
    ([('a', 'b'), ['a', 'c']], [('a', 'b'), ('a', 'c')], 'a=b&a=c'),
    (iter([(1, 2)]), [('1', '2')], '1=2'),
    (URLSearchParams('a=b'), [('a', 'b')], 'a=b'),
])
def test_search_params_from(init: Any, pairs: list[tuple[str, str]], text: str) -> None:
    params = URLSearchParams(init)
    assert (list(params), params.size, params.toString(), str(params)) == (pairs, len(pairs), text, text)


@pytest.mark.parametrize('init', [[('a',)], [('a', 'b', 'c')], ['ab'], [1]])
def test_search_params_from_what_are_no_pairs(init: Any) -> None:
    with pytest.raises(TypeError) as raised:
        URLSearchParams(init)
    assert raised.value.code == 'ERR_INVALID_TUPLE'
    assert raised.value.message == 'Each query pair must be an iterable [name, value] tuple'


def test_methods_of_search_params() -> None:
    params = URLSearchParams('a=1&b=2&a=3')
    assert (params.get('a'), params.get('x')) == ('1', None)
    assert (params.getAll('a'), params.getAll('x')) == (['1', '3'], [])
    assert (params.has('a'), params.has('a', '3'), 'b' in params) == (True, True, True)
    assert (params.has('a', '4'), params.has('x'), 'x' in params) == (False, False, False)
    params.delete('a', '1')
    assert str(params) == 'b=2&a=3'
    params.set('b', 5)
    params.set('n', True)
    assert (str(params), len(params), bool(URLSearchParams())) == ('b=5&a=3&n=true', 3, True)
    seen: list[Any] = []
    params.forEach(lambda value, name: seen.append((name, value)))
    assert seen == list(params.entries()) == list(zip(params.keys(), params.values(), strict=True))
    params = URLSearchParams('a=1&b=2&a=3')
    params.set('a', 'x')
    assert str(params) == 'a=x&b=2'


NEEDS_NAME = 'The "name" argument must be specified'
NEEDS_BOTH = 'The "name" and "value" arguments must be specified'


@pytest.mark.parametrize(('method', 'args', 'code', 'message'), [
    ('append', (), 'ERR_MISSING_ARGS', NEEDS_BOTH), ('append', ('a',), 'ERR_MISSING_ARGS', NEEDS_BOTH),
    ('set', (), 'ERR_MISSING_ARGS', NEEDS_BOTH), ('set', ('a',), 'ERR_MISSING_ARGS', NEEDS_BOTH),
    ('delete', (), 'ERR_MISSING_ARGS', NEEDS_NAME), ('get', (), 'ERR_MISSING_ARGS', NEEDS_NAME),
    ('getAll', (), 'ERR_MISSING_ARGS', NEEDS_NAME), ('has', (), 'ERR_MISSING_ARGS', NEEDS_NAME),
    ('forEach', (), 'ERR_INVALID_ARG_TYPE',
     'The "callback" argument must be of type function. Received undefined'),
    ('forEach', (5,), 'ERR_INVALID_ARG_TYPE',
     'The "callback" argument must be of type function. Received type number (5)'),
])
def test_wrong_arguments_of_search_params(method: str, args: Any, code: str, message: str) -> None:
    with pytest.raises(TypeError) as raised:
        getattr(URLSearchParams('a=1'), method)(*args)
    assert (raised.value.code, raised.value.message) == (code, message)


def test_search_params_sort_by_utf_16_and_keep_equal_names_in_order() -> None:
    params = URLSearchParams('z=b&ﬃ=bffi&🌈=brainbow&z=a')  # U+FB03 sorts behind a surrogate
    params.sort()
    assert str(params) == 'z=b&z=a&%F0%9F%8C%88=brainbow&%EF%AC%83=bffi'


def test_the_options_that_a_url_stands_for() -> None:
    assert urlToHttpOptions(URL('http://us%20er:pa%3Ass@[::1]:81/p?q#h')) == {
        'protocol': 'http:', 'hostname': '::1', 'hash': '#h', 'search': '?q', 'pathname': '/p',
        'path': '/p?q', 'href': 'http://us%20er:pa%3Ass@[::1]:81/p?q#h', 'port': 81, 'auth': 'us er:pa:ss'}
    assert urlToHttpOptions(URL('https://u@h:443')) == {
        'protocol': 'https:', 'hostname': 'h', 'hash': '', 'search': '', 'pathname': '/', 'path': '/',
        'href': 'https://u@h/', 'auth': 'u:'}
    assert urlToHttpOptions(URL('http://:p@h')).auth == ':p'


@pytest.mark.parametrize('user', ['a%ff', 'a%zz', '%'])
def test_credentials_that_are_no_utf_8_have_no_options(user: str) -> None:
    with pytest.raises(URIError, match='URI malformed'):
        urlToHttpOptions(URL(f'http://{user}@h'))


def test_options_of_anything_that_names_a_url() -> None:
    expected = urlToHttpOptions(URL('http://h:81/p?q'))
    for value in ('http://h:81/p?q', URL('http://h:81/p?q'), urlsplit('http://h:81/p?q'), urlparse('http://h:81/p?q')):
        assert url_options(value) == expected
    assert url_options({'host': 'h'}) is None
    assert url_options(None) is None
    with pytest.raises(TypeError) as raised:
        url_options('/p')
    assert raised.value.code == 'ERR_INVALID_URL'


def test_changing_the_options_of_a_url_changes_nobody_elses() -> None:
    options = url_options('http://h/p')
    assert options is not None
    options['path'] = '/changed'
    assert url_options('http://h/p').path == '/p'  # type: ignore[union-attr]


PARSE_FIELDS = (
    'protocol', 'slashes', 'auth', 'host', 'port', 'hostname', 'hash', 'search', 'query', 'pathname', 'href',
)


@pytest.mark.parametrize('row', [
    ('http://u:p@Host.com:8080/p/a?q=s#h', 'http:', True, 'u:p', 'host.com:8080', '8080', 'host.com', '#h',
     '?q=s', 'q=s', '/p/a', 'http://u:p@host.com:8080/p/a?q=s#h'),
    ('/status?name=ryan', None, None, None, None, None, None, None, '?name=ryan', 'name=ryan', '/status',
     '/status?name=ryan'),
    ('', None, None, None, None, None, None, None, None, None, None, ''),
    ('http://a?x', 'http:', True, None, 'a', None, 'a', None, '?x', 'x', '/', 'http://a/?x'),
    ('//h/p', None, None, None, None, None, None, None, None, None, '//h/p', '//h/p'),
    ('http://[::1]:80/', 'http:', True, None, '[::1]:80', '80', '::1', None, None, None, '/', 'http://[::1]:80/'),
    ('https://u%20x:p%3ay@h/', 'https:', True, 'u x:p:y', 'h', None, 'h', None, None, None, '/',
     'https://u%20x:p:y@h/'),
    ('mailto:a@b.c', 'mailto:', None, 'a', 'b.c', None, 'b.c', None, None, None, None, 'mailto:a@b.c'),
    ('javascript:alert(1)', 'javascript:', None, None, None, None, None, None, None, None, 'alert(1)',
     'javascript:alert(1)'),
    ('http:\\\\a\\{b}', 'http:', True, None, 'a', None, 'a', None, None, None, '/%7Bb%7D', 'http://a/%7Bb%7D'),
    ('http://a.com;x/y', 'http:', True, None, 'a.com', None, 'a.com', None, None, None, ';x/y', 'http://a.com/;x/y'),
    ('http://É.com/é', 'http:', True, None, 'xn--9ca.com', None, 'xn--9ca.com', None, None, None, '/é',
     'http://xn--9ca.com/é'),
    ('localhost:80', 'localhost:', None, None, '80', None, '80', None, None, None, None, 'localhost:80'),
    ('http:/a', 'http:', None, None, None, None, None, None, None, None, '/a', 'http:/a'),
    ('\x01 /a\u3000\xa0\ufeff', None, None, None, None, None, None, None, None, None, '/a\u3000',
     '/a\u3000'),
    ('file:x', 'file:', None, None, None, None, None, None, None, None, 'x', 'file://x'),
    ('file://u@/p', 'file:', True, 'u', '', None, '', None, None, None, '/p', 'file:///p'),
    ('http://[::1];x', 'http:', True, None, '[::1]', None, '::1', None, None, None, '/;x',
     'http://[::1]/;x'),
    ('http://a\tb\n/c\td', 'http:', True, None, 'ab', None, 'ab', None, None, None, '/c%09d',
     'http://ab/c%09d'),
    ('HTTP:h?q', 'http:', None, None, 'h', None, 'h', None, '?q', 'q', '/', 'http://h/?q'),
])
def test_the_old_parser(row: tuple[Any, ...]) -> None:
    text, *expected = row
    parsed = parse(text)
    assert [parsed[name] for name in PARSE_FIELDS] == expected


def test_the_old_parser_with_its_flags() -> None:
    assert parse('/p?a=1&a=2&b=%20+c', True).query == {'a': ['1', '2'], 'b': '  c'}
    assert parse('/p', True).query == {}
    assert (parse('//h/p', False, True).host, parse('//h/p', False, True).path) == ('h', '/p')


@pytest.mark.parametrize('text, code', [
    (5, 'ERR_INVALID_ARG_TYPE'), ('http://a:x/', 'ERR_INVALID_ARG_VALUE'),
    ('http://a\u2025b/', 'ERR_INVALID_URL'),
])
def test_the_old_parser_raises(text: Any, code: str) -> None:
    with pytest.raises(TypeError) as raised:
        parse(text)
    assert raised.value.code == code
