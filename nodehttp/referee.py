"""h11 as the referee of framing: a second opinion on where a message ends.

What the scanner had to read the long way is not plain, and two readers that disagree about the end of such a
message are what request smuggling lives on. So its framing fields are shown to h11 as well, before the head
is delivered. h11 may not know what Node accepts (`gzip, chunked`, anything lenient): then it has no opinion,
and Node's reading holds. Where both accept the head they must read the same framing, or the message is
refused.

The short way is a subset so narrow that there is nothing to disagree about; a request costs 4 us there, h11
alone 40.
"""

from __future__ import annotations

CHUNKED_PROBE = b'0\r\n\r\n'  # a whole chunked body; the beginning of any other


def is_disputed(fields: list[str], chunked: bool, length: int) -> bool:
    """Does h11 read another framing out of these header fields (flat, as received) than `chunked`, or
    `length` bytes?"""
    # Imported when the first such message comes: most programs never see one.
    import h11

    referee = h11.Connection(h11.SERVER)
    lines = [
        f'{name}: {value}\r\n' for name, value in zip(fields[::2], fields[1::2], strict=True)
        if name.lower() in ('content-length', 'transfer-encoding')]
    referee.receive_data(f'POST / HTTP/1.1\r\nHost: referee\r\n{"".join(lines)}\r\n'.encode('latin-1'))
    try:
        head = referee.next_event()
        referee.receive_data(CHUNKED_PROBE)
        body = referee.next_event()
    except h11.RemoteProtocolError:
        return False
    assert isinstance(head, h11.Request)
    if isinstance(body, h11.EndOfMessage):
        probe_was_the_body = referee.trailing_data[0] == b''
        return (probe_was_the_body, 0) != (chunked, length)
    return (False, int(dict(head.headers)[b'content-length'])) != (chunked, length)
