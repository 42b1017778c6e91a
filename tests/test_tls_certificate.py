"""Certificates as objects, and whose they are: what Node 25.2.1 shows of the same ones."""

from __future__ import annotations

import datetime
import ipaddress
import json
import ssl
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import AuthorityInformationAccessOID as Access
from cryptography.x509.oid import NameOID

from nodehttp import errors
from nodehttps import _certificate, _der, tls

CURVE_KEY = ec.generate_private_key(ec.SECP256R1())
X = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, 'x')])


def name(*attributes: tuple[Any, ...]) -> x509.Name:
    """Return a name of (type, value) or (type, value, string type)."""
    return x509.Name(
        [
            x509.NameAttribute(kind, value, *types)
            if not types
            else x509.NameAttribute(kind, value, _type=types[0])
            for kind, value, *types in attributes
        ]
    )


def make(
    subject: x509.Name = X, *extensions: x509.ExtensionType, key: Any = CURVE_KEY, serial: int = 1
) -> bytes:
    """Return a certificate that signed itself, as DER."""
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), serial)
    builder = builder.not_valid_before(datetime.datetime(2020, 2, 3, 4, 5, 6))
    builder = builder.not_valid_after(datetime.datetime(2052, 10, 11, 12, 13, 14))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(Encoding.DER)


def test_everything_of_a_certificate() -> None:
    der = make(X, x509.SubjectAlternativeName([x509.DNSName('a.com')]))
    fields = _certificate.certificate_object(der)
    digests = {
        'fingerprint': hashes.SHA1(),
        'fingerprint256': hashes.SHA256(),
        'fingerprint512': hashes.SHA512(),
    }
    loaded = x509.load_der_x509_certificate(der)
    assert list(fields.items()) == [
        ('subject', {'CN': 'x'}),
        ('issuer', {'CN': 'x'}),
        ('subjectaltname', 'DNS:a.com'),
        ('ca', False),
        ('pubkey', CURVE_KEY.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)),
        ('bits', 256),
        ('valid_from', 'Feb  3 04:05:06 2020 GMT'),
        ('valid_to', 'Oct 11 12:13:14 2052 GMT'),
        *((label, loaded.fingerprint(digest).hex(':').upper()) for label, digest in digests.items()),
        ('serialNumber', '01'),
        ('raw', der),
        ('asn1Curve', 'prime256v1'),
        ('nistCurve', 'P-256'),
    ]
    assert fields.modulus is None  # a Record


def test_rsa_key() -> None:
    key = rsa.generate_private_key(65537, 2048)
    fields = _certificate.certificate_object(make(key=key))
    numbers = key.public_key().public_numbers()
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert (fields.modulus, fields.exponent, fields.bits, fields.pubkey) == (
        f'{numbers.n:X}',
        '0x10001',
        2048,
        spki,
    )
    assert 'asn1Curve' not in fields


@pytest.mark.parametrize(
    ('curve', 'names'),
    [
        (ec.SECP384R1(), ('secp384r1', 'P-384', 384)),
        (ec.SECP521R1(), ('secp521r1', 'P-521', 521)),
        (ec.SECP256K1(), ('secp256k1', None, 256)),
    ],
)
def test_curves(curve: Any, names: tuple[Any, ...]) -> None:
    fields = _certificate.certificate_object(make(key=ec.generate_private_key(curve)))
    assert (fields.asn1Curve, fields.nistCurve, fields.bits) == names


def test_other_keys_show_what_is_there_of_them() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    fields = _certificate.certificate_object(make(key=key))
    assert fields.pubkey == key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert fields.bits is None


def test_attributes_of_names() -> None:
    attributes = {
        'COUNTRY_NAME': 'C',
        'STATE_OR_PROVINCE_NAME': 'ST',
        'LOCALITY_NAME': 'L',
        'ORGANIZATION_NAME': 'O',
        'COMMON_NAME': 'CN',
        'EMAIL_ADDRESS': 'emailAddress',
        'SERIAL_NUMBER': 'serialNumber',
        'SURNAME': 'SN',
        'GIVEN_NAME': 'GN',
        'TITLE': 'title',
        'STREET_ADDRESS': 'street',
        'POSTAL_CODE': 'postalCode',
        'DOMAIN_COMPONENT': 'DC',
        'USER_ID': 'UID',
        'BUSINESS_CATEGORY': 'businessCategory',
        'JURISDICTION_COUNTRY_NAME': 'jurisdictionC',
        'JURISDICTION_STATE_OR_PROVINCE_NAME': 'jurisdictionST',
        'JURISDICTION_LOCALITY_NAME': 'jurisdictionL',
        'DN_QUALIFIER': 'dnQualifier',
        'PSEUDONYM': 'pseudonym',
        'GENERATION_QUALIFIER': 'generationQualifier',
        'INITIALS': 'initials',
        'UNSTRUCTURED_NAME': 'unstructuredName',
        'ORGANIZATION_IDENTIFIER': 'organizationIdentifier',
    }
    subject = name(
        *((getattr(NameOID, label), 'DE') for label in attributes), (x509.ObjectIdentifier('1.2.3.4'), 'odd')
    )
    fields = _certificate.certificate_object(make(subject))
    assert fields.subject == {**dict.fromkeys(attributes.values(), 'DE'), '1.2.3.4': 'odd'}


