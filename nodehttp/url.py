"""URL and URLSearchParams, with the names and the behaviour of the WHATWG standard, as Node has them.

A URL is read once into its parts (`_Parts`), each already encoded; every attribute is put together from them.
The standard describes a machine that reads character by character. Here the text is cut at its marks instead,
in the order that makes each cut safe: first `#`, then the scheme, then `?`, then authority and path.
Percent-encoding is `urllib.parse.quote` with the characters that the standard lets a component keep; hosts
are read in hostname.py.

Any scheme can be read (`file:`, `mailto:`, ...); http, https, ws, wss, ftp and file have the special rules.
Like a dict, a URL or URLSearchParams that several threads change needs a lock of theirs; reading needs none.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any
from urllib.parse import ParseResult, SplitResult, quote

from nodehttp.errors import NodeError, node_error
from nodehttp.hostname import C0_SAFE, InvalidURL, parse_host, parse_opaque_host
from nodehttp.legacyurl import parse
from nodehttp.record import Record
from nodehttp.searchparams import URLSearchParams
from nodehttp.strings import URIError, decode_component, to_usv_string

__all__ = ['URL', 'URIError', 'URLSearchParams', 'parse', 'urlToHttpOptions']

# The special schemes with their default ports.
_DEFAULT_PORTS = {'http': 80, 'https': 443, 'ws': 80, 'wss': 443, 'ftp': 21, 'file': None}

_STRIPPED = ''.join(map(chr, range(0x21)))  # C0 controls and space, around the whole
_DROPPED = re.compile(r'[\t\n\r]')  # anywhere
_SCHEME = re.compile(r'([A-Za-z][A-Za-z0-9+.-]*):')
_HOST_AND_PORT = re.compile(r'((?:\[[^\]]*(?:\]|$)|[^:\[])*)(?::(.*))?', re.DOTALL)
_DRIVE = re.compile(r'[A-Za-z][:|]')
_LEADING_DRIVE = re.compile(r'[A-Za-z][:|](?:[/\\?#]|$)')


def _without(safe: str, characters: str) -> str:
    return safe.translate(dict.fromkeys(map(ord, characters)))


# What each component keeps as it is. `%` is in all of them: an escape in the input stays one.
_FRAGMENT_SAFE = _without(C0_SAFE, ' "<>`')
_QUERY_SAFE = _without(C0_SAFE, ' "#<>')
_SPECIAL_QUERY_SAFE = _without(_QUERY_SAFE, "'")
_PATH_SAFE = _without(_QUERY_SAFE, '?^`{}')
_USERINFO_SAFE = _without(_PATH_SAFE, '/:;=@[\\]|')


class _Parts:
    """A URL taken apart. `host` may be None (`mailto:`), `path` is a list of segments, or a str if opaque."""

    __slots__ = ('fragment', 'host', 'password', 'path', 'port', 'query', 'scheme', 'username')

    def __init__(self, scheme: str) -> None:
        self.scheme = scheme
        self.username = ''
        self.password = ''
        self.host: str | None = None
        self.port: int | None = None
        self.path: list[str] | str = []
        self.query: str | None = None
        self.fragment: str | None = None

    @property
    def special(self) -> bool:
        return self.scheme in _DEFAULT_PORTS

    @property
    def has_credentials(self) -> bool:
        return bool(self.username or self.password)

    @property
    def takes_credentials(self) -> bool:
        """Whether it may have a user name, a password or a port."""
        return bool(self.host) and self.scheme != 'file'

    def copy_authority(self, other: _Parts) -> None:
        self.username, self.password = other.username, other.password
        self.host, self.port = other.host, other.port

    def pathname(self) -> str:
        return self.path if isinstance(self.path, str) else ''.join('/' + segment for segment in self.path)

    def netloc(self) -> str:
        return (self.host or '') if self.port is None else f'{self.host}:{self.port}'

    def href(self) -> str:
        pieces = [self.scheme, ':']
        if self.host is not None:
            pieces.append('//')
            if self.has_credentials:
                pieces += (self.username, ':' + self.password if self.password else '', '@')
            pieces.append(self.netloc())
        elif isinstance(self.path, list) and len(self.path) > 1 and not self.path[0]:
            pieces.append('/.')  # else the path would read as a host
        pieces.append(self.pathname())
        if self.query is not None:
            pieces += ('?', self.query)
        if self.fragment is not None:
            pieces += ('#', self.fragment)
        return ''.join(pieces)

    # Each of these reads one component, raw, into its place.

    def set_scheme(self, scheme: str) -> None:
        self.scheme = scheme
        if self.port == _DEFAULT_PORTS.get(scheme):
            self.port = None

    def set_authority(self, authority: str) -> None:
        credentials, at, host_and_port = authority.rpartition('@')
        if at:
            if not host_and_port:
                raise InvalidURL(authority)
            username, _, password = credentials.partition(':')
            self.username, self.password = quote(username, _USERINFO_SAFE), quote(password, _USERINFO_SAFE)
        host, port = _split_port(host_and_port)
        if not host and (self.special or port is not None):
            raise InvalidURL(authority)
        self.set_host(host)
        if port:
            self.set_port(port)

    def set_host(self, host: str) -> None:
        if not host:
            self.host = ''
        elif not self.special:
            self.host = parse_opaque_host(host)
        else:
            parsed = parse_host(host)
            self.host = '' if self.scheme == 'file' and parsed == 'localhost' else parsed

    def set_port(self, digits: str) -> None:
        if not (digits.isascii() and digits.isdigit()):
            raise InvalidURL(digits)
        significant = digits.lstrip('0')
        if len(significant) > 5 or int(significant or '0') > 65535:
            raise InvalidURL(digits)
        port = int(significant or '0')
        self.port = None if port == _DEFAULT_PORTS.get(self.scheme) else port

    def set_path(self, text: str) -> None:
        """Read a whole path; it starts with a slash, or is empty."""
        self.path = []
        if self.special:
            text = text.replace('\\', '/')
        elif not text:
            return
        self.append_path(text.removeprefix('/'))

    def append_path(self, text: str) -> None:
        """Read the segments of `text` after those that are there."""
        assert isinstance(self.path, list)
        segments = (text.replace('\\', '/') if self.special else text).split('/')
        last = len(segments) - 1
        for place, segment in enumerate(segments):
            dots = segment.lower().replace('%2e', '.') if len(segment) <= 6 else ''
            if dots not in ('.', '..'):
                if self.scheme == 'file' and not self.path and _DRIVE.fullmatch(segment):
                    segment = segment[0] + ':'
                self.path.append(quote(segment, _PATH_SAFE))
                continue
            if dots == '..':
                self.shorten_path()
            if place == last:
                self.path.append('')

    def shorten_path(self) -> None:
        """Take the last segment away; the drive letter of a file: URL stays."""
        assert isinstance(self.path, list)
        if self.scheme == 'file' and len(self.path) == 1 and re.fullmatch('[A-Za-z]:', self.path[0]):
            return
        if self.path:
            self.path.pop()

    def set_opaque_path(self, text: str, more: bool) -> None:
        """Read the path of `mailto:x`; `more`: a `?` or `#` follows, before which a space would be lost."""
        self.path = quote(text, C0_SAFE)
        if more and text.endswith(' '):
            self.path = self.path[:-1] + '%20'

    def set_query(self, text: str) -> None:
        self.query = quote(text, _SPECIAL_QUERY_SAFE if self.special else _QUERY_SAFE)

    def set_fragment(self, text: str) -> None:
        self.fragment = quote(text, _FRAGMENT_SAFE)


def _split_port(host_and_port: str) -> tuple[str, str | None]:
    """Cut at the first colon that is not inside brackets; the port is None where there is no such colon."""
    match = _HOST_AND_PORT.fullmatch(host_and_port)
    assert match
    host, port = match.groups()
    if port is not None and not host:
        raise InvalidURL(host_and_port)
    return host, port


def _split_authority(text: str, special: bool) -> tuple[str, str]:
    """Cut in front of the path."""
    match = re.search(r'[/\\]' if special else '/', text)
    return (text[:match.start()], text[match.start():]) if match else (text, '')


def _parse(text: str, base: _Parts | None) -> _Parts:
    """Read a URL. Raises InvalidURL."""
    text = _DROPPED.sub('', text.strip(_STRIPPED))
    rest, has_fragment, fragment = text.partition('#')
    match = _SCHEME.match(rest)
    if match:
        scheme, rest = match.group(1).lower(), rest[match.end():]
    elif base is None or (isinstance(base.path, str) and (rest or not has_fragment)):
        raise InvalidURL(text)
    else:
        scheme = base.scheme
    body, has_query, query = rest.partition('?')
    parts = _Parts(scheme)
    if has_query:
        parts.set_query(query)
    if scheme == 'file':
        _parse_file(parts, body, base if base and base.scheme == 'file' else None)
    elif base and (not match or (parts.special and scheme == base.scheme and not body.startswith('//'))):
        _parse_relative(parts, body, base)
    elif parts.special:
        _parse_hierarchy(parts, body.lstrip('/\\'))
    elif body.startswith('//'):
        _parse_hierarchy(parts, body[2:])
    elif body.startswith('/'):
        parts.set_path(body)
    else:
        parts.set_opaque_path(body, bool(has_query or has_fragment))
    if has_fragment:
        parts.set_fragment(fragment)
    return parts


def _parse_hierarchy(parts: _Parts, body: str) -> None:
    """What comes after the two slashes."""
    authority, path = _split_authority(body, parts.special)
    parts.set_authority(authority)
    parts.set_path(path)


def _parse_relative(parts: _Parts, body: str, base: _Parts) -> None:
    slashes = body.replace('\\', '/') if parts.special else body
    if slashes.startswith('//'):
        _parse_hierarchy(parts, body.lstrip('/\\') if parts.special else body[2:])
        return
    parts.copy_authority(base)
    if slashes.startswith('/'):
        parts.set_path(body)
    else:
        _extend_path(parts, body, base)


def _extend_path(parts: _Parts, body: str, base: _Parts) -> None:
    """Resolve a path without a leading slash; an empty one is the base's, as is its query then."""
    if isinstance(base.path, str):
        parts.path = base.path
    else:
        parts.path = base.path.copy()
    if body:
        parts.shorten_path()
        parts.append_path(body)
    elif parts.query is None:
        parts.query = base.query


