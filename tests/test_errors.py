"""Errors: their classes, and their messages, which are those of Node 25.2.1."""

from __future__ import annotations

import errno
import pickle
import socket
from typing import Any

import pytest

from nodehttp import errors
from nodehttp.errors import (
    AbortError,
    Error,
    NodeError,
    NodeRangeError,
    NodeTypeError,
    SystemError,
    abort_error,
    aggregate_error,
    connection_reset,
    invalid_arg_type,
    node_error,
    os_error,
    system_error,
)


class Foo:
    """A class of the user's."""


def named() -> None:
    """A function of the user's."""


# What an error is


def test_an_error_of_the_user() -> None:
    error = Error('message', 'ERR_MINE')
    assert (error.message, error.code, error.name, str(error)) == ('message', 'ERR_MINE', 'Error', 'message')
    assert repr(error) == 'Error [ERR_MINE]: message'
    assert Error('message').code is None
    assert repr(Error('message')) == 'Error: message'
    error.reason = 'further'  # type: ignore[attr-defined]


@pytest.mark.parametrize(('code', 'kind', 'python', 'name'), [
    ('ERR_STREAM_PREMATURE_CLOSE', Error, Exception, 'Error'),
    ('ERR_INVALID_HTTP_TOKEN', NodeTypeError, TypeError, 'TypeError'),
    ('ERR_SOCKET_BAD_PORT', NodeRangeError, ValueError, 'RangeError')])
def test_classes(code: str, kind: type, python: type, name: str) -> None:
    error = node_error(code, 'a', 'b')
    assert type(error) is kind
    assert isinstance(error, python)
    assert isinstance(error, NodeError)
    assert (error.code, error.name) == (code, name)


def test_errors_can_be_copied_between_processes() -> None:
    for error in (Error('message', 'CODE'), node_error('ERR_INVALID_CHAR', 'x'), connection_reset(),
                  system_error('ECONNREFUSED', 'connect', '127.0.0.1', 1)):
        copy = pickle.loads(pickle.dumps(error))
        assert type(copy) is type(error)
        assert (copy.message, copy.code, str(copy)) == (error.message, error.code, str(error))
        assert isinstance(copy, NodeError)


def test_connection_reset() -> None:
    assert repr(connection_reset()) == 'Error [ECONNRESET]: socket hang up'
    assert repr(connection_reset('aborted')) == 'Error [ECONNRESET]: aborted'


def test_abort() -> None:
    reason = KeyError('x')
    error = abort_error(reason)
    assert isinstance(error, AbortError)
    assert (error.name, error.code, error.message) == ('AbortError', 'ABORT_ERR', 'The operation was aborted')
    assert error.cause is error.__cause__ is reason
    assert abort_error('text').cause == 'text'
    assert abort_error().cause is None


# Messages


@pytest.mark.parametrize(('value', 'received'), [
    (None, 'undefined'),
    (True, 'type boolean (true)'),
    (5, 'type number (5)'),
    (1.5, 'type number (1.5)'),
    (5.0, 'type number (5)'),
    (float('nan'), 'type number (NaN)'),
    (float('inf'), 'type number (Infinity)'),
    (float('-inf'), 'type number (-Infinity)'),
    ('abc', "type string ('abc')"),
    ('x' * 40, "type string ('xxxxxxxxxxxxxxxxxxxxxxxxx...')"),
    ("it's", 'type string ("it\'s")'),
    ({}, 'an instance of Object'),
    ([], 'an instance of Array'),
    ((), 'an instance of Array'),
    (b'a', 'an instance of Buffer'),
    (Foo(), 'an instance of Foo'),
    (named, 'function named'),
    (Foo, 'function Foo'),
])
def test_arguments_of_a_wrong_type(value: Any, received: str) -> None:
    error = invalid_arg_type('name', 'of type string', value)
    assert repr(error) == (
        f'TypeError [ERR_INVALID_ARG_TYPE]: The "name" argument must be of type string. Received {received}')


@pytest.mark.parametrize(('name', 'shown'), [
    ('options.name', '"options.name" property'), ('first argument', 'first argument'),
    ('name', '"name" argument')])
def test_names_of_arguments(name: str, shown: str) -> None:
    assert str(invalid_arg_type(name, 'an instance of Foo', 5)) == (
        f'The {shown} must be an instance of Foo. Received type number (5)')


@pytest.mark.parametrize(('value', 'received'), [
    (5, '5'), (-1, '-1'), ('x', "'x'"), (10_000_000_000, '10_000_000_000'), (2**32, '4294967296'),
    (2**32 + 1, '4_294_967_297'), (-(2**32) - 1, '-4_294_967_297'), (1.5, '1.5'), (float('nan'), 'NaN'),
    (float('inf'), 'Infinity'), (True, 'true'), (None, 'undefined')])
