"""url.parse(): the parser of Node's first years, for programs that were written with it.

It reads anything, relative targets such as `/status?name=x` too, and gives what `http.request` takes as
options. It is not the parser of browsers, and two parsers that disagree about a host are a door for
attackers: new programs use URL.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, unquote_plus

from nodehttp.errors import invalid_arg_type, node_error
from nodehttp.hostname import InvalidURL, to_ascii
from nodehttp.record import Record
from nodehttp.strings import decode_component

_FIELDS = (
    'protocol', 'slashes', 'auth', 'host', 'port', 'hostname', 'hash', 'search', 'query', 'pathname', 'path',
    'href',
)
_SLASHED = ('http:', 'https:', 'ftp:', 'gopher:', 'file:', 'ws:', 'wss:')

_AROUND = ''.join(map(chr, range(33))) + '\xa0\ufeff'  # is cut off

# A target such as a server's request has: taken as it is.
_SIMPLE = re.compile(r'(//?(?!/)[^?\s]*)(\?\S*)?')
_PROTOCOL = re.compile(r'[A-Za-z0-9.+-]+:')
_CREDENTIALS_AND_HOST = re.compile(r'//[^@/]+@[^@/]+')
_HOST_END = re.compile(r'[/?#]')
_DROPPED = re.compile(r'[\t\n\r]')
_NO_HOST = re.compile(r'[ "%\'`;<>\\^{|}]')
_ESCAPED = re.compile(r'[\t\n\r "\'<>\\^`{|}]')
_FORBIDDEN = re.compile(r'[\x00\t\n\r #%/:<>?@\[\\\]^|]')


def parse(urlString: str, parseQueryString: bool = False, slashesDenoteHost: bool = False) -> Record[Any]:
    """Return the parts of a URL or request target ("url.parse()" of Node's url module, deprecated there).

    A Record with protocol, slashes, auth (decoded), host, port (str), hostname, hash, search, query,
    pathname, path and href; None where the text has no such part. With `parseQueryString` `query` is a Record
    of values (lists where a name comes twice); with `slashesDenoteHost` `//host/path` has a host. Raises
    TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_URL or ERR_INVALID_ARG_VALUE (for a bad port), URIError for a
    bad escape in `auth`.
    """
    if not isinstance(urlString, str):
        raise invalid_arg_type('url', 'of type string', urlString)
    url: Record[Any] = Record(dict.fromkeys(_FIELDS))
    text = urlString.strip(_AROUND)
    before, mark, query = text.partition('?')
    if '#' not in before:
        text = before.replace('\\', '/') + mark + query
    if not slashesDenoteHost and '@' not in text and '#' not in text and (simple := _SIMPLE.fullmatch(text)):
        url.pathname, url.search = simple.groups()
    else:
        _read(url, urlString, text, slashesDenoteHost)
    if url.search is not None:
        url.query = url.search[1:]
    if parseQueryString:
        url.query = _parse_query(url.query or '')
    if url.pathname or url.search:
        url.path = (url.pathname or '') + (url.search or '')
    url.href = _format(url)
    return url


def _read(url: Record[Any], input: str, text: str, slashes_denote_host: bool) -> None:
    protocol = _PROTOCOL.match(text)
    if protocol:
        url.protocol = protocol.group().lower()
        text = text[protocol.end():]
    script = url.protocol == 'javascript:'
    has_slashes = bool(slashes_denote_host or protocol or _CREDENTIALS_AND_HOST.match(text))
    if has_slashes and text.startswith('//') and not script:
        url.slashes = True
        text = text[2:]
    # (As in Node HTTP: is not http: here.)
    if not script and (url.slashes or (protocol and protocol.group() not in _SLASHED)):
        text = _read_authority(url, input, text)
    if not script:
        text = _ESCAPED.sub(lambda match: f'%{ord(match.group()):02X}', text)
    text, has_hash, fragment = text.partition('#')
    if has_hash:
        url.hash = '#' + fragment
    text, has_query, query = text.partition('?')
    if has_query:
        url.search = '?' + query
    if text:
        url.pathname = text
    elif url.hostname and url.protocol in _SLASHED:
        url.pathname = '/'


def _read_authority(url: Record[Any], input: str, text: str) -> str:
    """Read user, host and port; return what comes after."""
    end = _HOST_END.search(text)
    authority, rest = (text[:end.start()], text[end.start():]) if end else (text, '')
    authority = _DROPPED.sub('', authority)
    at = authority.rfind('@')
    if at >= 0:
        url.auth = decode_component(authority[:at])
    stop = _NO_HOST.search(authority, at + 1)
    host = authority[at + 1:stop.start() if stop else None]
    rest = authority[at + 1 + len(host):] + rest
    host, colon, port = host.rpartition(':') if re.search(r':[0-9]*$', host) else (host, '', '')
    if colon and port:
        url.port = port
    if host.startswith('[') and host.endswith(']'):
        url.hostname = host[1:-1].lower()
        rest = rest if rest.startswith('/') else f'/{rest}'
    elif ':' in host:
        raise node_error('ERR_INVALID_ARG_VALUE', 'url', input, 'has an invalid port')
    else:
        url.hostname = _hostname(host, input)
    url.host = (f'[{url.hostname}]' if ':' in url.hostname else url.hostname) + (f':{port}' if port else '')
    return rest


def _hostname(host: str, input: str) -> str:
    try:
        name = to_ascii(host)
        if (name or not host) and not _FORBIDDEN.search(name):
            return name
    except InvalidURL:
        pass
    error: Any = node_error('ERR_INVALID_URL')
    error.input = input
    raise error


def _parse_query(query: str) -> Record[Any]:
    values: Record[Any] = Record()
    for field in filter(None, query.split('&')):
        name, value = map(unquote_plus, field.partition('=')[::2])
        if name not in values:
            values[name] = value
        elif isinstance(values[name], list):
            values[name].append(value)
        else:
            values[name] = [values[name], value]
    return values


def _format(url: Record[Any]) -> str:
    auth = quote(url.auth, "!'()*~:") + '@' if url.auth else ''
    host = f'{auth}{url.host}' if url.host else ''
    pathname = url.pathname or ''
    if url.slashes or (host and url.protocol in _SLASHED):
        host = '//' + host
        if pathname and not pathname.startswith('/'):
            pathname = '/' + pathname
    elif url.protocol == 'file:':
        host = '//'
    search = (url.search or '').replace('#', '%23')
    return f"{url.protocol or ''}{host}{pathname}{search}{url.hash or ''}"