def test_values_of_names() -> None:
    subject = name(
        (NameOID.COMMON_NAME, 'bücher', _ASN1Type.BMPString),
        (NameOID.ORGANIZATION_NAME, 'uni', _ASN1Type.UniversalString),
        (NameOID.LOCALITY_NAME, 't61', _ASN1Type.T61String),
        (NameOID.TITLE, 'Ä'),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, 'one'),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, 'two'),
    )
    assert _certificate.certificate_object(make(subject)).subject == {
        'CN': 'bücher',
        'O': 'uni',
        'L': 't61',
        'title': 'Ä',
        'OU': ['one', 'two'],
    }
    assert _certificate.certificate_object(make(x509.Name([]))).subject == {}


@pytest.mark.parametrize(('serial', 'shown'), [(1, '01'), (0xFF01, 'FF01'), (1 << 100, '1' + '0' * 25)])
def test_serial_numbers(serial: int, shown: str) -> None:
    assert _certificate.certificate_object(make(serial=serial)).serialNumber == shown.zfill(
        len(shown) + len(shown) % 2
    )


ALTERNATIVES = [
    (x509.DNSName('a.com'), 'DNS:a.com'),
    (x509.DNSName('*.b.com'), 'DNS:*.b.com'),
    (x509.IPAddress(ipaddress.ip_address('1.2.3.4')), 'IP Address:1.2.3.4'),
    (x509.IPAddress(ipaddress.ip_address('2001:db8::1')), 'IP Address:2001:DB8:0:0:0:0:0:1'),
    (x509.RFC822Name('x@y.z'), 'email:x@y.z'),
    (x509.UniformResourceIdentifier('http://a.com/x,y'), r'URI:"http://a.com/x\u002cy"'),
    (
        x509.DirectoryName(name((NameOID.COUNTRY_NAME, 'DE'), (NameOID.COMMON_NAME, 'a, "b"'))),
        r'DirName:"CN=a\\\u002c \\\"b\\\"\u002cC=DE"',
    ),
    (x509.RegisteredID(x509.ObjectIdentifier('1.2.3.4')), 'Registered ID:1.2.3.4'),
    (x509.OtherName(x509.ObjectIdentifier('1.3.6.1.4.1.311.20.2.3'), b'\x0c\x03upn'), 'othername:UPN:upn'),
    (x509.OtherName(x509.ObjectIdentifier('1.2.3.4'), b'\x0c\x03abc'), 'othername:<unsupported>'),
    (x509.DNSName('a.com, DNS:b.com'), r'DNS:"a.com\u002c DNS:b.com"'),
    (x509.DNSName("q'q"), '''DNS:"q'q"'''),
    (x509.DNSName('x"y\\z'), r'DNS:"x\"y\\z"'),
    (x509.DNSName('nul\0l'), r'DNS:"nul\u0000l"'),
    (x509.DNSName('tab\t'), r'DNS:"tab\u0009"'),
    (x509.DNSName('del\x7f'), r'DNS:"del\u007f"'),
    (x509.UniformResourceIdentifier("http://x/'"), '''URI:"http://x/'"'''),
]


@pytest.mark.parametrize(('entry', 'shown'), ALTERNATIVES)
def test_alternative_names(entry: Any, shown: str) -> None:
    der = make(X, x509.SubjectAlternativeName([entry, x509.DNSName('last')]))
    assert _certificate.certificate_object(der).subjectaltname == f'{shown}, DNS:last'


