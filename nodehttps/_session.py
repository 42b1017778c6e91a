"""Session: what `getSession()` returns and the option `session` takes.

Python's ssl keeps a session as an object, belonging to the context that made it, and gives nobody its bytes.
So this is bytes only in as far as it can be compared and used as a key; it carries the object, and what was
found out about the peer, whose certificates do not come a second time.
"""

from __future__ import annotations

import os
import ssl
import time
from typing import Any

from nodehttp import errors

# s that a session is used before there is to be another one. To ask for one costs time, and memory for ever
# (`Information._current_session`); OpenSSL's servers take them for 5 minutes at least.
FRESH = 60


class Session(bytes):
    """A TLS session, to be resumed by this process. ("Session Resumption")"""

    inner: ssl.SSLSession
    chain: list[bytes]
    verdict: str | None

    @classmethod
    def of(cls, inner: ssl.SSLSession, chain: list[bytes], verdict: str | None) -> Session:
        """Return the Session for one of Python's; `chain` and `verdict` are the peer's."""
        session = cls(inner.id or os.urandom(32))
        session.inner, session.chain, session.verdict = inner, chain, verdict
        return session

    def is_fresh(self) -> bool:
        """Will it do for a while?"""
        return 0 <= time.time() - self.inner.time < FRESH


def checked_session(value: Any) -> Session | None:
    """Return the option `session`. Raises TypeError for what is no session of this process."""
    if value is None or isinstance(value, Session):
        return value
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise errors.NodeTypeError('Session must be a buffer', 'ERR_INVALID_ARG_TYPE')
    raise errors.node_error(
        'ERR_INVALID_ARG_VALUE', 'options.session', value,
        "must be what getSession() returned in this process: Python's ssl cannot read the bytes of a session")
