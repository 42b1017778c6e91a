"""Requests over TLS, compared with Node's: whom they trust, what they send, how they fail.

The programs are data (`oracle/https_cases.py`), and so is what Node 25.2.1 does with them
(`oracle/https.json`, made by `oracle/record.py`). This file runs them here; `differences` says where we
differ, and why.
"""

from __future__ import annotations

import base64
import json
import pathlib
import re
import sys
from typing import Any

import pytest
from conftest import MUST_NOT_EXPIRE, Recorder, settle

import nodehttps
from nodehttp import errors, events, net, threadpool

ORACLE = pathlib.Path(__file__).parent / 'oracle'
sys.path.insert(0, str(ORACLE))
import https_cases  # noqa: E402

NODE = json.loads((ORACLE / 'https.json').read_text())
DETAILS = ('syscall', 'library', 'reason', 'host', 'path', 'localAddress', 'address')

RAW = {
    'ends': lambda peer: peer.end(),
    'resets': lambda peer: peer.resetAndDestroy(),
    'answers': lambda peer: peer.end('HTTP/1.1 400 Bad Request\r\n\r\n'),
    'silent': lambda peer: None,
    'alerts': lambda peer, number: peer.end(bytes([21, 3, 3, 0, 2, 2, number])),
}


@pytest.fixture(scope='module')
def certificates() -> dict[str, Any]:
    """What '@x' stands for."""
    return {
        name: base64.b64decode(value['base64']) if isinstance(value, dict) else value
        for name, value in https_cases.certificates().items()
    }


def shown(value: Any) -> str:
    """As JavaScript shows it."""
    if value is None or isinstance(value, bool):
        return {None: 'null', True: 'true', False: 'false'}[value]
    return str(value)