def test_a_name_with_commas_is_not_two() -> None:
    der = make(X, x509.SubjectAlternativeName([x509.DNSName('a.com, DNS:b.com')]))
    fields = _certificate.certificate_object(der)
    assert tls.checkServerIdentity('b.com', fields) is not None
    assert tls.checkServerIdentity('a.com', fields) is not None


def test_access_and_purposes() -> None:
    der = make(
        X,
        x509.AuthorityInformationAccess(
            [
                x509.AccessDescription(Access.OCSP, x509.UniformResourceIdentifier('http://one.example/')),
                x509.AccessDescription(Access.OCSP, x509.UniformResourceIdentifier('http://two.example/a,b')),
                x509.AccessDescription(
                    Access.CA_ISSUERS, x509.UniformResourceIdentifier('http://ca.example/')
                ),
                x509.AccessDescription(Access.OCSP, x509.DNSName('+, \0"x')),
            ]
        ),
        x509.ExtendedKeyUsage([x509.ObjectIdentifier('1.3.6.1.5.5.7.3.1'), x509.ObjectIdentifier('1.2.3.4')]),
        x509.BasicConstraints(ca=True, path_length=None),
    )
    fields = _certificate.certificate_object(der)
    assert fields.infoAccess == {
        'OCSP - URI': ['http://one.example/', 'http://two.example/a,b'],
        'CA Issuers - URI': ['http://ca.example/'],
        'OCSP - DNS': ['+, \0"x'],
    }
    assert fields.ext_key_usage == ['1.3.6.1.5.5.7.3.1', '1.2.3.4']
    assert fields.ca is True


def test_chains(authority: Any) -> None:
    pems = [authority.child().issue()['cert'], authority.pem]
    leaf, between, root = (
        ssl.PEM_cert_to_DER_cert(f'-----BEGIN{pem}')
        for pem in b''.join(pems).decode().split('-----BEGIN')[1:]
    )
    assert _certificate.ordered_chain(leaf, [root, between]) == [leaf, between, root]
    assert _certificate.ordered_chain(leaf, [root]) == [leaf]
    chain = _certificate.chain_object([leaf, between, root])
    assert chain.raw == leaf
    assert chain.issuerCertificate.raw == between
    assert chain.issuerCertificate.issuerCertificate.raw == root
    assert chain.issuerCertificate.issuerCertificate.issuerCertificate.raw == root
    assert 'issuerCertificate' not in _certificate.chain_object([leaf])


@pytest.mark.parametrize(
    'data', [b'', b'\x30', b'\x30\x82', b'\x30\x05abc', b'\x30\x03\x02\x01\x05', make()[:-1], b'\x02\x01\x05']
)
def test_what_is_no_certificate_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        _certificate.Fields(data)


def test_times_that_are_none() -> None:
    der = make().replace(b'200203040506Z', b'201303040506Z').replace(b'20521011121314Z', b'soon or never!!')
    fields = _certificate.certificate_object(der)
    assert (fields.valid_from, fields.valid_to) == ('Bad time value', 'Bad time value')


def test_object_identifiers() -> None:
    for dotted in ('1.2.840.113549.1.1.1', '2.5.4.3', '0.9.2342.19200300.100.1.1', '2.999.3'):
        encoded = x509.RegisteredID(x509.ObjectIdentifier(dotted))
        der = make(X, x509.SubjectAlternativeName([encoded]))
        assert _certificate.certificate_object(der).subjectaltname == f'Registered ID:{dotted}'
    assert _der.object_id(b'\x2a\x03') == '1.2.3'
    with pytest.raises(ValueError, match='empty'):
        _der.object_id(b'')


