"""Node's errors as Python exceptions.

A caller of Node tells errors apart by `err.code` and shows `err.message`; a caller in Python writes `except
TypeError` or `except ConnectionRefusedError`. Both work on everything that this library raises, emits or
passes to a callback:

- a Node `TypeError` is a Python `TypeError`, a `RangeError` a `ValueError`, a plain `Error` an
  `errors.Error`;
- a system error is an `OSError`, of Python's own subclass for that errno where there is one; a connection
  that has ended too early is a `ConnectionResetError`.

Each code is one row of `CODES`: the class and the text. All of them are a `NodeError`.
"""

from __future__ import annotations

import errno as errno_module
import functools
import math
import os
import socket
import sys
from collections.abc import Callable
from typing import Any, TypeVar

Told = TypeVar('Told', bound=BaseException)


class NodeError(Exception):
    """Base of every error of this library: `.code` (str or None) and `.message` (str), as in Node ("Class:
    Error").

    Like a JavaScript error it takes further attributes (`.reason`, `.bytesParsed`, ...).
    """

    name = 'Error'
    code: str | None = None
    message: str = ''

    def __init__(self, message: str = '', code: str | None = None) -> None:
        Exception.__init__(self, message)
        self.message = message
        if code is not None:
            self.code = code
            if code not in message and not isinstance(self, OSError):
                self.add_note(f'code: {code!r}')  # tracebacks show the class and the text alone

    def __str__(self) -> str:
        return self.message

    def __repr__(self) -> str:
        code = f' [{self.code}]' if self.code else ''
        return f'{self.name}{code}: {self.message}'


class Error(NodeError):
    """Node's plain `Error`: `Error(message, code=None)`."""


class NodeTypeError(NodeError, TypeError):
    """Node's `TypeError [CODE]`, a Python `TypeError`."""

    name = 'TypeError'


class NodeRangeError(NodeError, ValueError):
    """Node's `RangeError [CODE]`, a Python `ValueError`."""

    name = 'RangeError'


class AbortError(NodeError):
    """What an aborted operation ends with: code 'ABORT_ERR'; the reason of the abort is `.cause`."""

    name = 'AbortError'
    code = 'ABORT_ERR'

    @property
    def cause(self) -> Any:
        """What the signal was aborted with."""
        return self._cause

    _cause: Any = None


class ResetError(Error, ConnectionResetError):
    """Node's plain `Error` with the code ECONNRESET: a connection has ended too early ('socket hang up',
    'aborted'). Who catches the `OSError`s of a connection is told of this one too."""

    def __new__(cls, message: str = '', code: str | None = None) -> ResetError:
        return super().__new__(cls, message)  # as for SystemError


class SystemError(NodeError, OSError):
    """An error of the operating system, an `OSError`: `.code` ('ECONNREFUSED'), `.errno` (positive, as in
    Python), `.syscall` and, where known, `.address`, `.port`, `.hostname`, `.path`."""

    syscall: str | None = None
    address: str | None = None
    port: int | None = None
    hostname: str | None = None
    path: str | None = None

    def __new__(cls, message: str = '', code: str | None = None) -> SystemError:
        # OSError.__new__ would read two arguments as (errno, strerror).
        return super().__new__(cls, message)

    # The class for an errno is made when it is first needed: another process has yet to make it.

    def __reduce__(self) -> tuple[Any, ...]:
        state = {**self.__dict__, 'errno': self.errno, 'strerror': self.strerror}
        base = AggregateError if isinstance(self, AggregateError) else SystemError
        return _remade, (base, self.errno or 0, self.message, self.code), state


class AggregateError(SystemError):
    """All addresses of a host failed: `.errors` has one for each, `.code` and `.errno` are the first one's,
    `.message` is '', as in Node. ("Class: AggregateError")"""

    name = 'AggregateError'
    errors: list[SystemError]

    def __str__(self) -> str:
        return '; '.join(map(str, self.errors))


def describe(value: Any) -> str:
    """Return `value` as the messages of Node show one, e.g. `type string ('abc')`, `an instance of Map`."""
    if value is None:
        return 'undefined'
    if isinstance(value, bool):
        return f'type boolean ({str(value).lower()})'
    if isinstance(value, (int, float)):
        return f'type number ({show(value)})'
    if isinstance(value, str):
        return f"type string ({show(value if len(value) <= 28 else value[:25] + '...')})"
    if callable(value) and hasattr(value, '__name__'):
        return f'function {value.__name__}'
    return f'an instance of {_JS_CLASSES.get(type(value), type(value).__name__)}'


_JS_CLASSES: dict[type, str] = {
    dict: 'Object', list: 'Array', tuple: 'Array', bytes: 'Buffer', bytearray: 'Buffer'}


