"""What becomes of a client that did something wrong: 'clientError', or an answer and the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nodehttp.server import Server

_BAD_REQUEST = b'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'
# What it is told, by the code of the error.
_ANSWERS = {
    'HPE_HEADER_OVERFLOW': b'HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n\r\n',
    'HPE_CHUNK_EXTENSIONS_OVERFLOW': b'HTTP/1.1 413 Payload Too Large\r\nConnection: close\r\n\r\n',
    'ERR_HTTP_REQUEST_TIMEOUT': b'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n',
}


def refuse(server: Server, socket: Any, error: BaseException) -> None:
    """Tell the server's user of an error, who closes the socket then, or leaves it open; if nobody listens,
    the client gets an answer and is closed. ("Event: 'clientError'")"""
    for name in ('reason', 'bytesParsed', 'rawPacket'):  # as the documented listeners expect
        if not hasattr(error, name):
            setattr(error, name, None)
    if server._tell_of_client(error, socket):
        return
    message = socket._httpMessage
    if socket.writable and (message is None or not message._head_sent):
        socket._write_internal(_ANSWERS.get(getattr(error, 'code', None) or '', _BAD_REQUEST))
    socket.destroy(error)
