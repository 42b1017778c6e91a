"""SecureContext: what the options of "tls.createSecureContext([options])" say, as `ssl.SSLContext`s.

Python keeps in the context what Node keeps in the connection: which end it is, whether the peer's certificate
is verified, which protocols are offered. So one SecureContext has a context for each such *use*, made when it
is first needed. Sessions belong to the context that made them; for them to be resumed later connections have
to find the same one, which is why `shared_context` keeps those of equal options.

Options are one table: what is checked, and what becomes of it. What Python's ssl cannot do raises
ERR_FEATURE_UNAVAILABLE_ON_PLATFORM when it is asked for; nothing is dropped in silence.
"""

from __future__ import annotations

import re
import ssl
from collections import OrderedDict
from collections.abc import Callable, Mapping
from copy import copy
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from nodehttp import errors
from nodehttp.checks import check_number
from nodehttp.monitor import monitor
from nodehttps import _protocols, _roots
from nodehttps._credentials import Credentials, load, read_credentials
from nodehttps._errors import unavailable
from nodehttps._pem import certificates_in, readable_path, to_bytes

# What a context does about the peer's certificate.
NONE, LENIENT, REQUIRED, JUDGE = 'none', 'lenient', 'required', 'judge'
_MODES = {NONE: ssl.CERT_NONE, LENIENT: ssl.CERT_OPTIONAL, REQUIRED: ssl.CERT_REQUIRED,
          JUDGE: ssl.CERT_OPTIONAL}
# X509_V_FLAG_NO_CHECK_TIME, which Python does not name.
_NO_CHECK_TIME = 0x200000
# X509_CERT_AUX with the extendedKeyUsage clientAuth: what makes a certificate a "trusted" one of OpenSSL's.
_IS_A_CLIENT = bytes.fromhex('300c300a06082b06010505070302')
USES_KEPT = 32  # contexts of one SecureContext; an ALPNCallback may ask for any number
CONTEXTS_KEPT = 128  # SecureContexts of equal options
CHAINS_KEPT = 1000  # of clients' certificates, some KB each

_security_level = re.compile(r'[:@]@?SECLEVEL=\d').search

Check = Callable[[str, Any], Any]


class Use(NamedTuple):
    """What a context is for."""

    is_server: bool
    verification: str = NONE
    protocols: tuple[str, ...] = ()


def _is_text(name: str, value: Any) -> None:
    if not isinstance(value, str):
        raise errors.invalid_arg_type(f'options.{name}', 'of type string', value)


def _is_impossible(why: str, first: Check | None = None) -> Check:
    """A check for what can be right or wrong, but is not possible either way."""
    def check(name: str, value: Any) -> None:
        if first is not None:
            first(name, value)
        raise unavailable(f'options.{name}', why)
    return check


def _is_list_of_algorithms(name: str, value: Any) -> None:
    _is_text(name, value)
    if not value:
        raise errors.node_error('ERR_INVALID_ARG_VALUE', f'options.{name}', value)


def _is_time_in_seconds(name: str, value: Any) -> None:
    check_number(f'options.{name}', value)
    if value % 1:
        raise errors.node_error('ERR_OUT_OF_RANGE', f'options.{name}', 'an integer', value)
    if not 0 <= value < 1 << 31:
        raise errors.node_error('ERR_OUT_OF_RANGE', f'options.{name}', '>= 0 && <= 2147483647', value)


def _is_ticket_key(name: str, value: Any) -> None:
    if not isinstance(value, (bytes, bytearray, memoryview)):
        expected = 'an instance of Buffer, TypedArray, or DataView'
        raise errors.invalid_arg_type(f'options.{name}', expected, value)
    size = memoryview(value).nbytes
    if size != 48:
        raise errors.node_error('ERR_INVALID_ARG_VALUE', f'options.{name}', size, 'must be exactly 48 bytes')


def _is_nothing(name: str, value: Any) -> bool:
    """Is an option not given? Credentials are not, as in Node, where JavaScript has them for false."""
    return value is None or (
        name in ('ca', 'cert', 'key') and isinstance(value, (str, int, float)) and not value)


def _dhparam(name: str, value: Any) -> None:
    if value == 'auto':
        raise unavailable("options.dhparam 'auto'", 'it takes parameters only')
    to_bytes(value, name)


def _anything(name: str, value: Any) -> None:
    """Checked where it is used, or any value will do."""