def show(value: Any) -> str:
    """Return `value` as Node prints it in a message: 'x', 5, true, undefined."""
    if value is None:
        return 'undefined'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return show_number(value)
    if isinstance(value, (list, tuple)):
        return f"[ {', '.join(map(show, value))} ]" if value else '[]'
    if isinstance(value, dict):
        members = ', '.join(f'{_show_key(key)}: {show(member)}' for key, member in value.items())
        return f'{{ {members} }}' if value else '{}'
    if isinstance(value, (bytes, bytearray)):
        return f"<Buffer {value[:50].hex(' ')}>"
    return str(value) if isinstance(value, NodeError) else repr(value)


def show_number(value: float) -> str:
    """Return a number as JavaScript writes it: 5, 0.000001, 1e-7, 1e+21, NaN."""
    if not math.isfinite(value):
        return 'NaN' if value != value else 'Infinity' if value > 0 else '-Infinity'
    if value == 0:
        return '0'
    sign = '-' if value < 0 else ''
    mantissa, _, exponent = repr(abs(value)).partition('e')
    before, _, behind = mantissa.partition('.')
    digits = (before + behind).lstrip('0')
    # How many digits stand before the point.
    point = len(before) + int(exponent or 0) - (len(before + behind) - len(digits))
    text = digits.rstrip('0')
    if -6 < point <= 0:
        return f'{sign}0.{"0" * -point}{text}'
    if 0 < point <= 21:
        whole, fraction = text[:point].ljust(point, '0'), text[point:]
        return f'{sign}{whole}.{fraction}' if fraction else f'{sign}{whole}'
    mantissa = f'{text[0]}.{text[1:]}' if len(text) > 1 else text
    return f'{sign}{mantissa}e{point - 1:+}'


def _show_key(key: Any) -> str:
    return key if isinstance(key, str) and key.isidentifier() else show(key)


