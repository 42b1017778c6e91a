"""WebSocket, a client like that of browsers ("Class: WebSocket").

The way of a connection is `readyState`:

    CONNECTING  a request with `Upgrade: websocket` is under way (_handshake.py)
    OPEN        the server has agreed: messages go both ways (_frames.py)
    CLOSING     one side has said Close, or the connection is being given up
    CLOSED      'close' has been, or is being, dispatched

A connection ends well when both sides have said Close; the server then hangs up. Whatever else ends it is a
failure: 'error', then 'close' with the code 1006.

Any thread may call any method. Events come on the strand of the connection, so those of one WebSocket never
overlap. What has arrived is pulled out of `_frames` one message at a time, so that another thread can go on
where a listener waits.

Where this leaves Node 25.2.1: 'error' says why; `close()` while CONNECTING leads to one 'error' and one
'close', and not before it returns; a server that never hangs up, or never says Close, is given up after
CLOSE_TIMEOUT; an answer that would end Node's process ends the connection.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from nodehttp import client
from nodehttp._handshake import (
    BLOCKED_PORTS,
    check_answer,
    checked_protocols,
    checked_url,
    new_key,
    request_headers,
)
from nodehttp._proxy import port_of, proxy_of_websocket
from nodehttp._socketevents import CloseEvent, ErrorEvent, MessageEvent
from nodehttp.abort import DOMException
from nodehttp.errors import Error
from nodehttp.eventtarget import Event, EventTarget, handler
from nodehttp.listeners import internal
from nodehttp.strings import to_number, to_usv_string
from nodehttp.threadpool import (
    Strand,
    Timer,
    Waiter,
    call_soon,
    hold,
    is_in_callback,
    monitor,
    next_tick,
    occupy,
    release_strand,
    set_immediate,
    start_timer,
)

if TYPE_CHECKING:
    from nodehttp._frames import Frames
    from nodehttp.client import ClientRequest

__all__ = ['CloseEvent', 'ErrorEvent', 'MessageEvent', 'WebSocket']

HANDSHAKE_TIMEOUT = 300_000  # ms; Node's
CLOSE_TIMEOUT = 30_000  # ms from the first Close to the end of the connection; Node waits forever

_NO_CODE = 1005  # of a Close without one
_ABNORMAL = 1006  # of a connection that ended without Close
_MOST_REASON = 123  # bytes, so that a Close frame has room for it


class _on(handler):
    """An attribute such as `onopen`. Its function is an ordinary listener, the last one from when it was set;
    what is not callable is None."""

    def __set__(self, target: EventTarget, function: Callable[..., object] | None) -> None:
        with monitor:
            before = target.__dict__.get(self._slot)
            if before is not None:
                target.removeEventListener(self._type, before)
            target.__dict__[self._slot] = function = function if callable(function) else None
            target.addEventListener(self._type, function)


class WebSocket(EventTarget):
    """A connection to a server, on which both sides send messages: `WebSocket(url)` connects at once.

    Events: 'open' (Event), 'message' (MessageEvent), 'error' (ErrorEvent) and 'close' (CloseEvent), for which
    there are the attributes `onopen`, ... too. `http.once(ws, 'message', timeout=5)` waits for one of them,
    and raises what has ended the connection if that came first.

    `url` is a ws:, wss:, http: or https: URL. `protocols`: the names of subprotocols of which the server has
    to choose one, or a single name; or a mapping of `protocols` and `headers` (more headers for the request).

    Raises DOMException (SyntaxError) for a URL or a name that cannot be, and Error
    ERR_FEATURE_UNAVAILABLE_ON_PLATFORM without the package wsproto (the extra `websocket`).
    ("Class: WebSocket")
    """

    CONNECTING = 0
    OPEN = 1
    CLOSING = 2
    CLOSED = 3

    onopen = _on('open')
    onmessage = _on('message')
    onerror = _on('error')
    onclose = _on('close')

    _state = CONNECTING
    _protocol = ''
    _extensions = ''
    _binary_type = 'blob'
    _buffered = 0  # bytes of messages that the kernel has not taken
    _request: ClientRequest | None = None
    _socket: Any = None
    _frames: Frames
    _is_broken = False  # what comes after a frame that cannot be is not looked at
    _said_close = False
    _heard_close: tuple[int, str] | None = None  # (code, reason) of the server's Close
    _error: BaseException | None = None  # of the connection
    _end_event: CloseEvent  # when it is CLOSED
    _timer: Timer | None = None  # of the handshake, then of the closing one
    _is_gone = False  # the socket is
    _woken = 0  # callbacks that have waited for an event, and are to go on before the next one comes

    def __init__(self, url: Any, protocols: Any = None, *, headers: Any = None) -> None:
        self._url = checked_url(url)
        self._origin = self._url.origin
        options = protocols if isinstance(protocols, Mapping) else {'protocols': protocols}
        self._protocols = checked_protocols(options.get('protocols'))
        self._make_frames = _framing()
        super().__init__()
        make_request = _request_of(self._url.protocol)
        with monitor:
            # Its first events are held back if a thread outside the pool makes it, as those of the request.
            self._own_strand = Strand()
            hold(self._own_strand)
            port = port_of(self._url)
            if port in BLOCKED_PORTS:
                error = Error(f'A WebSocket may not be opened on port {port}')
                next_tick(self._end, error, strand=self._own_strand)
            else:
                self._connect(make_request, options.get('headers') if headers is None else headers)

    def __repr__(self) -> str:
        state = ('connecting', 'open', 'closing', 'closed')[self._state]
        return f'<{type(self).__name__} {self._url.href} {state}>'

    @property
    def readyState(self) -> int:
        """CONNECTING (0), OPEN (1), CLOSING (2) or CLOSED (3)."""
        return self._state

    @property
    def url(self) -> str:
        """The URL, with ws: or wss:."""
        return self._url.href

    @property
    def protocol(self) -> str:
        """The subprotocol that the server has chosen, or ''."""
        return self._protocol

    @property
    def extensions(self) -> str:
        """The extensions that the server has chosen, as it names them, or ''."""
        return self._extensions

    @property
    def bufferedAmount(self) -> int:
        """Bytes of messages, without their frames, that are not on their way yet."""
        return self._buffered

    @property
    def binaryType(self) -> str:
        """'blob' (anything else means that, too) or 'arraybuffer'. It is only kept: a message that is no text
        comes as bytes."""
        return self._binary_type

    @binaryType.setter
    def binaryType(self, value: Any) -> None:
        self._binary_type = value if value == 'arraybuffer' else 'blob'

    # What users ask for

    def send(self, data: Any) -> None:
        """Send a message: bytes, or what can be taken for them (bytearray, memoryview, ...), as they are, and
        everything else as text, as JavaScript would write it.

        Returns at once; `bufferedAmount` says how much is waiting. After `close()`, and when the connection
        is over, it does nothing. Raises DOMException (InvalidStateError) before 'open'.
        """
        if self._state == self.CONNECTING:
            raise DOMException('Sent before connected.', 'InvalidStateError')
        if self._state != self.OPEN:
            return
        message = _message(data)
        size = len(message) if isinstance(message, bytes) or message.isascii() else len(message.encode())
        frame = self._frames.message(message)  # takes a while if it is long: not under the monitor
        with monitor:
            if self._state == self.OPEN:
                self._buffered += size
                self._socket.write(frame, internal(lambda *_: self._sent(size)))
                self._await_listener('message')

    def close(self, code: Any = None, reason: Any = None) -> None:
        """Say Close, and go on when the server has said it too: 'close' follows. Before 'open' the connection
        is given up: 'error' and 'close' follow.

        `code` is 1000 or 3000 to 4999 (DOMException, InvalidAccessError), `reason` at most 123 bytes of UTF-8
        (DOMException, SyntaxError).
        """
        number = None if code is None else _checked_code(code)
        text = '' if reason is None else to_usv_string(reason)
        if (size := len(text.encode())) > _MOST_REASON:
            raise DOMException(f'Reason must be less than 123 bytes; received {size}', 'SyntaxError')
        with monitor:
            if self._state == self.CONNECTING:
                self._state = self.CLOSING
                self._await_listener('close')
                self._give_up(Error('The WebSocket was closed before it was open'))
            elif self._state == self.OPEN:
                self._say_close(1000 if number is None and text else number, text)
                self._await_listener('close')

    # The handshake; from here on all needs the monitor

    def _connect(self, make_request: Callable[..., ClientRequest], headers: Any) -> None:
        url, self._key = self._url, new_key()
        options = {
            'agent': False,  # a connection of its own
            'host': url.hostname.strip('[]'),
            'port': url.port,
            'path': url.pathname + url.search,
            'headers': request_headers(url, self._key, self._protocols, headers),
            **({'ALPNProtocols': ['http/1.1']} if url.protocol == 'wss:' else {}),
        }
        proxy = proxy_of_websocket(url)
        if proxy is None:
            self._ask(make_request(options))
        else:
            self._ask(client.request(proxy.tunnel_options(f'{url.hostname}:{port_of(url)}')))
            self._request.on('connect', internal(  # type: ignore[union-attr]
                partial(self._tunnel_answered, make_request, options)))
        error = Error(f'No answer to the handshake within {HANDSHAKE_TIMEOUT / 1000:g} s')
        self._timer = start_timer(HANDSHAKE_TIMEOUT, self._give_up, error, ref=False)

    def _ask(self, request: ClientRequest) -> None:
        self._request = request
        request.on('upgrade', internal(self._upgraded))
        request.on('response', internal(self._refused))
        request.on('error', internal(self._end))
        request.end()

    def _tunnel_answered(self, make_request: Callable[..., ClientRequest], options: dict[str, Any],
                         response: Any, socket: Any, head: bytes) -> None:
        """The proxy has answered. As in Node what came behind the head is dropped: a server says nothing
        unasked."""
        if self._state == self.CONNECTING and response.statusCode == 200:
            if self._url.protocol == 'wss:':
                self._ask(make_request({**options, 'socket': socket}))
            else:
                self._ask(make_request({**options, 'agent': None, 'createConnection': lambda *_: socket}))
            return
        socket.destroy()
        self._end(Error(f'The proxy opens no tunnel: {response.statusCode} {response.statusMessage}'))

    def _current_strand(self) -> Strand:
        """The strand of what comes next."""
        if self._socket is not None:
            return self._socket._strand  # type: ignore[no-any-return]
        return self._own_strand if self._request is None else self._request._strand

    def _give_up(self, error: Error) -> None:
        """Before 'open'."""
        next_tick(self._end, error, strand=self._current_strand())
        if self._request is not None:
            self._request.destroy(error)

    def _refused(self, response: Any) -> None:
        self._end(Error(
            f'The server does not open a WebSocket: {response.statusCode} {response.statusMessage}'))
        response.req.destroy()

    def _upgraded(self, response: Any, socket: Any, head: bytes) -> None:
        try:
            agreed = check_answer(response, self._key, self._protocols)
        except Error as error:
            socket.destroy()
            self._end(error)
            return
        if self._state != self.CONNECTING:
            socket.destroy()
            return
        self._stop_timer()
        self._socket, self._request = socket, None
        self._frames = self._make_frames(agreed.keeps_context)
        self._protocol, self._extensions = agreed.protocol, agreed.extensions
        self._state = self.OPEN
        socket.on('error', internal(self._failed))
        socket.on('close', internal(self._closed))
        strand: Strand = socket._strand
        strand.deliverer = self
        # Before what the listeners leave to the next tick, as in Node.
        next_tick(self._begin_to_read, head, strand=strand)
        self._dispatch(Event('open'))

    # What comes

    def _begin_to_read(self, head: bytes) -> None:
        # The socket begins to flow on the next tick: a listener may wait, in this one, for what comes then.
        self._socket.on('data', internal(self._received))
        self._received(head)

    def _received(self, data: bytes) -> None:
        if not self._is_broken and self._heard_close is None:
            self._frames.feed(data)
            self._advance()

    def _go_on(self) -> None:
        """A listener waits: let others have what is behind its event."""
        self._advance()
        self._socket._go_on()

    def _advance(self) -> None:
        """Dispatch what has come, one message after the other, and after that the end."""
        strand: Strand = self._socket._strand
        more = self._frames.MORE
        while not self._woken:
            item = None if self._is_broken else self._frames.next()
            if item is None:
                if self._is_gone:
                    self._finish()
                return
            if item is more:
                set_immediate(self._advance, strand=strand)
                return
            self._take(*item)
            if strand.busy:  # by a thread that was waiting for just this
                call_soon(self._advance, strand=strand)
                return

    def _take(self, kind: str, content: Any) -> None:
        if kind == 'bad':
            self._break(*content)
        elif kind == 'ping':
            self._socket.write(self._frames.pong(content))
        elif kind == 'close':
            self._heard_close = content
            if not self._said_close:
                code = content[0]
                self._say_close(None if code == _NO_CODE else code)
        elif kind != 'pong' and self._state == self.OPEN:
            self._dispatch(MessageEvent('message', data=content, origin=self._origin))

    def _sent(self, size: int) -> None:
        self._buffered -= size

    # The end

    def _say_close(self, code: int | None, reason: str = '') -> None:
        self._state = self.CLOSING
        self._said_close = True
        self._socket.write(self._frames.close(code, reason))
        self._timer = start_timer(
            CLOSE_TIMEOUT, self._socket.destroy, strand=self._socket._strand, ref=False)

    def _break(self, code: int, reason: str) -> None:
        """The server does not keep to the protocol."""
        self._is_broken = True
        if not self._said_close:
            self._say_close(code, reason)
        self._socket.end()
        self._end(Error(reason))

    def _failed(self, error: BaseException) -> None:
        self._error = self._error or error

    def _closed(self, *_: Any) -> None:
        self._stop_timer()
        self._is_gone = True
        self._advance()

    def _finish(self) -> None:
        """All that has come was dispatched."""
        if self._heard_close is None:
            self._end(self._error or Error('The connection ended before the server said Close'))
        elif self._state != self.CLOSED:
            self._state = self.CLOSED
            code, reason = self._heard_close
            self._end_event = CloseEvent('close', wasClean=True, code=code, reason=reason)
            self._dispatch(self._end_event)

    def _end(self, error: BaseException) -> None:
        """It has failed; whatever befalls it after that is no news."""
        if self._state == self.CLOSED:
            return
        self._state = self.CLOSED
        if self._socket is None:
            self._stop_timer()
        self._error = error
        self._end_event = CloseEvent('close', code=_ABNORMAL)
        self._dispatch(ErrorEvent('error', message=str(error), error=error))
        self._dispatch(self._end_event)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Threads that wait

    def _await_listener(self, type: str) -> None:
        """A thread outside the pool has said something: it may be about to wait for the answer."""
        strand = self._current_strand()
        if type not in self._listeners and not strand.holds:
            hold(strand)

    def _wait_for(self, type: str, timeout: float | None) -> list[Any]:
        if type not in ('open', 'message', 'error', 'close'):
            return super()._wait_for(type, timeout)
        return _Wait(self, type).result(timeout)

    def _wake(self) -> None:
        """A callback that was woken up is on its next line."""
        self._woken -= 1
        if not self._woken and self._socket is not None:
            call_soon(self._advance, strand=self._socket._strand)


class _Wait:
    """A thread that waits for an event of a WebSocket, or for the end of that. What comes next on it is kept
    back until the thread is on its next line, where it may wait for just that."""

    def __init__(self, ws: WebSocket, type: str) -> None:
        self._ws, self._type = ws, type
        self._waiter = Waiter()
        self._is_in_callback = is_in_callback()
        self._strand: Strand | None = None  # that is kept busy for a thread outside the pool
        self._has_woken = False  # a callback: its return is an event of the strand

    def result(self, timeout: float | None) -> list[Any]:
        """Wait, and return the event in a list."""
        ws = self._ws
        names = {'close'} if self._type == 'close' else {self._type, 'close', 'error'}
        with monitor:
            if ws._state == ws.CLOSED:
                if self._type == 'close':
                    return [ws._end_event]
                raise ws._error or Error('The WebSocket is closed')
            for name in names:
                ws.addEventListener(name, self._settle)
        try:
            result: list[Any] = self._waiter.wait(timeout)
            return result
        finally:
            with monitor:
                for name in names:
                    ws.removeEventListener(name, self._settle)
                self._let_go()

    def _settle(self, event: Any) -> None:
        with monitor:
            if self._waiter.done:
                return
            if event.type == self._type:
                self._waiter.set([event])
            elif event.type == 'error':
                self._waiter.fail(event.error or Error('The WebSocket has failed'))
            else:
                self._waiter.fail(Error(f'The WebSocket was closed: {event.code} {event.reason}'.rstrip()))
            if self._is_in_callback:
                self._has_woken = True
                self._ws._woken += 1
            elif self._ws._state != self._ws.CLOSED:  # then there is no event that would ever end the hold
                self._strand = self._ws._current_strand()
                occupy(self._strand)

    def _let_go(self) -> None:
        if self._has_woken:
            self._ws._wake()
        elif self._strand is not None:
            hold(self._strand)
            release_strand(self._strand)


def _framing() -> Callable[[bool | None], Frames]:
    """Return what makes the Frames of a connection."""
    try:
        from nodehttp._frames import Frames, Inflater
    except ImportError:
        raise Error("WebSocket needs the package wsproto: pip install 'nodehttp[websocket]'",
                    'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM') from None
    return lambda keeps_context: Frames(None if keeps_context is None else Inflater(keeps_context))


def _request_of(protocol: str) -> Callable[..., ClientRequest]:
    """Return the function that makes the request."""
    if protocol == 'wss:':
        import nodehttps  # which builds on this package, and is needed by few
        return nodehttps.request
    return client.request


def _message(data: Any) -> str | bytes:
    """Return a message as it goes out."""
    if isinstance(data, str):
        return to_usv_string(data)
    try:
        return bytes(memoryview(data))
    except TypeError:
        return to_usv_string(data)


def _checked_code(code: Any) -> int:
    number = to_number(code)
    if math.isfinite(number) and ((whole := int(number)) == 1000 or 3000 <= whole <= 4999):
        return whole
    raise DOMException('invalid code', 'InvalidAccessError')


for _class in (CloseEvent, MessageEvent, WebSocket):
    _class.__module__ = 'nodehttp'  # the path that users know
