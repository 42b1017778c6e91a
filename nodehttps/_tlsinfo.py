"""What a TLSSocket tells about its connection: certificates, cipher, session.

Documentation: "Class: tls.TLSSocket". What Python's ssl cannot tell raises
ERR_FEATURE_UNAVAILABLE_ON_PLATFORM.

Leaving Node: all this can still be asked when the connection is closed (null there), because a thread that
has read a response to its end comes too late to ask while it is open.
"""

from __future__ import annotations

import ssl
from typing import Any, NamedTuple

from nodehttp.checks import check_number
from nodehttp.monitor import monitor
from nodehttp.record import Record
from nodehttps._certificate import certificate_object, chain_object, is_self_issued, ordered_chain
from nodehttps._context import SecureContext
from nodehttps._errors import unavailable
from nodehttps._protocols import standard_name
from nodehttps._records import Records
from nodehttps._session import Session
from nodehttps._verify import sent_chain, verified_chain
from nodehttps._wired import Wired

FRAGMENT_MAX = 16384  # bytes; what a record holds


class Facts(NamedTuple):
    """What a handshake came to."""

    cipher: tuple[str, str, int] | None
    version: str | None
    is_resumed: bool


_NOTHING = Facts(None, None, False)


class Information(Wired):
    """The asking half of TLSSocket."""

    _tls: ssl.SSLObject | None = None  # from the handshake on, until the socket is destroyed
    _secure_context: SecureContext
    _is_server = False
    _chain: list[bytes] | None = None  # what the peer has sent, or had sent when the session began
    _verdict: str | None = None  # why the peer is not trusted
    _fragment = FRAGMENT_MAX
    _is_shaken = False  # is, or was, the handshake complete?
    _records: Records | None = None  # of a client in TLS 1.3
    _last_session: ssl.SSLSession | None = None  # of a client, when it was looked at last
    _remembered = _NOTHING  # from when it was destroyed

    def _facts(self) -> Facts:
        tls = self._tls
        if tls is None or not self._is_shaken:
            return self._remembered
        return Facts(tls.cipher(), tls.version(), bool(tls.session_reused))

    def _forget_tls(self) -> None:
        """The connection is over: keep what can be asked, and nothing else."""
        if self._is_shaken and self._tls is not None:
            self._peer_chain()
            tls = self._tls
            self._remembered = Facts(tls.cipher(), tls.version(), bool(tls.session_reused))
        self._tls = None

    def _current_session(self) -> ssl.SSLSession | None:
        """The session, or for a client the last one. It is copied whenever Python's ssl is asked for it, and
        once more for nobody: 6.5 KiB that are never freed (CPython 3.11 to 3.13)."""
        tls = self._tls
        if self._is_server:
            return tls.session if tls is not None and self._is_shaken else None
        records = self._records
        is_old = records is not None and records.surplus
        if (self._last_session is None or is_old) and tls is not None and self._is_shaken:
            self._last_session = tls.session
            if records is not None:
                records.surplus = 0
        return self._last_session

    def _peer_chain(self) -> list[bytes]:
        """The peer's certificates, its own first."""
        if self._chain is None:
            if self._tls is None or not self._is_shaken:
                return []
            self._chain = sent_chain(self._tls)
            if not self._chain:  # resumed: what the ticket remembers
                own = self._tls.getpeercert(True)
                self._chain = [own] if own else []
        return self._chain

    def _full_chain(self) -> list[bytes]:
        """The peer's certificate and its issuers, up to an authority, as far as they are known."""
        sent = self._peer_chain()
        verified = verified_chain(self._tls) if self._tls is not None else []
        if verified and verified[0] == sent[0] and is_self_issued(verified[-1]):
            return verified
        known = ordered_chain(sent[0], sent[1:])
        if is_self_issued(known[-1]):
            return known
        return ordered_chain(sent[0], [*sent[1:], *self._secure_context.trusted()])

    def getPeerCertificate(self, detailed: bool = False) -> Record[Any] | None:
        """Return the peer's certificate; `detailed`: with `issuerCertificate`, the chain up to an authority,
        which has itself there.

        An empty Record without a certificate, None if there was no handshake.
        ("tlsSocket.getPeerCertificate([detailed])")
        """
        with monitor:
            if self._tls is None and self._chain is None:
                return None
            if not self._peer_chain():
                return Record()
            if detailed:
                return chain_object(self._full_chain())
            return certificate_object(self._peer_chain()[0])

    def getCertificate(self) -> Record[Any] | None:
        """Return the own certificate; the first one if there are several, as Python does not tell which is in
        use. ("tlsSocket.getCertificate()")"""
        with monitor:
            own = self._secure_context.certificates()
            return certificate_object(own[0]) if own else Record()

    def getCipher(self) -> Record[Any] | None:
        """Return name, standardName and version of the cipher suite. ("tlsSocket.getCipher()")"""
        with monitor:
            found = self._facts().cipher
        if not found:
            return None
        name, version, _ = found
        return Record(name=name, standardName=standard_name(name), version=version)

    def getProtocol(self) -> str | None:
        """Return 'TLSv1.3' and the like; None before the handshake. ("tlsSocket.getProtocol()")"""
        with monitor:
            return self._facts().version

    def getSession(self) -> Session | None:
        """Return the session, for the option `session` of another connection of this process; None if there
        is none (yet). A destroyed socket has only what was asked for before, or told by 'session'.
        ("tlsSocket.getSession()")"""
        with monitor:
            inner = self._current_session()
            return None if inner is None else Session.of(inner, self._peer_chain(), self._verdict)

    def isSessionReused(self) -> bool:
        """Did the handshake resume a session? ("tlsSocket.isSessionReused()")"""
        with monitor:
            return self._facts().is_resumed

    def getFinished(self) -> bytes | None:
        """Return the Finished message sent last, up to TLS 1.2; Python has it of a client in a full handshake
        and of a server that resumes. ("tlsSocket.getFinished()")"""
        return self._finished('getFinished()', own=True)

    def getPeerFinished(self) -> bytes | None:
        """Return the Finished message received last, where `getFinished` cannot.
        ("tlsSocket.getPeerFinished()")"""
        return self._finished('getPeerFinished()', own=False)

    def _finished(self, what: str, own: bool) -> bytes | None:
        with monitor:
            if self._tls is None or not self._is_shaken:
                return None
            # What Python has, 'tls-unique', is the first Finished of the handshake.
            if self._tls.version() == 'TLSv1.3' or own != (self._is_server == bool(self._tls.session_reused)):
                raise unavailable(what, 'it keeps only the first Finished of a handshake before TLS 1.3')
            return self._tls.get_channel_binding('tls-unique')

    def exportKeyingMaterial(self, length: int, label: str, context: Any = None) -> bytes:
        """Not possible. ("tlsSocket.exportKeyingMaterial(length, label[, context])")"""
        raise unavailable('exportKeyingMaterial()')

    def renegotiate(self, options: Any = None, callback: Any = None) -> bool:
        """Not possible; and refused when the peer wants it. ("tlsSocket.renegotiate(options, callback)")"""
        raise unavailable('renegotiate()')

    def disableRenegotiation(self) -> None:
        """Nothing to be done: it is always refused. ("tlsSocket.disableRenegotiation()")"""

    def enableTrace(self) -> None:
        """Not possible. ("tlsSocket.enableTrace()")"""
        raise unavailable('enableTrace()')

    def getEphemeralKeyInfo(self) -> Record[Any]:
        """Not possible. ("tlsSocket.getEphemeralKeyInfo()")"""
        raise unavailable('getEphemeralKeyInfo()')

    def getSharedSigalgs(self) -> list[str]:
        """Not possible. ("tlsSocket.getSharedSigalgs()")"""
        raise unavailable('getSharedSigalgs()')

    def getTLSTicket(self) -> bytes:
        """Not possible. ("tlsSocket.getTLSTicket()")"""
        raise unavailable('getTLSTicket()')

    def getX509Certificate(self) -> Any:
        """Not possible. ("tlsSocket.getX509Certificate()")"""
        raise unavailable('getX509Certificate()', 'getCertificate() tells what it can')

    def getPeerX509Certificate(self) -> Any:
        """Not possible. ("tlsSocket.getPeerX509Certificate()")"""
        raise unavailable('getPeerX509Certificate()', 'getPeerCertificate() tells what it can')

    def setMaxSendFragment(self, size: int) -> bool:
        """Send no records of more than `size` bytes (512 to 16384); False for any other size.
        ("tlsSocket.setMaxSendFragment([size])")"""
        if not 512 <= check_number('size', size) <= FRAGMENT_MAX:
            return False
        with monitor:
            self._fragment = int(size)
        return True