def _grouped(value: Any) -> str:
    """Node writes a large integer that is out of range with underscores: 100_000."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**32:
        return f'{value:_}'
    return show(value)


def _argument(name: str) -> str:
    """`"x" argument`, `"a.b" property`; a name that brings its own noun (`first argument`) stands as it
    is."""
    if name.endswith(' argument'):
        return name
    return f'"{name}" {"property" if "." in name else "argument"}'


def _invalid_arg_type(name: str, expected: str, value: Any) -> str:
    """`expected` is the text after "must be": 'of type boolean', 'an instance of Headers or Map', ..."""
    return f'The {_argument(name)} must be {expected}. Received {describe(value)}'


def _invalid_arg_value(name: str, value: Any, reason: str = 'is invalid') -> str:
    return f"The {'property' if '.' in name else 'argument'} '{name}' {reason}. Received {show(value)}"


def _invalid_return_value(expected: str, name: str, value: Any) -> str:
    return f'Expected {expected} to be returned from the "{name}" function but got {describe(value)}.'


def _out_of_range(name: str, expected: str, value: Any) -> str:
    return f'The value of "{name}" is out of range. It must be {expected}. Received {_grouped(value)}'


def _missing_args(*names: str | tuple[str, ...]) -> str:
    """All of `names` are needed; a tuple stands for one of several."""
    needed = ' and '.join(
        ' or '.join(f'"{each}"' for each in (name if isinstance(name, tuple) else (name,))) for name in names)
    return f'The {needed} argument{"s" if len(names) > 1 else ""} must be specified'


# code: (class, text or function of the arguments). A text is filled with str.format.
CODES: dict[str, tuple[type[NodeError], str | Callable[..., str]]] = {
    'ECONNRESET': (ResetError, '{}'),
    'ERR_HTTP_BODY_NOT_ALLOWED': (
        Error, 'Adding content for this request method or response status is not allowed.'),
    'ERR_HTTP_CONTENT_LENGTH_MISMATCH': (
        Error, "Response body's content-length of {} byte(s) does not match the content-length of {} byte(s) "
        'set in header'),
    'ERR_HTTP_HEADERS_SENT': (Error, 'Cannot {} headers after they are sent to the client'),
    'ERR_HTTP_INVALID_HEADER_VALUE': (NodeTypeError, 'Invalid value "{}" for header "{}"'),
    'ERR_HTTP_INVALID_STATUS_CODE': (NodeRangeError, 'Invalid status code: {}'),
    'ERR_HTTP_REQUEST_TIMEOUT': (Error, 'Request timeout'),
    'ERR_HTTP_SOCKET_ASSIGNED': (Error, 'ServerResponse has an already assigned socket'),
    'ERR_HTTP_SOCKET_ENCODING': (Error, 'Changing the socket encoding is not allowed per RFC7230 Section 3.'),
    'ERR_HTTP_TRAILER_INVALID': (Error, 'Trailers are invalid with this transfer encoding'),
    'ERR_ILLEGAL_CONSTRUCTOR': (NodeTypeError, 'Illegal constructor'),
    'ERR_INVALID_ADDRESS_FAMILY': (NodeRangeError, 'Invalid address family: {} {}:{}'),
    'ERR_INVALID_ARG_TYPE': (NodeTypeError, _invalid_arg_type),
    'ERR_INVALID_ARG_VALUE': (NodeTypeError, _invalid_arg_value),
    'ERR_INVALID_CHAR': (NodeTypeError, 'Invalid character in {}'),
    'ERR_INVALID_FD': (NodeRangeError, '"fd" must be a positive integer: {}'),
    'ERR_INVALID_FD_TYPE': (NodeTypeError, 'Unsupported fd type: {}'),
    'ERR_INVALID_HANDLE_TYPE': (NodeTypeError, 'This handle type cannot be sent'),
    'ERR_INVALID_HTTP_TOKEN': (NodeTypeError, '{} must be a valid HTTP token ["{}"]'),
    'ERR_INVALID_IP_ADDRESS': (NodeTypeError, 'Invalid IP address: {}'),
    'ERR_INVALID_PROTOCOL': (NodeTypeError, 'Protocol "{}" not supported. Expected "{}"'),
    'ERR_INVALID_RETURN_VALUE': (NodeTypeError, _invalid_return_value),
    'ERR_INVALID_TUPLE': (NodeTypeError, '{} must be an iterable {} tuple'),
    'ERR_INVALID_URL': (NodeTypeError, 'Invalid URL'),
    'ERR_METHOD_NOT_IMPLEMENTED': (Error, 'The {} method is not implemented'),
    'ERR_MISSING_ARGS': (NodeTypeError, _missing_args),
    'ERR_MULTIPLE_CALLBACK': (Error, 'Callback called multiple times'),
    'ERR_OUT_OF_RANGE': (NodeRangeError, _out_of_range),
    'ERR_PROXY_INVALID_CONFIG': (Error, 'Invalid proxy URL: {}'),
    'ERR_PROXY_TUNNEL': (Error, '{}'),
    'ERR_SERVER_ALREADY_LISTEN': (Error, 'Listen method has been called more than once without closing.'),
    'ERR_SERVER_NOT_RUNNING': (Error, 'Server is not running.'),
    'ERR_SOCKET_BAD_PORT': (NodeRangeError, '{} should be >= 0 and < 65536. Received {}.'),
    'ERR_SOCKET_CLOSED': (Error, 'Socket is closed'),
    'ERR_SOCKET_CLOSED_BEFORE_CONNECTION': (Error, 'Socket closed before the connection was established'),
    'ERR_STREAM_ALREADY_FINISHED': (Error, 'Cannot call {} after a stream was finished'),
    'ERR_STREAM_CANNOT_PIPE': (Error, 'Cannot pipe, not readable'),
    'ERR_STREAM_DESTROYED': (Error, 'Cannot call {} after a stream was destroyed'),
    'ERR_STREAM_NULL_VALUES': (NodeTypeError, 'May not write null values to stream'),
    'ERR_STREAM_PREMATURE_CLOSE': (Error, 'Premature close'),
    'ERR_STREAM_PUSH_AFTER_EOF': (Error, 'stream.push() after EOF'),
    'ERR_STREAM_UNABLE_TO_PIPE': (Error, 'Cannot pipe to a closed or destroyed stream'),
    'ERR_STREAM_UNSHIFT_AFTER_END_EVENT': (Error, 'stream.unshift() after end event'),
    'ERR_STREAM_WRITE_AFTER_END': (Error, 'write after end'),
    'ERR_UNESCAPED_CHARACTERS': (NodeTypeError, '{} contains unescaped characters'),
    'ERR_UNHANDLED_ERROR': (Error, 'Unhandled error. ({})'),
    'ERR_UNKNOWN_ENCODING': (NodeTypeError, 'Unknown encoding: {}'),
}


def node_error(code: str, *args: Any) -> NodeError:
    """Return the exception for a row of CODES; `args` fill its text."""
    cls, text = CODES[code]
    return cls(text.format(*args) if isinstance(text, str) else text(*args), code)


def invalid_arg_type(name: str, expected: str, value: Any) -> NodeError:
    """ERR_INVALID_ARG_TYPE: 'The "name" argument must be <expected>. Received <value described>'."""
    return node_error('ERR_INVALID_ARG_TYPE', name, expected, value)


def abort_error(reason: Any = None) -> AbortError:
    """Return the error that an aborted operation ends with; `reason` (what the signal carries) becomes its
    cause."""
    error = AbortError('The operation was aborted')
    error._cause = reason
    if isinstance(reason, BaseException):
        error.__cause__ = reason
    return error


def add_note(error: BaseException, note: str) -> None:
    """Have tracebacks of `error` say this too, once."""
    if note not in getattr(error, '__notes__', ()):
        error.add_note(note)


def with_caller(error: Told) -> Told:
    """Note in an error that is told later, and so has no traceback to it, which line of the program it is
    about."""
    frame = sys._getframe(1)
    while frame.f_globals.get('__name__', '').partition('.')[0] in _PACKAGES:
        if frame.f_back is None:
            return error  # nobody's: a pipe writes, say
        frame = frame.f_back
    code = frame.f_code
    add_note(error, f'called from File "{code.co_filename}", line {frame.f_lineno}, in {code.co_name}')
    return error


_PACKAGES = ('nodehttp', 'nodehttps', 'threading')  # with the thread itself


def connection_reset(message: str = 'socket hang up') -> NodeError:
    """Return Node's `Error` with code ECONNRESET for a connection that ended too early ('socket hang up',
    'aborted')."""
    return node_error('ECONNRESET', message)


# The resolver's own codes, in Node's spelling.
_RESOLVER_CODES = {
    socket.EAI_NONAME: 'ENOTFOUND',
    getattr(socket, 'EAI_NODATA', socket.EAI_NONAME): 'ENOTFOUND',
    getattr(socket, 'EAI_ADDRFAMILY', socket.EAI_NONAME): 'ENOTFOUND',
    socket.EAI_AGAIN: 'EAI_AGAIN',
    socket.EAI_FAIL: 'EAI_FAIL',
    socket.EAI_MEMORY: 'EAI_MEMORY',
}

# Where Node (libuv) describes an error in other words than the C library.
_DESCRIPTIONS = {
    'EACCES': 'permission denied',
    'EADDRINUSE': 'address already in use',
    'EADDRNOTAVAIL': 'address not available',
    'EBADF': 'bad file descriptor',
    'EEXIST': 'file already exists',
    'EINVAL': 'invalid argument',
    'EISDIR': 'illegal operation on a directory',
    'EMFILE': 'too many open files',
    'ENOENT': 'no such file or directory',
    'ENOTDIR': 'not a directory',
    'EPERM': 'operation not permitted',
}


def describe_errno(code: str) -> str:
    """Return libuv's description of an error code, e.g. 'address already in use'."""
    number = getattr(errno_module, code, None)
    return _DESCRIPTIONS.get(code) or (os.strerror(number).lower() if number is not None else 'unknown error')


