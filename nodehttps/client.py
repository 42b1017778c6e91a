"""https.request and https.get. ("https.request(url[, options][, callback])")"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nodehttp import client
from nodehttp.client import ClientRequest
from nodehttps import agent as agents

Callback = Callable[..., Any]


def request(
    input: Any = None, options: Any = None, callback: Callback | None = None, **kwargs: Any,
) -> ClientRequest:
    """Begin a request: `request(options[, callback])` or `request(url[, options][, callback])`.

    As `nodehttp.request`, with the defaults protocol 'https:', port 443, agent `globalAgent`; and the options
    of `tls.connect`: ca, cert, ciphers, checkServerIdentity, crl, dhparam, ecdhCurve, honorCipherOrder, key,
    maxVersion, minVersion, passphrase, pfx, rejectUnauthorized, secureOptions, secureProtocol, servername,
    session, sessionIdContext, ALPNProtocols, highWaterMark (bytes). Nothing is sent before the server's
    certificate was verified. ("https.request(url[, options][, callback])")
    """
    return client.request(input, options, callback, **{**kwargs, '_defaultAgent': agents.globalAgent})


def get(
    input: Any = None, options: Any = None, callback: Callback | None = None, **kwargs: Any,
) -> ClientRequest:
    """As `request`, and `end()` is called. ("https.get(url[, options][, callback])")"""
    return client.get(input, options, callback, **{**kwargs, '_defaultAgent': agents.globalAgent})
