"""Is a certificate that of the host that was meant? ("tls.checkServerIdentity(hostname, cert)")

The rules are Node's (RFC 6125 with its leniencies): the subjectAltName decides, the common name only where
that lists no DNS name; one `*` in the leftmost of at least three labels stands for characters of that label.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Mapping
from typing import Any

from nodehttp import errors
from nodehttp.net import isIP

_is_odd = re.compile(r'[^\x21-\x7f]').search
_quoted = re.compile(r'"(?:[^"\\]|\\.)*"').match


def checkServerIdentity(hostname: str, cert: Mapping[str, Any]) -> errors.NodeError | None:
    """Return None if `cert` (an object as `getPeerCertificate` returns it) is a certificate of `hostname`,
    else an Error ERR_TLS_CERT_ALTNAME_INVALID with `reason`, `host` and `cert`.

    Raises ERR_TLS_CERT_ALTNAME_FORMAT for a subjectAltName that cannot be read. ("tls.checkServerIdentity()")
    """
    host = errors.show(hostname) if not isinstance(hostname, str) else hostname
    reason = _mismatch(host.removesuffix('.'), cert)
    if reason is None:
        return None
    error = errors.node_error('ERR_TLS_CERT_ALTNAME_INVALID', reason)
    error.reason, error.host, error.cert = reason, host, cert  # type: ignore[attr-defined]
    return error


def _mismatch(host: str, cert: Mapping[str, Any]) -> str | None:
    """Say why the certificate is not that of `host`; None if it is."""
    listed = cert.get('subjectaltname')
    names = _entries(listed) if listed else []
    if isIP(host):
        addresses = [_canonical(name[11:]) for name in names if name.startswith('IP Address:')]
        if _canonical(host) in addresses:
            return None
        return f"IP: {host} is not in the cert's list: {', '.join(addresses)}"
    patterns = [name[4:] for name in names if name.startswith('DNS:')]
    if patterns:
        if any(_matches(host, pattern) for pattern in patterns):
            return None
        return f"Host: {host}. is not in the cert's altnames: {listed}"
    common = (cert.get('subject') or {}).get('CN')
    if not common:
        return 'Cert does not contain a DNS name'
    commons = common if isinstance(common, list) else [common]
    if any(_matches(host, pattern) for pattern in commons):
        return None
    return f"Host: {host}. is not cert's CN: {','.join(commons)}"


def _entries(listed: str) -> list[str]:
    """Split a subjectAltName as a certificate object has it; entries may have a JSON string behind the
    colon."""
    if '"' not in listed:
        return listed.split(', ')
    result, at = [], 0
    while at < len(listed):
        quote, comma = listed.find('"', at), listed.find(', ', at)
        if quote < 0 or 0 <= comma < quote:
            end = comma if comma >= 0 else len(listed)
            result.append(listed[at:end])
        else:
            found = _quoted(listed, quote)
            if found is None:
                raise errors.node_error('ERR_TLS_CERT_ALTNAME_FORMAT')
            end = found.end()
            try:
                result.append(listed[at:quote] + json.loads(found[0]))
            except ValueError:
                raise errors.node_error('ERR_TLS_CERT_ALTNAME_FORMAT') from None
            if not listed.startswith(', ', end) and end != len(listed):
                raise errors.node_error('ERR_TLS_CERT_ALTNAME_FORMAT')
        at = end + 2
    return result


def _canonical(address: str) -> str:
    """The one way to write an IP address; '' for what is none."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            return socket.inet_ntop(family, socket.inet_pton(family, address))
        except OSError:
            pass
    return ''


def _matches(host: str, pattern: str) -> bool:
    host_labels, labels = host.lower().split('.'), pattern.removesuffix('.').lower().split('.')
    if len(labels) != len(host_labels) or '' in labels or any(map(_is_odd, (*labels, *host_labels))):
        return False
    if host_labels[1:] != labels[1:]:
        return False
    prefix, star, suffix = labels[0].partition('*')
    if not star or 'xn--' in labels[0]:
        return host_labels[0] == labels[0]
    if '*' in suffix or len(labels) <= 2:  # not a whole top-level domain
        return False
    label = host_labels[0]
    return len(prefix) + len(suffix) <= len(label) and label.startswith(prefix) and label.endswith(suffix)