@functools.lru_cache
def _class_for(base: Any, number: int) -> Any:
    """The class for an errno: also Python's own, so that `except ConnectionRefusedError` catches it."""
    python_class = type(OSError(number, ''))
    if python_class is OSError:
        return base
    return type(base.__name__, (base, python_class), {'__module__': __name__})


def _remade(base: Any, number: int, message: str, code: str | None) -> SystemError:
    error: SystemError = _class_for(base, number)(message, code)
    return error


def system_error(
    code: str, syscall: str, address: str | None = None, port: int | None = None, hostname: str | None = None,
    message: str | None = None,
) -> SystemError:
    """Return a system error as Node words it: `connect ECONNREFUSED 127.0.0.1:1`, `getaddrinfo ENOTFOUND x`.

    `listen` and file calls carry libuv's description too: `listen EADDRINUSE: address already in use
    127.0.0.1:80`.
    """
    number = getattr(errno_module, code, None)
    if message is None:
        detail = f': {describe_errno(code)}' if syscall == 'listen' else ''
        where = hostname or address or ''
        message = f'{syscall} {code}{detail}'
        if where:
            message += f' {where}:{port}' if port is not None else f' {where}'
    error: SystemError = _class_for(SystemError, number or 0)(message, code)
    error.errno = number
    error.strerror = describe_errno(code) if number else message
    error.syscall, error.address, error.port, error.hostname = syscall, address, port, hostname
    return error


def os_error(
    caught: OSError, syscall: str, address: str | None = None, port: int | None = None,
    hostname: str | None = None,
) -> SystemError:
    """Translate a caught OSError (kept as `__cause__`) into Node's form."""
    if isinstance(caught, SystemError):
        return caught
    if isinstance(caught, socket.gaierror):
        code = _RESOLVER_CODES.get(caught.errno or 0, 'EAI_FAIL')
    else:
        code = errno_module.errorcode.get(caught.errno or 0, 'EIO')
    error = system_error(code, syscall, address, port, hostname)
    error.__cause__ = caught
    return error


def aggregate_error(several: list[SystemError]) -> AggregateError:
    """Return the error of a connection of which each attempt failed, of Python's class for the first one."""
    first = several[0]
    error: AggregateError = _class_for(AggregateError, first.errno or 0)('', first.code)
    error.errno, error.errors = first.errno, several
    return error
