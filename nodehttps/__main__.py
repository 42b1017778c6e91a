"""`python -m nodehttps`: serve a folder over HTTPS.

As `python -m nodehttp`, with a certificate: that of --cert and --key, or one that is made on the spot, signs
itself, is valid for a week, and is gone when the command ends. Browsers warn of such a one.
"""

from __future__ import annotations

import argparse
import datetime
import getpass
import ipaddress
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

import nodehttps as https
from nodehttp.__main__ import command_line, serve
from nodehttp.net import isIP
from nodehttps._errors import missing_extra

VALID_FOR = datetime.timedelta(days=7)


def self_signed(names: Sequence[str]) -> tuple[bytes, bytes]:
    """Return a new key and a certificate for `names` (host names and IP addresses), as PEM. Needs the package
    cryptography: ERR_FEATURE_UNAVAILABLE_ON_PLATFORM without it."""
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    except ImportError:
        raise missing_extra('A certificate that is made on the spot') from None
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0][:64])])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        # An hour ago: the clocks of other machines may be late.
        .not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + VALID_FOR)
        .add_extension(x509.SubjectAlternativeName([
            x509.IPAddress(ipaddress.ip_address(name)) if isIP(name) else x509.DNSName(name)
            for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, SHA256()))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem, certificate.public_bytes(Encoding.PEM)


def credentials(options: argparse.Namespace) -> dict[str, Any]:
    """Return key and cert as the command line says. SystemExit with one line if that does not work."""
    if options.key and not options.cert:
        sys.exit('--key needs --cert')
    try:
        if not options.cert:
            names = dict.fromkeys(['localhost', '127.0.0.1', '::1', options.bind])
            key, certificate = self_signed([name for name in names if name not in ('0.0.0.0', '::')])
        else:
            with open(options.cert, 'rb') as file:
                certificate = file.read()
            with open(options.key or options.cert, 'rb') as file:
                key = file.read()
        found: dict[str, Any] = {'key': key, 'cert': certificate}
        if b'ENCRYPTED' in key:
            found['passphrase'] = getpass.getpass('Passphrase of the key: ')
        https.tls.createSecureContext(found)
    except OSError as error:
        sys.exit(f'{error.filename}: {error.strerror}')
    except Exception as error:
        sys.exit(f'this key and certificate cannot be used: {error}')
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = command_line('nodehttps')
    parser.add_argument(
        '--cert', metavar='FILE', help='certificate and its chain, PEM (default: one is made)')
    parser.add_argument('--key', metavar='FILE', help='its private key, PEM (default: in the file of --cert)')
    options = parser.parse_args(arguments)
    serve(options, partial(https.createServer, credentials(options)), 'https')


if __name__ == '__main__':
    main()