class Run:
    """One case, run once."""

    def __init__(self, spec: dict[str, Any], certificates: dict[str, Any], path: str) -> None:
        self.spec, self.certificates, self.path = spec, certificates, path
        self.client: list[str] = []
        self.server = Recorder()
        self.keys: list[str] = []
        self.sockets: list[Any] = []
        self.agents: dict[str, Any] = {}
        self.session: Any = None

    # Values of options

    def value(self, value: Any) -> Any:
        if isinstance(value, str) and value[:1] == '@':
            return self.certificates[value[1:]]
        if value == '#session':
            return self.session
        if value == '#path':
            return self.path
        if value == '#buffer':
            return b'abc'
        if isinstance(value, str) and value[:1] == '#':
            return getattr(self, value[1:])
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return self.options(value)
        return value

    def options(self, options: dict[str, Any]) -> dict[str, Any]:
        return {name: self.value(value) for name, value in options.items()}

    def accepts(self, host: str, cert: Any) -> None:
        issuer = cert.issuerCertificate
        self.client.append(
            f'asked {host} {cert.subjectaltname} {issuer.subject.O if issuer else "undefined"}'
        )

    def refuses(self, host: str) -> errors.Error:
        return errors.Error(f'not {host}', 'MINE')

    def answersText(self) -> str:
        return 'no error'

    def looks(self, hostname: str, options: Any, callback: Any) -> None:
        self.client.append(f'looked up {hostname} family={shown(options.family)}')
        if options.all:
            callback(None, [{'address': '127.0.0.1', 'family': 4}])
        else:
            callback(None, '127.0.0.1', 4)

    # The server

    def listen(self) -> None:
        options = dict(self.spec['server'])
        raw, own = options.pop('raw', None), options.pop('own', 'own')
        if raw:
            kind, *arguments = raw

            def converse(peer: Any) -> None:
                self.sockets.append(peer)
                peer.on('error', lambda: None)
                peer.once('data', lambda: RAW[kind](peer, *arguments))

            self.listener: Any = net.createServer(converse)
        else:
            made = self.options({'key': f'@{own}.key', 'cert': f'@{own}.cert'} if own else {})
            self.listener = nodehttps.createServer({**made, **self.options(options)}, self.answer)
            self.listener.on('tlsClientError', lambda error: self.server(f'tlsClientError {error.code}'))
            self.listener.on('secureConnection', self.sockets.append)
        on_path = self.spec.get('path')
        self.listener.listen({'path': self.path} if on_path else {'port': 0, 'host': '127.0.0.1'})
        events.once(self.listener, 'listening', timeout=MUST_NOT_EXPIRE)
        self.port = 1 if on_path else self.listener.address().port
        if self.spec.get('refused'):
            self.listener.close()
            events.once(self.listener, 'close', timeout=MUST_NOT_EXPIRE)

    def answer(self, req: Any, res: Any) -> None:
        sock, header = req.socket, req.headers.get
        client = sock.getPeerCertificate()
        facts = [
            req.method,
            req.url,
            f'host={header("host")}',
            f'connection={header("connection")}',
            f'authorization={header("authorization", "")}',
            f'servername={shown(sock.servername)}',
            f'alpn={shown(sock.alpnProtocol)}',
            sock.getProtocol(),
            sock.getCipher().standardName,
            f'client={client.subject.CN if client and client.subject else ""}',
            f'authorized={shown(sock.authorized)}',
            sock.authorizationError or '',
            f'resumed={shown(sock.isSessionReused())}',
            f'from={sock.remoteAddress or ""}',
        ]
        res.end(' '.join(facts).replace(f':{self.port}', ':PORT'))

    # The client

    def run(self) -> list[str]:
        self.listen()
        for name, options in self.spec.get('agents', {}).items():
            agent = self.agents[name] = nodehttps.Agent(self.options(options))
            if self.spec.get('keylog'):
                agent.on(
                    'keylog',
                    lambda line, sock: self.keys.append(
                        f'keylog {line.split(b" ")[0].decode()} {shown(sock.encrypted)}'
                    ),
                )
        for index, request in enumerate(self.spec['requests']):
            self.request(index, request)
        return self.client + sorted(self.keys)

    def request(self, index: int, spec: dict[str, Any]) -> None:
        def say(line: str) -> None:
            self.client.append(f'{index} {line}')

        options = {
            'port': self.port,
            'host': 'localhost',
            'family': 4,
            **self.options(spec.get('options', {})),
        }
        if spec.get('agent') is False:
            options['agent'] = False
        elif spec.get('agent'):
            options['agent'] = self.agents[spec['agent']]
        try:
            if 'url' in spec:
                req = nodehttps.request(spec['url'].replace('PORT', str(self.port)), options)
            else:
                req = nodehttps.request(options)
        except errors.NodeError as error:
            say(f'threw {self.error_text(error)}')
            return

        def on_socket(sock: Any) -> None:
            say(f'socket reused={shown(req.reusedSocket)}')
            sock.on('session', lambda session: setattr(self, 'session', session))
            sock.once(
                'secureConnect',
                lambda: say(
                    f'secure {shown(sock.authorized)} {shown(sock.authorizationError)} '
                    f'servername={shown(sock.servername)} alpn={shown(sock.alpnProtocol)} '
                    f'{sock.getProtocol()} resumed={shown(sock.isSessionReused())} '
                    f'mark={sock.readableHighWaterMark}'
                ),
            )

        def on_response(res: Any) -> None:
            parts: list[str] = []
            res.setEncoding('utf8').on('data', parts.append)
            res.on('end', lambda: say(f'response {res.statusCode} {"".join(parts)}'))

        req.on('socket', on_socket).on('response', on_response)
        req.on('timeout', lambda: (say('timeout'), req.destroy()))
        req.on('error', lambda error: say(f'error {self.error_text(error)}'))
        closed = threadpool.Waiter()
        req.on('close', lambda: (say('close'), closed.set()))
        req.end()
        closed.wait(MUST_NOT_EXPIRE)
        settle()  # as in https.js: time for the agent to get the socket back

    def error_text(self, error: Any) -> str:
        if not isinstance(error, BaseException):
            return f'string {error}'
        found: Any = error
        details = [
            f' {name}={getattr(found, name)}' for name in DETAILS if getattr(found, name, None) is not None
        ]
        if getattr(found, 'cert', None):
            details.append(f' cert={found.cert.subjectaltname}')
        if getattr(found, 'port', None) is not None:
            details.append(f' port={"PORT" if found.port == self.port else found.port}')
        text = f'{found.name} {found.code or "-"} {found.message}{"".join(details)}'
        return text.replace(f':{self.port}', ':PORT')

    def clean_up(self) -> None:
        for agent in (nodehttps.globalAgent, *self.agents.values()):
            agent.destroy()
        for sock in self.sockets:
            sock.on('error', lambda: None).destroy()
        self.listener.close()