def _parse_file(parts: _Parts, body: str, base: _Parts | None) -> None:
    """file: has empty hosts, and drive letters (`file:///C|/x`), which are no host, and which `..` keeps."""
    parts.host = ''
    slashes = body.replace('\\', '/')
    if slashes.startswith('//'):
        host, path = _split_authority(body[2:], special=True)
        if _DRIVE.fullmatch(host):
            host, path = '', f'/{host}{path}'
        parts.set_host(host)
        parts.set_path(path)
    elif slashes.startswith('/'):
        drive = base.path[0] if base and base.path else ''
        if base:
            parts.host = base.host
        if re.fullmatch('[A-Za-z]:', drive) and not _LEADING_DRIVE.match(body[1:]):
            body = f'/{drive}{body}'
        parts.set_path(body)
    elif base:
        parts.host = base.host
        if _LEADING_DRIVE.match(body):
            parts.set_path('/' + body)
        else:
            _extend_path(parts, body, base)
    else:
        parts.set_path('/' + body)


def _parsed(text: str, base: _Parts | None = None) -> _Parts | None:
    try:
        return _parse(text, base)
    except InvalidURL:
        return None


def _invalid_url(text: str, base: str | None = None) -> NodeError:
    error = node_error('ERR_INVALID_URL')
    error.add_note(f'input: {text!r}')
    error.__dict__.update(input=text, base=base)
    return error