def test_values_out_of_range(value: Any, received: str) -> None:
    assert str(node_error('ERR_OUT_OF_RANGE', 'x', '>= 0', value)) == (
        f'The value of "x" is out of range. It must be >= 0. Received {received}')


@pytest.mark.parametrize(('value', 'received'), [
    ('x', "'x'"), (5, '5'), (True, 'true'), ({}, '{}'), ([], '[]'), (None, 'undefined'), ([1, 2], '[ 1, 2 ]'),
    ("it's", '"it\'s"'), ({'a': 1, 'x-y': [None]}, "{ a: 1, 'x-y': [ undefined ] }"),
    (b'ab', '<Buffer 61 62>')])
def test_invalid_values(value: Any, received: str) -> None:
    assert str(node_error('ERR_INVALID_ARG_VALUE', 'name', value)) == (
        f"The argument 'name' is invalid. Received {received}")


def test_other_texts_of_several_forms() -> None:
    assert str(node_error('ERR_INVALID_ARG_VALUE', 'o.name', 5, 'must be one of: a, b')) == (
        "The property 'o.name' must be one of: a, b. Received 5")
    assert str(node_error('ERR_MISSING_ARGS', 'a')) == 'The "a" argument must be specified'
    assert str(node_error('ERR_MISSING_ARGS', 'a', 'b')) == 'The "a" and "b" arguments must be specified'
    assert str(node_error('ERR_MISSING_ARGS', ('options', 'port', 'path'))) == (
        'The "options" or "port" or "path" argument must be specified')
    assert str(node_error('ERR_SOCKET_BAD_PORT', 'options.port', 'type number (65536)')) == (
        'options.port should be >= 0 and < 65536. Received type number (65536).')


ROWS: list[tuple[str, str]] = [
    ('ERR_HTTP_BODY_NOT_ALLOWED',
     'Error: Adding content for this request method or response status is not allowed.'),
    ('ERR_HTTP_CONTENT_LENGTH_MISMATCH',
     "Error: Response body's content-length of a0 byte(s) does not match the "
     'content-length of a1 byte(s) set in header'),
    ('ERR_HTTP_HEADERS_SENT', 'Error: Cannot a0 headers after they are sent to the client'),
    ('ERR_HTTP_INVALID_HEADER_VALUE', 'TypeError: Invalid value "a0" for header "a1"'),
    ('ERR_HTTP_INVALID_STATUS_CODE', 'RangeError: Invalid status code: a0'),
    ('ERR_HTTP_REQUEST_TIMEOUT', 'Error: Request timeout'),
    ('ERR_HTTP_SOCKET_ASSIGNED', 'Error: ServerResponse has an already assigned socket'),
    ('ERR_HTTP_SOCKET_ENCODING', 'Error: Changing the socket encoding is not allowed per RFC7230 Section 3.'),
    ('ERR_HTTP_TRAILER_INVALID', 'Error: Trailers are invalid with this transfer encoding'),
    ('ERR_ILLEGAL_CONSTRUCTOR', 'TypeError: Illegal constructor'),
    ('ERR_INVALID_ADDRESS_FAMILY', 'RangeError: Invalid address family: a0 a1:a2'),
    ('ERR_INVALID_CHAR', 'TypeError: Invalid character in a0'),
    ('ERR_INVALID_FD', 'RangeError: "fd" must be a positive integer: a0'),
    ('ERR_INVALID_FD_TYPE', 'TypeError: Unsupported fd type: a0'),
    ('ERR_INVALID_HANDLE_TYPE', 'TypeError: This handle type cannot be sent'),
    ('ERR_INVALID_HTTP_TOKEN', 'TypeError: a0 must be a valid HTTP token ["a1"]'),
    ('ERR_INVALID_IP_ADDRESS', 'TypeError: Invalid IP address: a0'),
    ('ERR_INVALID_PROTOCOL', 'TypeError: Protocol "a0" not supported. Expected "a1"'),
    ('ERR_INVALID_TUPLE', 'TypeError: a0 must be an iterable a1 tuple'),
    ('ERR_METHOD_NOT_IMPLEMENTED', 'Error: The a0 method is not implemented'),
    ('ERR_MULTIPLE_CALLBACK', 'Error: Callback called multiple times'),
    ('ERR_SERVER_ALREADY_LISTEN', 'Error: Listen method has been called more than once without closing.'),
    ('ERR_SERVER_NOT_RUNNING', 'Error: Server is not running.'),
    ('ERR_SOCKET_CLOSED', 'Error: Socket is closed'),
    ('ERR_SOCKET_CLOSED_BEFORE_CONNECTION', 'Error: Socket closed before the connection was established'),
    ('ERR_STREAM_ALREADY_FINISHED', 'Error: Cannot call a0 after a stream was finished'),
    ('ERR_STREAM_CANNOT_PIPE', 'Error: Cannot pipe, not readable'),
    ('ERR_STREAM_DESTROYED', 'Error: Cannot call a0 after a stream was destroyed'),
    ('ERR_STREAM_NULL_VALUES', 'TypeError: May not write null values to stream'),
    ('ERR_STREAM_PREMATURE_CLOSE', 'Error: Premature close'),
    ('ERR_STREAM_PUSH_AFTER_EOF', 'Error: stream.push() after EOF'),
    ('ERR_STREAM_UNABLE_TO_PIPE', 'Error: Cannot pipe to a closed or destroyed stream'),
    ('ERR_STREAM_UNSHIFT_AFTER_END_EVENT', 'Error: stream.unshift() after end event'),
    ('ERR_STREAM_WRITE_AFTER_END', 'Error: write after end'),
    ('ERR_UNESCAPED_CHARACTERS', 'TypeError: a0 contains unescaped characters'),
    ('ERR_UNHANDLED_ERROR', 'Error: Unhandled error. (a0)'),
    ('ERR_UNKNOWN_ENCODING', 'TypeError: Unknown encoding: a0'),
]


