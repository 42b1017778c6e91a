"""SecureContext: its options, with Node's errors; trust; and what Python's ssl cannot do."""

from __future__ import annotations

import ssl
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from tls_tools import Authority, encrypted, pfx, revocation_list, self_signed

from nodehttp import errors
from nodehttps import _context, _pem, _protocols, _roots, tls
from nodehttps._context import JUDGE, NONE, REQUIRED, Use
from nodehttps._verify import judge, refined


def code_of(**options: Any) -> str | None:
    """Return the code of the error that createSecureContext raises."""
    with pytest.raises(errors.NodeError) as caught:
        tls.createSecureContext(options)
    return caught.value.code


# Credentials


def test_pem_as_text_bytes_and_lists(authority: Authority) -> None:
    one, other = authority.issue(), authority.issue_rsa()
    for key, cert in (
        (one['key'], one['cert']),
        (one['key'].decode(), one['cert'].decode()),
        (bytearray(one['key']), memoryview(one['cert'])),
        ([one['key']], [one['cert']]),
        ([{'pem': one['key']}], one['cert']),
        # Each certificate finds its key, in whatever order they are.
        ([other['key'], one['key']], [one['cert'], other['cert']]),
    ):
        context = tls.createSecureContext(key=key, cert=cert)
        assert len(context.certificates()) == (2 if isinstance(cert, list) and len(cert) == 2 else 1)


def test_passphrase(authority: Authority) -> None:
    cert, key = authority.issue()['cert'], encrypted(authority.issue()['key'], b'secret')
    assert tls.createSecureContext(key=key, cert=cert, passphrase='secret').certificates()
    assert tls.createSecureContext(key=[{'pem': key, 'passphrase': 'secret'}], cert=cert).certificates()
    assert code_of(key=key, cert=cert) == 'ERR_OSSL_BAD_DECRYPT'
    assert code_of(key=key, cert=cert, passphrase='wrong') == 'ERR_OSSL_BAD_DECRYPT'
    assert code_of(key=key, cert=cert, passphrase=1) == 'ERR_INVALID_ARG_TYPE'


def test_bad_credentials(authority: Authority) -> None:
    good, other, rsa = authority.issue(), authority.issue('other.test'), authority.issue_rsa()
    assert code_of(key='x', cert=good['cert']) == 'ERR_OSSL_UNSUPPORTED'
    assert code_of(key=good['key'], cert='x') == 'ERR_OSSL_PEM_NO_START_LINE'
    assert code_of(key=other['key'], cert=good['cert']) == 'ERR_OSSL_X509_KEY_VALUES_MISMATCH'
    assert code_of(key=rsa['key'], cert=good['cert']) == 'ERR_OSSL_X509_KEY_VALUES_MISMATCH'
    broken = b'-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n'
    assert code_of(key=broken, cert=good['cert']) == 'ERR_OSSL_UNSUPPORTED'
    for name in ('key', 'cert', 'ca', 'crl'):
        assert code_of(**{name: 1}) == 'ERR_INVALID_ARG_TYPE'
    with pytest.raises(
        TypeError, match=r'The "options.ca" property must be of type string or an instance of'
    ):
        tls.createSecureContext(ca=1)


def test_half_of_the_credentials_is_none(authority: Authority) -> None:
    good = authority.issue()
    for options in ({'key': good['key']}, {'cert': good['cert']}, {**good, 'cert': ''}, {'ca': 'junk'}, {}):
        tls.createSecureContext(options)


def test_openssl_errors_have_library_and_reason(authority: Authority) -> None:
    with pytest.raises(errors.Error) as caught:
        tls.createSecureContext(key=authority.issue()['key'], cert='x')
    error: Any = caught.value
    assert (error.library, error.reason, error.message) == (
        'PEM routines',
        'no start line',
        'error:PEM routines::no start line',
    )