# checkServerIdentity: host, certificate, and the reason of the error, as Node gives it.
NO_NAME = 'Cert does not contain a DNS name'
IDENTITIES: list[tuple[Any, dict[str, Any], str | None]] = [
    ('a.com', {}, NO_NAME),
    ('a.com', {'subject': {}}, NO_NAME),
    ('a.com', {'subject': {'CN': 'a.com'}}, None),
    ('a.com', {'subject': {'CN': ['b.com', 'a.com']}}, None),
    ('a.com', {'subject': {'CN': 'b.com'}}, "Host: a.com. is not cert's CN: b.com"),
    ('A.com', {'subject': {'CN': 'a.COM'}}, None),
    ('a.com', {'subjectaltname': 'DNS:a.com', 'subject': {'CN': 'b'}}, None),
    (
        'a.com',
        {'subjectaltname': 'DNS:*.com', 'subject': {'CN': 'a.com'}},
        "Host: a.com. is not in the cert's altnames: DNS:*.com",
    ),
    ('b.a.com', {'subjectaltname': 'DNS:*.a.com'}, None),
    (
        'c.b.a.com',
        {'subjectaltname': 'DNS:*.a.com'},
        "Host: c.b.a.com. is not in the cert's altnames: DNS:*.a.com",
    ),
    ('bx.a.com', {'subjectaltname': 'DNS:b*.a.com'}, None),
    (
        'b.a.com',
        {'subjectaltname': 'DNS:*b*.a.com'},
        "Host: b.a.com. is not in the cert's altnames: DNS:*b*.a.com",
    ),
    ('a.com', {'subjectaltname': 'DNS:a.com.'}, None),
    ('a.com.', {'subjectaltname': 'DNS:a.com'}, None),
    ('1.2.3.4', {'subjectaltname': 'IP Address:1.2.3.4'}, None),
    (
        '1.2.3.4',
        {'subjectaltname': 'DNS:1.2.3.4', 'subject': {'CN': '1.2.3.4'}},
        "IP: 1.2.3.4 is not in the cert's list: ",
    ),
    (
        '1.2.3.5',
        {'subjectaltname': 'IP Address:1.2.3.4, IP Address:5.6.7.8'},
        "IP: 1.2.3.5 is not in the cert's list: 1.2.3.4, 5.6.7.8",
    ),
    ('::1', {'subjectaltname': 'IP Address:0:0:0:0:0:0:0:1'}, None),
    ('a.com', {'subjectaltname': 'IP Address:1.2.3.4', 'subject': {'CN': 'a.com'}}, None),
    ('a.com', {'subjectaltname': 'email:x@a.com', 'subject': {'CN': 'a.com'}}, None),
    ('a.com', {'subjectaltname': r'DNS:"a.com", DNS:"b\u0000c"'}, None),
    (
        'a.com',
        {'subjectaltname': 'DNS:"x, DNS:a.com"'},
        'Host: a.com. is not in the cert\'s altnames: DNS:"x, DNS:a.com"',
    ),
    ('xn--bcher-kva.com', {'subjectaltname': 'DNS:xn--bcher-kva.com'}, None),
    (
        'bücher.com',
        {'subjectaltname': 'DNS:xn--bcher-kva.com'},
        "Host: bücher.com. is not in the cert's altnames: DNS:xn--bcher-kva.com",
    ),
    (
        'xn--a.b.com',
        {'subjectaltname': 'DNS:xn--*.b.com'},
        "Host: xn--a.b.com. is not in the cert's altnames: DNS:xn--*.b.com",
    ),
    ('a.com', {'subject': {'CN': '*.com'}}, "Host: a.com. is not cert's CN: *.com"),
    ('b.a.com', {'subject': {'CN': '*.a.com'}}, None),
    ('com', {'subjectaltname': 'DNS:*'}, "Host: com. is not in the cert's altnames: DNS:*"),
    ('a.com', {'subjectaltname': 'dns:a.com'}, NO_NAME),
    ('a.com', {'subjectaltname': '', 'subject': {'CN': 'a.com'}}, None),
    (
        'a b.com',
        {'subjectaltname': 'DNS:a b.com'},
        "Host: a b.com. is not in the cert's altnames: DNS:a b.com",
    ),
    ('', {'subject': {'CN': 'x'}}, "Host: . is not cert's CN: x"),
    (None, {'subject': {'CN': 'x'}}, "Host: undefined. is not cert's CN: x"),
]


@pytest.mark.parametrize(('host', 'certificate', 'reason'), IDENTITIES, ids=lambda value: json.dumps(value))
def test_identities(host: Any, certificate: dict[str, Any], reason: str | None) -> None:
    error: Any = tls.checkServerIdentity(host, certificate)
    if reason is None:
        assert error is None
    else:
        assert (error.code, error.reason, error.host, error.cert) == (
            'ERR_TLS_CERT_ALTNAME_INVALID',
            reason,
            'undefined' if host is None else host,
            certificate,
        )
        assert error.message == f"Hostname/IP does not match certificate's altnames: {reason}"


@pytest.mark.parametrize('listed', ['DNS:"bad', r'DNS:"bad\q"', 'DNS:"a.com"x'])
def test_alternative_names_that_cannot_be_read(listed: str) -> None:
    with pytest.raises(errors.Error) as caught:
        tls.checkServerIdentity('a.com', {'subjectaltname': listed})
    assert caught.value.code == 'ERR_TLS_CERT_ALTNAME_FORMAT'