@pytest.mark.parametrize(('code', 'text'), ROWS)
def test_messages(code: str, text: str) -> None:
    """With a0, a1, ... as arguments."""
    error = node_error(code, *[f'a{number}' for number in range(4) if f'a{number}' in text])
    assert f'{error.name}: {error}' == text


def test_every_code_can_be_made() -> None:
    for code, (kind, text) in errors.CODES.items():
        assert issubclass(kind, NodeError)
        if isinstance(text, str):
            assert node_error(code, *'abcd').code == code


# Errors of the system


@pytest.mark.parametrize(('args', 'message', 'python'), [
    (('ECONNREFUSED', 'connect', '127.0.0.1', 1), 'connect ECONNREFUSED 127.0.0.1:1', ConnectionRefusedError),
    (('ENOENT', 'connect', '/no/such'), 'connect ENOENT /no/such', FileNotFoundError),
    (('ECONNRESET', 'read'), 'read ECONNRESET', ConnectionResetError),
    (('EPIPE', 'write'), 'write EPIPE', BrokenPipeError),
    (('EADDRINUSE', 'listen', '127.0.0.1', 80), 'listen EADDRINUSE: address already in use 127.0.0.1:80',
     OSError),
    (('EACCES', 'listen', '0.0.0.0', 1), 'listen EACCES: permission denied 0.0.0.0:1', PermissionError),
    (('EADDRNOTAVAIL', 'listen', '9.9.9.9', 1), 'listen EADDRNOTAVAIL: address not available 9.9.9.9:1',
     OSError),
])
def test_system_errors(args: tuple[Any, ...], message: str, python: type) -> None:
    error = system_error(*args)
    assert str(error) == error.message == message
    assert isinstance(error, (SystemError, python))
    assert isinstance(error, OSError)
    assert error.errno == getattr(errno, args[0])
    assert (error.code, error.syscall, error.address, error.port) == (*args, None, None)[:4]


def test_a_name_that_is_not_found() -> None:
    caught = socket.gaierror(socket.EAI_NONAME, 'Name or service not known')
    error = os_error(caught, 'getaddrinfo', hostname='no.such')
    assert str(error) == 'getaddrinfo ENOTFOUND no.such'
    assert (error.code, error.hostname, error.syscall) == ('ENOTFOUND', 'no.such', 'getaddrinfo')
    assert error.__cause__ is caught
    assert str(os_error(socket.gaierror(socket.EAI_AGAIN, ''), 'getaddrinfo', hostname='x')) == (
        'getaddrinfo EAI_AGAIN x')


def test_all_addresses_failed() -> None:
    several = [system_error('ECONNREFUSED', 'connect', address, 1) for address in ('::1', '127.0.0.1')]
    for error in (aggregate_error(several), pickle.loads(pickle.dumps(aggregate_error(several)))):
        assert (error.name, error.code, error.message) == ('AggregateError', 'ECONNREFUSED', '')
        assert error.errno == errno.ECONNREFUSED
        assert isinstance(error, ConnectionRefusedError)
        assert isinstance(error, errors.AggregateError)
        assert [failed.message for failed in error.errors] == [
            'connect ECONNREFUSED ::1:1', 'connect ECONNREFUSED 127.0.0.1:1']


def test_caught_errors_are_translated() -> None:
    caught = ConnectionRefusedError(errno.ECONNREFUSED, 'Connection refused')
    error = os_error(caught, 'connect', '::1', 443)
    assert isinstance(error, ConnectionRefusedError)
    assert str(error) == 'connect ECONNREFUSED ::1:443'
    assert error.__cause__ is caught
    assert os_error(error, 'read') is error
    assert os_error(OSError('no number'), 'read').code == 'EIO'