def _text(url: Any) -> str:
    """The text of whatever names a URL: str, URL, a result of urllib.parse."""
    return url.geturl() if isinstance(url, (SplitResult, ParseResult)) else to_usv_string(url)


class URL:
    """A URL, absolute and in canonical form ("Class: URL" of Node's url module).

    `input` is a str, a URL or a result of `urllib.parse`; where it is relative it is resolved against `base`.
    Attributes are read and set as in the standard; setting one to something that cannot be is ignored, as
    there (only `href` raises). Raises TypeError ERR_INVALID_URL with `.input` and `.base` (None if there is
    none) where there is no such URL.
    """

    __slots__ = ('__weakref__', '_parts', '_search_params')

    def __init__(self, input: Any, base: Any = None) -> None:
        text = _text(input)
        base_parts = None
        if base is not None:
            base = _text(base)
            base_parts = _parsed(base)
            if base_parts is None:
                raise _invalid_url(text, base)
        try:
            self._parts = _parse(text, base_parts)
        except InvalidURL:
            raise _invalid_url(text, base) from None
        self._search_params: URLSearchParams | None = None

    @staticmethod
    def canParse(input: Any, base: Any = None) -> bool:
        """Whether `URL(input, base)` would not raise."""
        return URL.parse(input, base) is not None

    @staticmethod
    def parse(input: Any, base: Any = None) -> URL | None:
        """Return `URL(input, base)`, or None where that would raise."""
        try:
            return URL(input, base)
        except TypeError:
            return None

    def __str__(self) -> str:
        return self._parts.href()

    def __repr__(self) -> str:
        return f'URL({self.href!r})'

    def toString(self) -> str:
        """Return `href`."""
        return self._parts.href()

    def toJSON(self) -> str:
        """Return `href`."""
        return self._parts.href()

    @property
    def href(self) -> str:
        """The whole URL. Setting it raises TypeError ERR_INVALID_URL where the text is not a URL."""
        return self._parts.href()

    @href.setter
    def href(self, value: Any) -> None:
        text = _text(value)
        try:
            self._parts = _parse(text, None)
        except InvalidURL:
            raise _invalid_url(text) from None
        self._refresh_search_params()

    @property
    def origin(self) -> str:
        """`scheme://host[:port]`; 'null' for file: and for schemes without special rules."""
        parts = self._parts
        if parts.scheme == 'blob':
            inner = _parsed(parts.pathname())
            return URL(inner.href()).origin if inner and inner.scheme in ('http', 'https') else 'null'
        if not parts.special or parts.scheme == 'file':
            return 'null'
        return f'{parts.scheme}://{parts.netloc()}'

    @property
    def protocol(self) -> str:
        """The scheme with its colon: 'https:'."""
        return self._parts.scheme + ':'

    @protocol.setter
    def protocol(self, value: Any) -> None:
        parts = self._parts
        match = _SCHEME.match(_dropped(value) + ':')
        if not match:
            return
        scheme = match.group(1).lower()
        if (scheme in _DEFAULT_PORTS) != parts.special:
            return
        if scheme == 'file' and (parts.has_credentials or parts.port is not None):
            return
        if parts.scheme == 'file' and not parts.host:
            return
        parts.set_scheme(scheme)

    @property
    def username(self) -> str:
        """The user name, percent-encoded, or ''."""
        return self._parts.username

    @username.setter
    def username(self, value: Any) -> None:
        if self._parts.takes_credentials:
            self._parts.username = quote(to_usv_string(value), _USERINFO_SAFE)

    @property
    def password(self) -> str:
        """The password, percent-encoded, or ''."""
        return self._parts.password

    @password.setter
    def password(self, value: Any) -> None:
        if self._parts.takes_credentials:
            self._parts.password = quote(to_usv_string(value), _USERINFO_SAFE)

    @property
    def host(self) -> str:
        """Host name, with the port unless it is the scheme's default."""
        return self._parts.netloc()

    @host.setter
    def host(self, value: Any) -> None:
        self._set_host(_dropped(value), with_port=True)

    @property
    def hostname(self) -> str:
        """Host name; an IPv6 address stands in brackets."""
        return self._parts.host or ''

    @hostname.setter
    def hostname(self, value: Any) -> None:
        self._set_host(_dropped(value), with_port=False)

    def _set_host(self, text: str, with_port: bool) -> None:
        parts = self._parts
        if isinstance(parts.path, str):
            return
        text = re.split(r'[/\\?#]' if parts.special else '[/?#]', text, maxsplit=1)[0]
        try:
            host, port = (text, None) if parts.scheme == 'file' else _split_port(text)
            if port is not None and not with_port:
                return
            # The last case is Node's: the standard gives such a URL an empty host, a:/b becomes a:///b.
            if not host and parts.scheme != 'file' and (
                    parts.special or parts.has_credentials or parts.port is not None or parts.host is None):
                return
            parts.set_host(host)
        except InvalidURL:
            return
        if port:
            self.port = port

    @property
    def port(self) -> str:
        """The port in digits, '' when it is the scheme's default."""
        return '' if self._parts.port is None else str(self._parts.port)

    @port.setter
    def port(self, value: Any) -> None:
        text = to_usv_string(value)
        if not self._parts.takes_credentials:
            return
        if not text:
            self._parts.port = None
        elif digits := re.match('[0-9]+', _dropped(text)):
            try:
                self._parts.set_port(digits.group())
            except InvalidURL:
                return

    @property
    def pathname(self) -> str:
        """The path, percent-encoded."""
        return self._parts.pathname()

    @pathname.setter
    def pathname(self, value: Any) -> None:
        parts = self._parts
        if isinstance(parts.path, str):
            return
        text = _dropped(value)
        parts.set_path(text)
        if not text and parts.host is None:
            parts.path = ['']

    @property
    def search(self) -> str:
        """The query with its question mark, '' where it is empty."""
        return '?' + self._parts.query if self._parts.query else ''

    @search.setter
    def search(self, value: Any) -> None:
        text = to_usv_string(value)
        if text:
            self._parts.set_query(_dropped(text.removeprefix('?')))
        else:
            self._parts.query = None
        self._refresh_search_params()

    @property
    def searchParams(self) -> URLSearchParams:
        """The query as pairs; changing them changes this URL, and the other way round."""
        if self._search_params is None:
            self._search_params = URLSearchParams.of_query(self._parts.query, self._query_changed)
        return self._search_params

    @property
    def hash(self) -> str:
        """The fragment with its `#`, '' where it is empty."""
        return '#' + self._parts.fragment if self._parts.fragment else ''

    @hash.setter
    def hash(self, value: Any) -> None:
        text = to_usv_string(value)
        if text:
            self._parts.set_fragment(_dropped(text.removeprefix('#')))
        else:
            self._parts.fragment = None

    def _refresh_search_params(self) -> None:
        if self._search_params is not None:
            self._search_params.read(self._parts.query)

    def _query_changed(self, query: str) -> None:
        """`searchParams` changed."""
        self._parts.query = query or None