def test_pfx(authority: Authority) -> None:
    credentials = authority.issue()
    data = pfx(credentials, b'sample', authority)
    for options in (
        {'pfx': data, 'passphrase': 'sample'},
        {'pfx': [{'buf': data, 'passphrase': 'sample'}]},
        {'pfx': pfx(credentials, None)},
    ):
        assert tls.createSecureContext(options).certificates() == _pem.certificates_in(credentials['cert'])
    [root] = _pem.certificates_in(authority.pem)
    assert root in tls.createSecureContext(pfx=data, passphrase='sample').trusted()
    for options, message in (({'passphrase': 'x'}, 'mac verify failure'), ({}, 'mac verify failure')):
        with pytest.raises(errors.Error, match=message):
            tls.createSecureContext(pfx=data, **options)
    with pytest.raises(errors.Error, match='not enough data'):
        tls.createSecureContext(pfx='junk')


def test_pfx_needs_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'cryptography.hazmat.primitives.serialization', None)
    with pytest.raises(errors.Error, match=r'options.pfx needs the package cryptography: .*nodehttp\[x509\]'):
        tls.createSecureContext(pfx=b'0')


def test_keys_are_not_left_on_the_disk(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    tls.createSecureContext(authority.issue())
    monkeypatch.delattr(_pem.os, 'memfd_create', raising=False)  # as where there are no files in memory
    with _pem.readable_path(b'secret') as path:
        assert Path(path).read_bytes() == b'secret'
        assert Path(path).stat().st_mode & 0o077 == 0
    assert tls.createSecureContext(authority.issue()).certificates()
    assert list(tmp_path.iterdir()) == []


# Versions and ciphers


@pytest.mark.parametrize(
    ('options', 'code', 'message'),
    [
        (
            {'minVersion': 'x'},
            'ERR_TLS_INVALID_PROTOCOL_VERSION',
            '"x" is not a valid minimum TLS protocol version',
        ),
        (
            {'maxVersion': 'x'},
            'ERR_TLS_INVALID_PROTOCOL_VERSION',
            '"x" is not a valid maximum TLS protocol version',
        ),
        (
            {'minVersion': 'TLSv1.2', 'secureProtocol': 'TLSv1_2_method'},
            'ERR_TLS_PROTOCOL_VERSION_CONFLICT',
            'TLS protocol version "TLSv1.2" conflicts with secureProtocol "TLSv1_2_method"',
        ),
        (
            {'minVersion': ''},
            'ERR_TLS_INVALID_PROTOCOL_VERSION',
            '"" is not a valid minimum TLS protocol version',
        ),
        (
            {'maxVersion': 5},
            'ERR_TLS_INVALID_PROTOCOL_VERSION',
            '5 is not a valid maximum TLS protocol version',
        ),
        (
            {'minVersion': False},
            'ERR_TLS_INVALID_PROTOCOL_VERSION',
            'false is not a valid minimum TLS protocol version',
        ),
        ({'secureProtocol': ''}, 'ERR_TLS_INVALID_PROTOCOL_METHOD', 'Unknown method: '),
        ({'secureProtocol': 'x'}, 'ERR_TLS_INVALID_PROTOCOL_METHOD', 'Unknown method: x'),
        (
            {'secureProtocol': 'TLSv1_3_method'},
            'ERR_TLS_INVALID_PROTOCOL_METHOD',
            'Unknown method: TLSv1_3_method',
        ),
        ({'secureProtocol': 'SSLv3_method'}, 'ERR_TLS_INVALID_PROTOCOL_METHOD', 'SSLv3 methods disabled'),
        (
            {'secureProtocol': 'SSLv2_client_method'},
            'ERR_TLS_INVALID_PROTOCOL_METHOD',
            'SSLv2 methods disabled',
        ),
        (
            {'ciphers': 1},
            'ERR_INVALID_ARG_TYPE',
            'The "options.ciphers" property must be of type string. Received type number (1)',
        ),
        ({'ciphers': 'NOPE'}, 'ERR_SSL_NO_CIPHER_MATCH', 'error:SSL routines::no cipher match'),
        ({'ciphers': 'TLS_NOPE'}, 'ERR_SSL_NO_CIPHER_MATCH', 'error:SSL routines::no cipher match'),
        (
            {'ciphers': 'TLS_NOPE:ECDHE-ECDSA-AES128-GCM-SHA256'},
            'ERR_SSL_NO_CIPHER_MATCH',
            'error:SSL routines::no cipher match',
        ),
        (
            {'ecdhCurve': 1},
            'ERR_INVALID_ARG_TYPE',
            'The "options.ecdhCurve" property must be of type string. Received type number (1)',
        ),
        ({'ecdhCurve': 'nope'}, 'ERR_CRYPTO_OPERATION_FAILED', 'Failed to set ECDH curve'),
        ({'crl': 'junk'}, 'ERR_CRYPTO_OPERATION_FAILED', 'Failed to parse CRL'),
        ({'dhparam': 'junk'}, 'ERR_CRYPTO_OPERATION_FAILED', 'Failed to parse dhparam'),
        (
            {'sessionIdContext': 1},
            'ERR_INVALID_ARG_TYPE',
            'The "options.sessionIdContext" property must be of type string. Received type number (1)',
        ),
        (
            {'secureOptions': 'x'},
            'ERR_INVALID_ARG_TYPE',
            'The "secureOptions" argument must be of type number. Received type string (\'x\')',
        ),
        # Of what is not possible, too, it is said first if it is wrong.
        (
            {'sigalgs': 5},
            'ERR_INVALID_ARG_TYPE',
            'The "options.sigalgs" property must be of type string. Received type number (5)',
        ),
        ({'sigalgs': ''}, 'ERR_INVALID_ARG_VALUE', "The property 'options.sigalgs' is invalid. Received ''"),
        (
            {'ticketKeys': 'x'},
            'ERR_INVALID_ARG_TYPE',
            'The "options.ticketKeys" property must be an instance of Buffer, TypedArray, or DataView. '
            "Received type string ('x')",
        ),
        (
            {'ticketKeys': bytes(5)},
            'ERR_INVALID_ARG_VALUE',
            "The property 'options.ticketKeys' must be exactly 48 bytes. Received 5",
        ),
        (
            {'sessionTimeout': 'x'},
            'ERR_INVALID_ARG_TYPE',
            'The "options.sessionTimeout" property must be of type number. Received type string (\'x\')',
        ),
        (
            {'sessionTimeout': 1.5},
            'ERR_OUT_OF_RANGE',
            'The value of "options.sessionTimeout" is out of range. It must be an integer. Received 1.5',
        ),
        (
            {'sessionTimeout': -1},
            'ERR_OUT_OF_RANGE',
            'The value of "options.sessionTimeout" is out of range. It must be >= 0 && <= 2147483647. '
            'Received -1',
        ),
    ],
)
def test_bad_options(options: dict[str, Any], code: str, message: str) -> None:
    with pytest.raises(errors.NodeError) as caught:
        tls.createSecureContext(options)
    assert (caught.value.code, caught.value.message) == (code, message)


@pytest.mark.parametrize(
    'options',
    [{'sigalgs': 'x'}, {'sessionTimeout': 300}, {'ticketKeys': bytes(48)}, {'clientCertEngine': 'x'},
     {'privateKeyEngine': 'x'}, {'privateKeyIdentifier': 'x'}],
)
def test_what_python_cannot_do_is_said(options: dict[str, Any]) -> None:
    [name] = options
    with pytest.raises(
        errors.Error, match=rf"^options.{name} is not possible with Python's ssl module: "
    ) as caught:
        tls.createSecureContext(options)
    assert caught.value.code == 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM'


@pytest.mark.parametrize('nothing', [False, 0, ''])
def test_credentials_that_are_nothing(nothing: Any) -> None:
    context = tls.createSecureContext(key=nothing, cert=nothing, ca=nothing)
    assert context.trusted() == tls.createSecureContext().trusted() != ()


@pytest.mark.parametrize('options', [{'ecdhCurve': ''}, {'dhparam': ''}, {'ciphers': ''}])
def test_texts_that_say_nothing(options: dict[str, str]) -> None:
    names = [context.context_for(Use(is_server=False)).get_ciphers()
             for context in (tls.createSecureContext(options), tls.createSecureContext())]
    assert names[0] == names[1]


@pytest.mark.skipif(sys.version_info >= (3, 15), reason='Python 3.15 can do it')
@pytest.mark.parametrize(
    'options', [{'ciphers': 'TLS_AES_128_GCM_SHA256'}, {'ecdhCurve': 'P-256:X25519'}, {'dhparam': 'auto'}]
)
def test_what_python_cannot_do_yet_is_said(options: dict[str, str]) -> None:
    [name] = options
    with pytest.raises(errors.Error, match=f'^options.{name} .*not possible') as caught:
        tls.createSecureContext(options)
    assert caught.value.code == 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM'


def test_only_objects_are_options() -> None:
    for value in (1, 'x'):
        with pytest.raises(TypeError, match='The "options" argument must be of type object'):
            tls.createSecureContext(value)  # type: ignore[arg-type]


@pytest.mark.filterwarnings('ignore:ssl.TLSVersion.TLSv1')
@pytest.mark.parametrize(
    ('options', 'bounds'),
    [
        ({}, ('TLSv1_2', 'TLSv1_3')),
        ({'minVersion': 'TLSv1.3'}, ('TLSv1_3', 'TLSv1_3')),
        ({'minVersion': 'TLSv1', 'maxVersion': 'TLSv1.1'}, ('TLSv1', 'TLSv1_1')),
        ({'secureProtocol': 'TLS_method'}, ('MINIMUM_SUPPORTED', 'TLSv1_3')),
        ({'secureProtocol': 'TLS_client_method'}, ('MINIMUM_SUPPORTED', 'TLSv1_3')),
        ({'secureProtocol': 'SSLv23_method'}, ('MINIMUM_SUPPORTED', 'TLSv1_2')),
        ({'secureProtocol': 'TLSv1_1_method'}, ('TLSv1_1', 'TLSv1_1')),
        ({'secureProtocol': 'TLSv1_2_server_method'}, ('TLSv1_2', 'TLSv1_2')),
        # Only ciphers of TLS 1.3: nothing is left for older versions.
        ({'ciphers': ':'.join(_protocols.TLS13_CIPHERS)}, ('TLSv1_3', 'TLSv1_3')),
    ],
)
def test_versions(options: dict[str, str], bounds: tuple[str, str]) -> None:
    context = tls.createSecureContext(options).context_for(Use(is_server=False))
    assert (context.minimum_version.name, context.maximum_version.name) == bounds


def test_ciphers_and_other_rules() -> None:
    context = tls.createSecureContext(
        ciphers='ECDHE-RSA-AES128-GCM-SHA256',
        honorCipherOrder=False,
        secureOptions=ssl.OP_NO_TICKET,
        ecdhCurve='P-384',
    ).context_for(Use(is_server=True))
    names = [cipher['name'] for cipher in context.get_ciphers()]
    assert [name for name in names if not name.startswith('TLS_')] == ['ECDHE-RSA-AES128-GCM-SHA256']
    assert context.options & ssl.OP_NO_TICKET
    assert not context.options & ssl.OP_CIPHER_SERVER_PREFERENCE
    assert context.options & ssl.OP_NO_RENEGOTIATION
    default = tls.createSecureContext().context_for(Use(is_server=True))
    assert default.options & ssl.OP_CIPHER_SERVER_PREFERENCE


def test_ciphers_of_tls13_do_not_matter_below_it() -> None:
    tls.createSecureContext(
        ciphers='TLS_AES_128_GCM_SHA256:ECDHE-RSA-AES128-GCM-SHA256', maxVersion='TLSv1.2'
    )


@pytest.mark.parametrize(
    ('cipher', 'name'),
    [
        ('TLS_AES_256_GCM_SHA384', 'TLS_AES_256_GCM_SHA384'),
        ('ECDHE-ECDSA-AES128-GCM-SHA256', 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'),
        ('ECDHE-RSA-CHACHA20-POLY1305', 'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256'),
        ('ECDHE-ECDSA-AES256-SHA', 'TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA'),
        ('ECDHE-RSA-AES256-SHA384', 'TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384'),
        ('DHE-RSA-AES256-GCM-SHA384', 'TLS_DHE_RSA_WITH_AES_256_GCM_SHA384'),
        ('DHE-RSA-AES128-CCM8', 'TLS_DHE_RSA_WITH_AES_128_CCM_8'),
        ('AES128-GCM-SHA256', 'TLS_RSA_WITH_AES_128_GCM_SHA256'),
        ('AES256-SHA', 'TLS_RSA_WITH_AES_256_CBC_SHA'),
        ('PSK-AES128-CBC-SHA', 'TLS_PSK_WITH_AES_128_CBC_SHA'),
        ('ADH-AES256-SHA256', 'TLS_DH_anon_WITH_AES_256_CBC_SHA256'),
        ('DHE-RSA-CAMELLIA256-SHA', 'TLS_DHE_RSA_WITH_CAMELLIA_256_CBC_SHA'),
        ('SRP-RSA-AES-256-CBC-SHA', 'TLS_SRP_SHA_RSA_WITH_AES_256_CBC_SHA'),
    ],
)
def test_standard_names_of_ciphers(cipher: str, name: str) -> None:
    assert _protocols.standard_name(cipher) == name


def test_constants() -> None:
    assert (tls.DEFAULT_MIN_VERSION, tls.DEFAULT_MAX_VERSION, tls.DEFAULT_ECDH_CURVE) == (
        'TLSv1.2',
        'TLSv1.3',
        'auto',
    )
    assert (tls.CLIENT_RENEG_LIMIT, tls.CLIENT_RENEG_WINDOW) == (3, 600)
    assert tls.DEFAULT_CIPHERS == (
        'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:'
        'ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:'
        'ECDHE-ECDSA-AES256-GCM-SHA384:DHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA256:'
        'DHE-RSA-AES128-SHA256:ECDHE-RSA-AES256-SHA384:DHE-RSA-AES256-SHA384:ECDHE-RSA-AES256-SHA256:'
        'DHE-RSA-AES256-SHA256:HIGH:!aNULL:!eNULL:!EXPORT:!DES:!RC4:!MD5:!PSK:!SRP:!CAMELLIA'
    )
    ciphers = tls.getCiphers()
    assert ciphers == sorted(ciphers)
    assert {'tls_aes_256_gcm_sha384', 'ecdhe-rsa-aes128-gcm-sha256', 'aes128-sha'} <= set(ciphers)
    with pytest.raises(AttributeError, match=r'module .nodehttps\.tls. has no attribute .nope.'):
        tls.nope  # noqa: B018


def test_protocol_lists() -> None:
    wire: dict[str, bytes] = {}
    tls.convertALPNProtocols(['h2', b'http/1.1'], wire)
    assert wire == {'ALPNProtocols': b'\x02h2\x08http/1.1'}
    assert _protocols.protocol_list(wire['ALPNProtocols']) == ['h2', 'http/1.1']
    for bad, code in (
        ('h2', 'ERR_INVALID_ARG_TYPE'),
        ([1], 'ERR_INVALID_ARG_TYPE'),
        (['x' * 256], 'ERR_OUT_OF_RANGE'),
    ):
        with pytest.raises(errors.NodeError) as caught:
            _protocols.protocol_list(bad)
        assert caught.value.code == code


# Trust


def test_root_certificates() -> None:
    assert len(tls.rootCertificates) > 100
    assert isinstance(tls.rootCertificates, tuple)
    assert all(
        pem.startswith('-----BEGIN CERTIFICATE-----\n') and pem.endswith('\n-----END CERTIFICATE-----')
        for pem in tls.rootCertificates
    )
    assert tls.getCACertificates('bundled') == list(tls.rootCertificates)
    assert tls.createSecureContext().trusted() == _roots.default()


def test_kinds_of_authorities() -> None:
    _roots.extra.cache_clear()
    assert tls.getCACertificates('extra') == []
    assert tls.getCACertificates() == tls.getCACertificates('default') == list(tls.rootCertificates)
    assert isinstance(tls.getCACertificates('system'), list)
    for bad, code in ((1, 'ERR_INVALID_ARG_TYPE'), ('x', 'ERR_INVALID_ARG_VALUE')):
        with pytest.raises(TypeError) as caught:
            tls.getCACertificates(bad)  # type: ignore[arg-type]
        assert caught.value.code == code  # type: ignore[attr-defined]


def test_default_authorities_can_be_replaced(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_roots, '_chosen', None)
    before = _context.shared_context({})
    tls.setDefaultCACertificates([authority.pem, authority.pem.decode()])
    assert [pem.strip() for pem in tls.getCACertificates()] == [authority.pem.decode().strip()]
    assert _context.shared_context({}) is not before
    with pytest.raises(TypeError, match='"certs" argument must be an instance of Array'):
        tls.setDefaultCACertificates('x')


def judged(
    trusted: Authority | None, credentials: dict[str, bytes], **options: Any
) -> tuple[str | None, ...]:
    """Return what a client and a server think of a chain; the server has a key of either kind."""
    chain = _pem.certificates_in(credentials['cert'])
    ca = {'ca': trusted.pem if trusted else []}
    own = Authority()
    return (
        judge(tls.createSecureContext({**ca, **options}), chain, is_server=False),
        *(
            judge(tls.createSecureContext({**ca, **credentials_of_server, **options}), chain, is_server=True)
            for credentials_of_server in (own.issue(), own.issue_rsa())
        ),
    )


def test_verdicts(authority: Authority) -> None:
    stranger = Authority()
    child = authority.child()
    with_root = stranger.issue()
    with_root = {**with_root, 'cert': with_root['cert'] + stranger.pem}
    leaf_only = child.issue()
    leaf_only = {
        **leaf_only,
        'cert': leaf_only['cert'].partition(b'-----END CERTIFICATE-----\n')[0]
        + b'-----END CERTIFICATE-----\n',
    }
    for trusted, credentials, verdict in (
        (authority, authority.issue(), None),
        (authority, authority.issue_rsa(), None),
        (authority, child.issue(), None),
        (authority, self_signed(), 'DEPTH_ZERO_SELF_SIGNED_CERT'),
        (authority, stranger.issue(), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'),
        (authority, leaf_only, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'),
        (stranger, child.issue(), 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'),
        (authority, with_root, 'SELF_SIGNED_CERT_IN_CHAIN'),
        (authority, authority.issue_expired(), 'CERT_HAS_EXPIRED'),
        (authority, authority.issue_future(), 'CERT_NOT_YET_VALID'),
        # OpenSSL stops at the first failure; Node goes on and tells the last.
        (stranger, authority.issue_expired(), 'CERT_HAS_EXPIRED'),
        (None, authority.issue(), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'),
    ):
        assert judged(trusted, credentials) == (verdict,) * 3


def test_nobody_is_trusted_when_judging_goes_wrong(authority: Authority) -> None:
    context = tls.createSecureContext(ca=authority.pem)  # a server without a certificate of its own
    chain = _pem.certificates_in(authority.issue()['cert'])
    assert judge(context, chain, is_server=True) == 'UNSPECIFIED'
    for junk in ([b''], [b'\x30\x03\x02\x01\x05'], [chain[0][:-1]]):
        assert judge(context, junk, is_server=False) == 'UNSPECIFIED'


def test_purpose_is_looked_at(authority: Authority) -> None:
    key = serialization.load_pem_private_key(authority.issue()['key'], None)
    subject = x509.load_pem_x509_certificate(authority.issue()['cert'])
    root = x509.load_pem_x509_certificate(authority.pem)
    certificate = (
        x509.CertificateBuilder(
            root.subject,
            subject.subject,
            key.public_key(),
            5,
            subject.not_valid_before_utc,
            subject.not_valid_after_utc,
        )
        .add_extension(x509.ExtendedKeyUsage([x509.ObjectIdentifier('1.3.6.1.5.5.7.3.2')]), critical=False)
        .sign(authority._ca._private_key, hashes.SHA256())
    )  # for clients only
    assert judged(authority, {'cert': certificate.public_bytes(serialization.Encoding.PEM)}) == (
        'INVALID_PURPOSE',
        None,
        None,
    )


def test_strength_of_keys_is_the_users_choice(authority: Authority) -> None:
    chain = _pem.certificates_in(authority.issue_rsa()['cert'])
    weak = tls.createSecureContext(ca=authority.pem, ciphers='DEFAULT:@SECLEVEL=1')
    strong = tls.createSecureContext(ca=authority.pem, ciphers='DEFAULT:@SECLEVEL=5')
    assert judge(weak, chain, is_server=False) is None
    assert judge(strong, chain, is_server=False) == 'UNSPECIFIED'


def test_partial_chains(authority: Authority) -> None:
    child = authority.child()
    assert judged(child, child.issue())[0] == 'UNABLE_TO_GET_ISSUER_CERT'
    assert judged(child, child.issue(), allowPartialTrustChain=True)[0] is None


def test_revoked_certificates(authority: Authority) -> None:
    good, bad = authority.issue('good.test'), authority.issue('bad.test')
    crl = revocation_list(authority, bad['cert'])
    assert judged(authority, good, crl=crl)[0] is None
    assert judged(authority, bad, crl=[crl.decode()])[0] == 'CERT_REVOKED'
    other = revocation_list(Authority())
    assert judged(authority, good, crl=other)[0] == 'UNABLE_TO_GET_CRL'


def test_refined_leaves_what_it_cannot_read() -> None:
    context = tls.createSecureContext()
    for name in ('UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'CERT_REVOKED', 'INVALID_PURPOSE'):
        assert refined(name, [b'junk'], context) == name


# Contexts


def test_contexts_of_equal_options_are_shared(authority: Authority) -> None:
    options = {**authority.issue(), 'ca': [authority.pem], 'host': 'x'}
    first = _context.shared_context(options)
    assert _context.shared_context({**options, 'host': 'y', 'ca': [bytearray(authority.pem)]}) is first
    assert _context.shared_context({**options, 'key': [{'pem': options['key']}]}) is not first
    assert _context.shared_context({**options, 'minVersion': 'TLSv1.3'}) is not first
    assert first.context_for(Use(False, REQUIRED)) is first.context_for(Use(False, REQUIRED))
    assert first.context_for(Use(False, REQUIRED)) is not first.context_for(Use(False, NONE))


def test_memory_for_contexts_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_context, 'USES_KEPT', 3)
    context = tls.createSecureContext()
    for number in range(9):
        context.context_for(Use(True, NONE, (str(number),)))
    assert len(context._contexts) == 3
    monkeypatch.setattr(_context, 'CONTEXTS_KEPT', 2)
    monkeypatch.setattr(_context, '_shared', type(_context._shared)())
    for number in range(9):
        _context.shared_context({'sessionIdContext': str(number)})
    assert len(_context._shared) == 2


def test_judging_contexts_are_of_tls12() -> None:
    context = tls.createSecureContext(minVersion='TLSv1.3').context_for(Use(False, JUDGE))
    assert context.minimum_version is context.maximum_version is ssl.TLSVersion.TLSv1_2


def test_context_of_old_programs() -> None:
    context = tls.createSecureContext()
    assert context.context is context
    assert isinstance(context, tls.SecureContext)
    assert tls.SecureContext.__module__ == 'nodehttps.tls'
