"""The events of a WebSocket, made of what is given as those of the web are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from nodehttp.errors import NodeTypeError, show
from nodehttp.eventtarget import Event
from nodehttp.strings import to_number, to_string, to_usv_string


def _checked_init(name: str, init: Any, keywords: dict[str, Any]) -> dict[str, Any]:
    """Return what an event is to be made of, without what is None."""
    if init is not None and not isinstance(init, Mapping):
        raise NodeTypeError(
            f'{name} constructor: Expected {show(init)} to be one of: Null, Undefined, Object.')
    return {key: value for key, value in {**(init or {}), **keywords}.items() if value is not None}


class MessageEvent(Event):
    """A message has come ("Class: MessageEvent"): `data` is a str, or bytes; `origin` that of the server.

    Options: data, origin, lastEventId, source, ports, and those of Event. There are no MessagePorts in
    Python: TypeError for any that are given.
    """

    data: Any = None
    origin = ''
    lastEventId = ''
    source: None = None
    ports: Sequence[Any] = ()

    def __init__(self, type: str, options: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        given = _checked_init('MessageEvent', options, kwargs)
        super().__init__(to_string(type), given)
        self.data = given.get('data')
        self.origin = to_usv_string(given.get('origin', ''))
        self.lastEventId = to_string(given.get('lastEventId', ''))
        self.ports = []
        wrong = [('source', given['source'])] if 'source' in given else []
        ports = given.get('ports', ())
        try:
            wrong += [(f'ports[{place}]', port) for place, port in enumerate(ports)]
        except TypeError:
            raise NodeTypeError(
                f'MessageEvent constructor: eventInitDict.ports ({show(ports)}) is not iterable.') from None
        for name, value in wrong:
            raise NodeTypeError(f'MessageEvent constructor: Expected eventInitDict.{name} ("{show(value)}") '
                                'to be an instance of MessagePort.')


class CloseEvent(Event):
    """A connection is over ("Class: CloseEvent"): `wasClean` if both sides agreed, with the `code` and the
    `reason` that the server gave.

    Options: wasClean, code, reason, and those of Event.
    """

    wasClean = False
    code = 0
    reason = ''

    def __init__(self, type: str, options: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        given = _checked_init('CloseEvent', options, kwargs)
        super().__init__(to_string(type), given)
        self.wasClean = bool(given.get('wasClean', False))
        code = to_number(given.get('code', 0))
        self.code = int(math.fmod(code, 2**16)) if math.isfinite(code) else 0
        self.reason = to_usv_string(given.get('reason', ''))


class ErrorEvent(Event):
    """Something has failed ("Class: ErrorEvent"): `error` is an exception, `message` its text.

    Options: message, error, and those of Event.
    """

    filename = ''
    lineno = 0
    colno = 0

    def __init__(self, type: str, options: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        given = _checked_init('ErrorEvent', options, kwargs)
        super().__init__(to_string(type), given)
        self.message = to_string(given.get('message', ''))
        self.error: Any = given.get('error')