def _dropped(value: Any) -> str:
    """What a setter gets, without tabs and line ends."""
    return _DROPPED.sub('', to_usv_string(value))


def urlToHttpOptions(url: URL) -> Record[Any]:
    """Return the options for `http.request` that a URL stands for ("url.urlToHttpOptions(url)").

    `hostname` is without brackets, `path` is pathname and search, `port` a number and only there when it is
    not the default, `auth` is `user:password` decoded and only there when the URL has one. Raises URIError
    where a `%` of the user name or password is no escape.
    """
    parts = url._parts
    host = parts.host or ''
    pathname, search = parts.pathname(), url.search
    options: Record[Any] = Record(
        protocol=parts.scheme + ':',
        hostname=host[1:-1] if host.startswith('[') else host,
        hash=url.hash,
        search=search,
        pathname=pathname,
        path=pathname + search,
        href=parts.href(),
    )
    if parts.port is not None:
        options['port'] = parts.port
    if parts.has_credentials:
        options['auth'] = f'{decode_component(parts.username)}:{decode_component(parts.password)}'
    return options


def url_options(value: Any) -> Record[Any] | None:
    """Internal: the options of a URL where `value` is one (str, URL, a result of `urllib.parse`), else None.

    Raises TypeError ERR_INVALID_URL, and URIError as `urlToHttpOptions` does.
    """
    if isinstance(value, str):
        return _options_of_text(value).copy()
    if isinstance(value, (SplitResult, ParseResult)):
        return _options_of_text(value.geturl()).copy()
    return urlToHttpOptions(value) if isinstance(value, URL) else None


@lru_cache(maxsize=256)
def _options_of_text(text: str) -> Record[Any]:
    # Clients ask the same few URLs over and over: 10 us of reading against one of copying.
    return urlToHttpOptions(URL(text))