# The options that make up a SecureContext, in the order in which they are checked.
_OPTIONS: dict[str, Check] = {
    'secureProtocol': _anything,
    'minVersion': _anything,
    'maxVersion': _anything,
    'ca': _anything,
    'cert': _anything,
    'key': _anything,
    'pfx': _anything,
    'passphrase': _anything,
    'crl': _anything,
    'ciphers': _is_text,
    'ecdhCurve': _is_text,
    'dhparam': _dhparam,
    'honorCipherOrder': _anything,
    'secureOptions': check_number,
    'allowPartialTrustChain': _anything,
    # Sessions never leave the context, and so the application, that made them; nothing to be told apart.
    'sessionIdContext': _is_text,
    'sigalgs': _is_impossible('it has no choice of signature algorithms', _is_list_of_algorithms),
    'sessionTimeout': _is_impossible('sessions live as long as OpenSSL likes', _is_time_in_seconds),
    'ticketKeys': _is_impossible('OpenSSL makes them, for each context', _is_ticket_key),
    'clientCertEngine': _is_impossible('it knows no engines'),
    'privateKeyEngine': _is_impossible('it knows no engines'),
    'privateKeyIdentifier': _is_impossible('it knows no engines'),
}


class SecureContext:
    """Credentials, and rules for connections. ("Class: tls.SecureContext")

    Made by `createSecureContext`. Any thread may use it.
    """

    def __init__(self, options: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        given = {**(options or {}), **kwargs}
        self._options = {name: given[name] for name in _OPTIONS if not _is_nothing(name, given.get(name))}
        for name, value in self._options.items():
            _OPTIONS[name](name, value)
        self._bounds = _protocols.version_bounds(self._options)
        self._credentials: Credentials = read_credentials(self._options)
        self._crls = _revocations(self._options.get('crl'))
        self._authorities = _authorities(self._options.get('ca'))
        self._contexts: OrderedDict[Use, ssl.SSLContext] = OrderedDict()
        self._backed: WeakKeyDictionary[SecureContext, SecureContext] = WeakKeyDictionary()
        self._chains: OrderedDict[bytes, list[bytes]] = OrderedDict()
        self.context_for(Use(is_server=True))  # so that what is wrong shows here

    @property
    def context(self) -> SecureContext:
        """Itself: what older programs hand to a server as `crypto.createCredentials(...).context`."""
        return self

    @property
    def allows_partial_chains(self) -> bool:
        """Is every trusted certificate enough, that of an authority or not? (allowPartialTrustChain)"""
        return bool(self._options.get('allowPartialTrustChain'))

    def certificates(self) -> list[bytes]:
        """Return its own certificates, without their chains, as DER."""
        return [certificates_in(pem)[0] for pem, _ in self._credentials.pairs]

    def trusted(self) -> tuple[bytes, ...]:
        """Return the authorities that it trusts, as DER."""
        chosen = _roots.default() if self._authorities is None else self._authorities
        return (*chosen, *self._credentials.authorities)

    def backed_by(self, other: SecureContext) -> SecureContext:
        """Return itself or, if it has no certificate, the same with the one of `other`. Needs the monitor."""
        if self._credentials.pairs or not other._credentials.pairs:
            return self
        backed = self._backed.get(other)
        if backed is None:
            backed = self._backed[other] = copy(self)
            backed._credentials = Credentials(other._credentials.pairs, self._credentials.authorities)
            backed._contexts = OrderedDict()
        return backed

    def remember_chain(self, chain: list[bytes]) -> None:
        """Keep the certificates (DER) that a client has sent, its own first: a session that it resumes brings
        only this one. Needs the monitor."""
        self._chains.pop(chain[0], None)
        self._chains[chain[0]] = chain
        if len(self._chains) > CHAINS_KEPT:
            self._chains.popitem(last=False)

    def recalled_chain(self, own: bytes) -> list[bytes]:
        """Return what came with a client's certificate when it was sent."""
        return self._chains.get(own, [own])

    def context_for(self, use: Use) -> ssl.SSLContext:
        """Return the context for a use, the same one each time."""
        with monitor:
            context = self._contexts.get(use)
            if context is None:
                context = self._contexts[use] = self._build(use)
                if len(self._contexts) > USES_KEPT:
                    self._contexts.popitem(last=False)
            else:
                self._contexts.move_to_end(use)
            return context

    def admitting(self, use: Use, certificate: bytes) -> ssl.SSLContext:
        """Return a context, used nowhere else, that trusts one client's certificate (DER) and no other."""
        with monitor:
            context = self._bare(use)
        # Trusted for being a client expressly, as OpenSSL can write behind it: then the certificate itself is
        # not asked what it may be used for.
        with readable_path(ssl.DER_cert_to_PEM_cert(certificate + _IS_A_CLIENT).replace(
                ' CERTIFICATE', ' TRUSTED CERTIFICATE').encode()) as path:
            context.load_verify_locations(path)
        return context

    @property
    def checks_revocation(self) -> bool:
        """Are there lists of revoked certificates?"""
        return bool(self._crls)

    def _build(self, use: Use) -> ssl.SSLContext:
        context = self._bare(use)
        if use.verification != NONE:
            self._set_trust(context, use)
        return context

    def _bare(self, use: Use) -> ssl.SSLContext:
        """A context that trusts nobody yet."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if use.is_server else ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False  # checkServerIdentity does that
        context.verify_mode = _MODES[use.verification]
        self._set_rules(context, use)
        load(context, self._credentials)
        if use.protocols:
            context.set_alpn_protocols(list(use.protocols))
        return context

    def _set_rules(self, context: ssl.SSLContext, use: Use) -> None:
        options = self._options
        if use.verification == JUDGE:
            _set_judging_rules(context, options.get('ciphers') or '')
            return
        context.minimum_version, context.maximum_version = self._bounds
        _protocols.set_ciphers(context, options.get('ciphers') or _protocols.DEFAULT_CIPHERS)
        _protocols.set_curves(context, options.get('ecdhCurve', _protocols.DEFAULT_ECDH_CURVE))
        context.options |= ssl.OP_NO_RENEGOTIATION
        if options.get('honorCipherOrder') is not None and not options['honorCipherOrder']:
            context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
        if options.get('secureOptions'):
            context.options |= int(options['secureOptions'])
        if options.get('dhparam'):
            _set_dhparam(context, to_bytes(options['dhparam'], 'dhparam'))

    def _set_trust(self, context: ssl.SSLContext, use: Use) -> None:
        trusted = self.trusted()
        if trusted:
            context.load_verify_locations(cadata=b''.join(trusted))
        if self._crls and use.verification != LENIENT:
            with readable_path(b'\n'.join(self._crls)) as path:
                context.load_verify_locations(path)
            context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
        if self.allows_partial_chains:
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        if use.verification == LENIENT:
            # Who is revoked is found out when he is judged, and whoever is judged to be untrusted is let in
            # by trusting his certificate; see _verify.py.
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME


def _set_judging_rules(context: ssl.SSLContext, ciphers: str) -> None:
    """What the handshake that is made up in _verify.py needs; how strong keys have to be is the user's
    choice."""
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    level = _security_level(ciphers)
    context.set_ciphers('ECDHE+AESGCM:ECDHE+CHACHA20' + (level[0] if level else ''))


def _authorities(value: Any) -> tuple[bytes, ...] | None:
    """The option `ca` as DER; None if it is not given."""
    if value is None:
        return None
    result: list[bytes] = []
    for item in value if isinstance(value, (list, tuple)) else [value]:
        result += certificates_in(to_bytes(item, 'ca'))
    return tuple(dict.fromkeys(result))


def _revocations(value: Any) -> list[bytes]:
    """The option `crl` as PEM."""
    if value is None:
        return []
    result = [to_bytes(item, 'crl') for item in (value if isinstance(value, (list, tuple)) else [value])]
    for pem in result:
        try:
            with readable_path(pem) as path:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.load_verify_locations(path)
                loaded = context.cert_store_stats()['crl']
        except ssl.SSLError:
            loaded = 0
        if not loaded:
            raise errors.node_error('ERR_CRYPTO_OPERATION_FAILED', 'Failed to parse CRL')
    return result


def _set_dhparam(context: ssl.SSLContext, pem: bytes) -> None:
    try:
        with readable_path(pem) as path:
            context.load_dh_params(path)
    except ssl.SSLError as error:
        raise errors.node_error('ERR_CRYPTO_OPERATION_FAILED', 'Failed to parse dhparam') from error


_shared: OrderedDict[Any, SecureContext] = OrderedDict()


def shared_context(options: Mapping[str, Any]) -> SecureContext:
    """Return a SecureContext for options, the same one for equal ones: it remembers sessions, and the roots
    take 15 ms to load."""
    key = (_roots.default(), *((name, _frozen(options[name])) for name in _OPTIONS
                               if options.get(name) is not None))
    with monitor:
        context = _shared.get(key)
        if context is None:
            context = _shared[key] = SecureContext(options)
            if len(_shared) > CONTEXTS_KEPT:
                _shared.popitem(last=False)
        else:
            _shared.move_to_end(key)
        return context


def _frozen(value: Any) -> Any:
    """A value that an option may have, as a key of a dict."""
    if isinstance(value, (list, tuple)):
        return tuple(map(_frozen, value))
    if isinstance(value, Mapping):
        return tuple((name, _frozen(item)) for name, item in value.items())
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    return (type(value).__name__, value)  # True is not 1


def createSecureContext(options: Mapping[str, Any] | None = None, **kwargs: Any) -> SecureContext:
    """Return a SecureContext of these options.

    Options: ca, cert, key (PEM as str or bytes, or lists of them), pfx, passphrase, crl, ciphers, ecdhCurve,
    dhparam, honorCipherOrder, minVersion, maxVersion, secureProtocol, secureOptions, sessionIdContext,
    allowPartialTrustChain.

    Raises TypeError and ValueError for wrong values, Error ERR_OSSL_* and ERR_SSL_* for what OpenSSL does not
    take, ERR_FEATURE_UNAVAILABLE_ON_PLATFORM for what Python's ssl cannot do.
    ("tls.createSecureContext([options])")
    """
    if options is not None and not isinstance(options, Mapping):
        raise errors.invalid_arg_type('options', 'of type object', options)
    return SecureContext(options, **kwargs)