# What a server hears when its certificate is not trusted. Node's client goes away in silence.
ALERTS = {
    'CERT_HAS_EXPIRED': 'SSLV3_ALERT_CERTIFICATE_EXPIRED',
    'CERT_NOT_YET_VALID': 'SSLV3_ALERT_BAD_CERTIFICATE',
    'CERT_REVOKED': 'SSLV3_ALERT_CERTIFICATE_REVOKED',
    'DEPTH_ZERO_SELF_SIGNED_CERT': 'TLSV1_ALERT_UNKNOWN_CA',
    'SELF_SIGNED_CERT_IN_CHAIN': 'TLSV1_ALERT_UNKNOWN_CA',
    'UNABLE_TO_GET_CRL': 'TLSV1_ALERT_UNKNOWN_CA',
    'UNABLE_TO_GET_ISSUER_CERT': 'TLSV1_ALERT_UNKNOWN_CA',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY': 'TLSV1_ALERT_UNKNOWN_CA',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE': 'TLSV1_ALERT_UNKNOWN_CA',
}
# The same for a client that a server does not trust.
REFUSED = {
    'TLSv1.2': 'EPROTO write EPROTO error:SSL routines::tlsv1 alert unknown ca syscall=write',
    'TLSv1.3': (
        'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA error:SSL routines::tlsv1 alert unknown ca '
        'library=SSL routines reason=tlsv1 alert unknown ca'
    ),
}


def differences(case: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Return what client and server of a case see here: what Node does, but for what differs on purpose."""
    name = case['name']
    client, server = NODE[name]['client'], NODE[name]['server']
    if name.startswith('client stranger,') and 'asked' not in name:
        version = case['server'].get('maxVersion', 'TLSv1.3')
        client = [re.sub('error Error .*', f'error Error {REFUSED[version]}', line) for line in client]
        server = ['tlsClientError UNABLE_TO_VERIFY_LEAF_SIGNATURE']
    # Of a session that is resumed before TLS 1.3 a server in Node does not know the name.
    client = [
        line.replace('servername=false', 'servername=localhost')
        if 'resumed=true' in line and ' TLSv1.2 TLS_' in line
        else line
        for line in client
    ]
    failures = [match[1] for line in client if (match := re.match(r'\d error Error (\w+)', line))]
    if failures and failures[0] in ALERTS:
        server = [f'tlsClientError ERR_SSL_{ALERTS[failures[0]]}']
    return client, server


def of_any_openssl(lines: list[str]) -> list[str]:
    """Return lines with the words of OpenSSL 3.0 instead of those of later ones."""
    return [
        line.replace('ssl/tls alert', 'sslv3 alert').replace('packet length too long', 'wrong version number')
        for line in lines
    ]


@pytest.mark.filterwarnings('ignore:ssl.OP_NO_')  # Python's advice to those who use them
@pytest.mark.parametrize('case', https_cases.cases(), ids=lambda case: case['name'])
def test_request_over_tls_is_that_of_node(
    case: dict[str, Any], certificates: dict[str, Any], tmp_path: pathlib.Path
) -> None:
    seen_by_client, heard_by_server = differences(case)
    run = Run(case, certificates, str(tmp_path / 's'))
    try:
        assert of_any_openssl(run.run()) == of_any_openssl(seen_by_client)
        assert run.server.wait_count(len(heard_by_server)) == heard_by_server
    finally:
        run.clean_up()
