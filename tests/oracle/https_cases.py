"""Requests over TLS as data: what is sent and checked, and how it fails.

A case has `server` (options of https.createServer; `own` names its certificate, 'own' by default, none if '';
or `raw`: what a server without TLS does with what it gets), `agents` (by name, options of https.Agent) and
`requests`, made one after the other: `options` of https.request, an `agent` by name, false, or globalAgent; a
`url` (PORT stands for the server's port). Among values of options '@x' stands for the PEM text or file `x` of
`certificates()`, '#x' for the function, or value, `x` of those who run the cases. `keylog` has the agents'
'keylog' recorded; `refused`: nobody listens; `path`: the server listens
on a path.

What is recorded: what the client sees, with the answer of the server, who tells what it knows of the client;
and what failed at the server.
"""

from __future__ import annotations

import base64
from typing import Any

from tls_tools import Authority, encrypted, pfx, revocation_list, self_signed

Case = dict[str, Any]

ALERTS = (10, 20, 40, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 70, 71, 80, 86, 90, 112, 116, 120)
TRUSTING = {'options': {'ca': '@ca'}}
TLS13_CIPHERS = 'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256'
VERSIONS = ('TLSv1.2', 'TLSv1.3')


def certificates() -> dict[str, Any]:
    """Return what options can refer to; files as {base64}."""
    authority, stranger = Authority(), Authority()
    child = authority.child()
    own = authority.issue()
    made: dict[str, dict[str, bytes]] = {
        'own': own,
        'rsa': authority.issue_rsa(),
        'other': authority.issue('other.test', '*.wild.test'),
        'common': authority.issue(common_name='localhost'),
        'expired': authority.issue_expired(),
        'future': authority.issue_future(),
        'self': self_signed(),
        'strange': stranger.issue(),
        'rooted': {**stranger.issue(), 'cert': stranger.issue()['cert'] + stranger.pem},
        'child': child.issue(),
        'alone': {**child.issue(), 'cert': first_of(child.issue()['cert'])},
        'client': authority.issue('client@example.test', common_name='client'),
        'intruder': stranger.issue('intruder@example.test', common_name='intruder'),
    }
    bag: dict[str, Any] = {
        f'{name}.{part}': pem.decode() for name, pair in made.items() for part, pem in pair.items()
    }
    for name, pem in {
        'ca': authority.pem,
        'strange.ca': stranger.pem,
        'child.ca': child.pem,
        'locked.key': encrypted(made['client']['key'], b'secret'),
        'crl': revocation_list(authority),
        'revoking': revocation_list(authority, own['cert']),
        'strange.crl': revocation_list(stranger),
    }.items():
        bag[name] = pem.decode()
    bag['dhparam'] = dh_parameters().decode()
    bag['pfx'] = {'base64': base64.b64encode(pfx(made['client'], b'sample', authority)).decode()}
    bag['open.pfx'] = {'base64': base64.b64encode(pfx(made['client'], None)).decode()}
    return bag


def dh_parameters() -> bytes:
    """Return those of the group ffdhe2048 of RFC 7919, whose digits are those of e."""
    e, term, number = 0, 1 << 2000, 0
    while term:
        e += term
        number += 1
        term //= number
    prime = 2**2048 - 2**1984 + ((e >> 82) + 560316) * 2**64 - 1
    integers = b'\x02\x82\x01\x01\x00' + prime.to_bytes(256) + b'\x02\x01\x02'
    der = b'\x30\x82' + len(integers).to_bytes(2) + integers
    return b'-----BEGIN DH PARAMETERS-----\n' + base64.encodebytes(der) + b'-----END DH PARAMETERS-----\n'


def first_of(pem: bytes) -> bytes:
    """Return the first certificate of several."""
    end = b'-----END CERTIFICATE-----\n'
    return pem[: pem.index(end) + len(end)]


def cases() -> list[Case]:
    """Return all cases."""
    made: list[Case] = []

    def case(name: str, requests: Any, server: dict[str, Any] | None = None, **more: Any) -> None:
        requests = requests if isinstance(requests, list) else [requests]
        made.append({'name': name, 'server': server or {}, 'requests': requests, **more})

    for add in (trust, identity, names, credentials, agents, versions, sessions, broken, arguments):
        add(case)
    return made


def asking(**options: Any) -> Case:
    """Return a request that trusts the authority, unless told otherwise."""
    return {'options': {'ca': '@ca', **options}}


def trust(case: Any) -> None:
    """Whom is the client to believe?"""
    for version in VERSIONS:
        for own in ('own', 'expired', 'future', 'self', 'strange', 'rooted', 'child', 'alone'):
            server = {'own': own, 'maxVersion': version}
            case(f'server {own}, {version}', [asking(), asking(rejectUnauthorized=False)], server)
    for name, ca in {
        'stranger': '@strange.ca',
        'list': ['@strange.ca', '@ca'],
        'empty list': [],
        'empty': '',
        'child': '@child.ca',
        'list in a list': [['@ca']],
    }.items():
        case(f'ca {name}', asking(ca=ca), {'own': 'child'})
    case('ca by default', [asking(ca=None), asking(ca=None, rejectUnauthorized=False)])
    case(
        'server that trusts its own authority',
        [asking(ca='@strange.ca'), asking(ca='@strange.ca', rejectUnauthorized=False)],
        {'requestCert': True, 'rejectUnauthorized': False, 'ca': '@ca'},
    )
    case('partial chain', asking(ca='@child.ca', allowPartialTrustChain=True), {'own': 'child'})
    for name, crl in {
        'of nobody': '@crl',
        'of the server': '@revoking',
        'list': ['@crl', '@strange.crl'],
        'of somebody else': '@strange.crl',
    }.items():
        case(f'crl {name}', [asking(crl=crl), asking(crl=crl, rejectUnauthorized=False)])
    lenient = asking(crl='@strange.crl', rejectUnauthorized=False)
    for own in ('expired', 'future'):
        case(f'crl of somebody else, {own}', lenient, {'own': own})
    case('partial chain of nobody', asking(ca='@strange.ca', allowPartialTrustChain=True))
    case('crl that is none', asking(crl='junk'))
    for value in (True, False, 0, '', None):
        case(
            f'rejectUnauthorized {value}',
            {'options': {'rejectUnauthorized': value}, 'nulls': True},
            {'own': 'self'},
        )


def identity(case: Any) -> None:
    """Is it the one who is meant?"""
    for name, options in {
        'host': {},
        'servername': {'servername': 'other.test'},
        'no name': {'servername': ''},
        'wildcard': {'servername': 'a.wild.test'},
        'two labels': {'servername': 'a.b.wild.test'},
        'upper case': {'servername': 'OTHER.TEST'},
        'dot': {'servername': 'other.test.'},
        'Host': {'headers': {'Host': 'other.test:80'}},
        'IP': {'host': '127.0.0.1'},
        'not checked': {'rejectUnauthorized': False},
    }.items():
        for version in VERSIONS:
            case(f'other name: {name}, {version}', asking(**options), {'own': 'other', 'maxVersion': version})
    for check in ('accepts', 'refuses', 'answersText'):
        request = asking(checkServerIdentity=f'#{check}')
        case(
            f'checkServerIdentity {check}',
            [request, asking(checkServerIdentity=f'#{check}', servername='x.test')],
        )
        if check != 'answersText':
            case(
                f'checkServerIdentity {check}, rejectUnauthorized false',
                asking(checkServerIdentity=f'#{check}', rejectUnauthorized=False),
            )
        case(
            f'checkServerIdentity {check}, of an agent',
            {'agent': 'a'},
            agents={'a': {'ca': '@ca', 'checkServerIdentity': f'#{check}'}},
        )
        case(
            f'checkServerIdentity {check}, not trusted',
            asking(checkServerIdentity=f'#{check}'),
            {'own': 'self'},
        )
    for value in (1, 'x', {}):
        case(f'checkServerIdentity {value}', asking(checkServerIdentity=value))


def names(case: Any) -> None:
    """servername, Host and ALPN."""
    for name, options in {
        'host': {},
        'IP': {'host': '127.0.0.1'},
        'hostname': {'hostname': 'localhost', 'host': 'x.test'},
        'Host': {'headers': {'Host': 'localhost:99'}},
        'Host with an IP': {'headers': {'Host': '127.0.0.1'}},
        'Host with IPv6': {'headers': {'Host': '[::1]:99'}},
        'Host list': {'headers': ['Host', 'other.test']},
        'empty Host': {'headers': {'Host': ''}},
        'no name': {'servername': ''},
        'own': {'servername': 'localhost'},
        'own and Host': {'servername': 'localhost', 'headers': {'Host': 'x.test'}},
        'Host with a dot': {'headers': {'Host': 'localhost.'}},
    }.items():
        case(f'name sent: {name}', [asking(**options), {**asking(**options), 'agent': False}])
        case(
            f'name sent: {name}, agent',
            {**asking(**options), 'agent': 'a'},
            agents={'a': {'servername': 'localhost'}},
        )
    case('name sent: IP, agent without name', {'agent': 'a'}, agents={'a': {'servername': '', 'ca': '@ca'}})
    for value in ('127.0.0.1', '::1', 5, 'a b'):
        case(f'servername {str(value)[:10]}', asking(servername=value))
    for protocols in (['http/1.1'], ['h2', 'http/1.1'], ['h2'], []):
        case(f'ALPNProtocols {protocols}', asking(ALPNProtocols=protocols))
        case(
            f'ALPNProtocols {protocols} of an agent',
            asking(),
            {'ALPNProtocols': ['h2']},
            agents={'a': {'ALPNProtocols': protocols}},
        )


def credentials(case: Any) -> None:
    """The client shows a certificate."""
    asks = {'requestCert': True, 'ca': '@ca'}
    for name, options in {
        'none': {},
        'pem': {'key': '@client.key', 'cert': '@client.cert'},
        'lists': {'key': ['@client.key'], 'cert': ['@client.cert']},
        'passphrase': {'key': '@locked.key', 'cert': '@client.cert', 'passphrase': 'secret'},
        'passphrase in a list': {
            'key': [{'pem': '@locked.key', 'passphrase': 'secret'}],
            'cert': '@client.cert',
        },
        'wrong passphrase': {'key': '@locked.key', 'cert': '@client.cert', 'passphrase': 'x'},
        'no passphrase': {'key': '@locked.key', 'cert': '@client.cert'},
        'pfx': {'pfx': '@pfx', 'passphrase': 'sample'},
        'pfx list': {'pfx': [{'buf': '@pfx', 'passphrase': 'sample'}]},
        'pfx with an authority': {'pfx': '@pfx', 'passphrase': 'sample', 'ca': None},
        'pfx without passphrase': {'pfx': '@open.pfx'},
        'pfx with a wrong passphrase': {'pfx': '@pfx', 'passphrase': 'x'},
        'pfx that is none': {'pfx': '#buffer'},
        'mismatch': {'key': '@own.key', 'cert': '@client.cert'},
        'cert alone': {'cert': '@client.cert'},
        'key alone': {'key': '@client.key'},
        'stranger': {'key': '@intruder.key', 'cert': '@intruder.cert'},
        'cert that is none': {'key': '@client.key', 'cert': 'junk'},
        'key that is none': {'key': 'junk', 'cert': '@client.cert'},
    }.items():
        for demand in (True, False):
            server = {**asks, 'rejectUnauthorized': demand}
            case(f'client {name}, {"demanded" if demand else "asked for"}', asking(**options), server)
        case(f'client {name}, TLSv1.2', asking(**options), {**asks, 'maxVersion': 'TLSv1.2'})
        case(f'client {name}, of an agent', {'agent': 'a'}, asks, agents={'a': {'ca': '@ca', **options}})
        case(f'client {name}, agent false', {**asking(**options), 'agent': False}, asks)


def agents(case: Any) -> None:
    """Connections are kept apart by the options of TLS."""
    kept = {'a': {'keepAlive': True, 'ca': '@ca'}}
    same = {'agent': 'a'}
    case('kept connections', [same, same, asking(), asking()], agents=kept)
    for name, options in {
        'ca': {'ca': ['@ca', '@strange.ca']},
        'cert': {'cert': '@client.cert', 'key': '@client.key'},
        'ciphers': {
            'ciphers': f'ECDHE-ECDSA-AES128-GCM-SHA256:{TLS13_CIPHERS}'
        },
        'rejectUnauthorized': {'rejectUnauthorized': False},
        'rejectUnauthorized true': {'rejectUnauthorized': True},
        'servername': {'servername': ''},
        'maxVersion': {'maxVersion': 'TLSv1.2'},
        'crl': {'crl': '@crl'},
        'minVersion': {'minVersion': 'TLSv1.3'},
        'honorCipherOrder': {'honorCipherOrder': True},
        'ecdhCurve': {'ecdhCurve': 'auto'},
        'secureOptions': {'secureOptions': 4},
        'sessionIdContext': {'sessionIdContext': 'x'},
        'pfx': {'pfx': '@open.pfx'},
        'secureProtocol': {'secureProtocol': 'TLSv1_2_method'},
        'passphrase': {'passphrase': 'x'},
        'localAddress': {'localAddress': '127.0.0.1'},
        'checkServerIdentity': {'checkServerIdentity': '#accepts'},
        'ALPNProtocols': {'ALPNProtocols': ['http/1.1']},
        'highWaterMark': {'highWaterMark': 1000},
        'Host': {'headers': {'Host': 'other.test'}},
        'Host of the same name': {'headers': {'Host': 'localhost:1'}},
    }.items():
        other = {'agent': 'a', 'options': options}
        case(f'apart: {name}', [same, other, same, other], agents=kept)
    case('globalAgent keeps connections', [asking(), asking()])
    case('agent false does not', [{**asking(), 'agent': False}] * 2)
    case('highWaterMark', [asking(highWaterMark=1000), {**asking(highWaterMark=5), 'agent': False}])
    case(
        'keylog, TLSv1.2', {'agent': 'a'}, {'maxVersion': 'TLSv1.2'}, agents={'a': {'ca': '@ca'}}, keylog=True
    )
    case('keylog, TLSv1.3', [{'agent': 'a'}, {'agent': 'a'}], agents={'a': {'ca': '@ca'}}, keylog=True)


def versions(case: Any) -> None:
    """Versions and ciphers."""
    for name, (client, server) in {
        'no version, old server': ({'minVersion': 'TLSv1.3'}, {'maxVersion': 'TLSv1.2'}),
        'no version, new server': ({'maxVersion': 'TLSv1.2'}, {'minVersion': 'TLSv1.3'}),
        'no version of the client': ({'minVersion': 'TLSv1.3', 'maxVersion': 'TLSv1.2'}, {}),
        'secureProtocol': ({'secureProtocol': 'TLSv1_2_method'}, {}),
        'secureProtocol of any version': ({'secureProtocol': 'TLS_method'}, {}),
        'secureProtocol of old': ({'secureProtocol': 'SSLv3_method'}, {}),
        'secureProtocol that is none': ({'secureProtocol': 'x'}, {}),
        'secureProtocol and minVersion': ({'secureProtocol': 'TLSv1_2_method', 'minVersion': 'TLSv1.2'}, {}),
        'minVersion that is none': ({'minVersion': 'x'}, {}),
        'maxVersion that is none': ({'maxVersion': 'x'}, {}),
        'ciphers': ({'ciphers': 'ECDHE-ECDSA-AES128-GCM-SHA256', 'maxVersion': 'TLSv1.2'}, {}),
        'no cipher': (
            {'ciphers': 'ECDHE-ECDSA-AES128-GCM-SHA256', 'maxVersion': 'TLSv1.2'},
            {'ciphers': 'ECDHE-ECDSA-AES256-GCM-SHA384'},
        ),
        'ciphers that are none': ({'ciphers': 'NOPE'}, {}),
        'ciphers of a wrong type': ({'ciphers': 1}, {}),
        'ecdhCurve': ({'ecdhCurve': 'P-384'}, {}),
        'no curve': ({'ecdhCurve': 'P-384'}, {'ecdhCurve': 'P-521'}),
        'ecdhCurve that is none': ({'ecdhCurve': 'x'}, {}),
        'ecdhCurve of a wrong type': ({'ecdhCurve': 1}, {}),
        'secureOptions without tickets': ({'secureOptions': 0x4000}, {}),
        'secureOptions of a wrong type': ({'secureOptions': 'x'}, {}),
        'secureOptions without TLS 1.3': ({'secureOptions': 0x20000000}, {}),
        'honorCipherOrder': ({'honorCipherOrder': True}, {}),
        'sessionIdContext': ({'sessionIdContext': 'x'}, {}),
        'dhparam': (
            {'dhparam': '@dhparam', 'maxVersion': 'TLSv1.2'},
            {'dhparam': '@dhparam', 'ciphers': 'DHE-RSA-AES128-GCM-SHA256', 'own': 'rsa'},
        ),
        'sessionIdContext of a wrong type': ({'sessionIdContext': 1}, {}),
    }.items():
        case(name, asking(**client), server)


def sessions(case: Any) -> None:
    """Sessions are resumed."""
    for version in VERSIONS:
        server = {'maxVersion': version}
        mine = {'agent': 'a'}
        for kept in (None, 0, 1, 100):
            limit = {} if kept is None else {'maxCachedSessions': kept}
            case(
                f'maxCachedSessions {kept}, {version}',
                [mine] * 3,
                server,
                agents={'a': {'ca': '@ca', **limit}},
            )
        other = {'agent': 'a', 'options': {'sessionIdContext': 'other'}}
        case(
            f'sessions of two names, {version}',
            [mine, other, mine, other],
            server,
            agents={'a': {'ca': '@ca'}},
        )
        case(
            f'the older session goes, {version}',
            [mine, other, other, mine],
            server,
            agents={'a': {'ca': '@ca', 'maxCachedSessions': 1}},
        )
        case(
            f'sessions of a server that is not trusted, {version}',
            [mine] * 3,
            {**server, 'own': 'self'},
            agents={'a': {'rejectUnauthorized': False}},
        )
        case(
            f'sessions and client certificates, {version}',
            [mine] * 3,
            {**server, 'requestCert': True, 'ca': '@ca'},
            agents={'a': {'ca': '@ca', 'key': '@client.key', 'cert': '@client.cert'}},
        )
        case(f'sessions without an agent, {version}', [{**asking(), 'agent': False}] * 2, server)
        case(
            f'session of ones own, {version}',
            [{**asking(), 'agent': False}, {**asking(session='#session'), 'agent': False}],
            server,
        )


def broken(case: Any) -> None:
    """No handshake."""
    for raw in ('ends', 'resets', 'answers'):
        for agent in (None, False):
            case(f'server that {raw}, {agent}', {**asking(), 'agent': agent}, {'raw': [raw]})
    for number in ALERTS:
        case(f'alert {number}', asking(), {'raw': ['alerts', number]})
    case('silent server', asking(timeout=40), {'raw': ['silent']})
    case(
        'silent server, timeout of the agent',
        {'agent': 'a'},
        {'raw': ['silent']},
        agents={'a': {'timeout': 40}},
    )
    case('nobody listens', asking(), refused=True)
    case('local address', asking(localAddress='127.0.0.1'), {'raw': ['ends']})
    case('no such host', asking(host='nobody.invalid'))


def arguments(case: Any) -> None:
    """What https.request takes."""
    on_path = asking(socketPath='#path')
    case('socketPath', [on_path, {**on_path, 'agent': False}], path=True)
    for url in (
        'https://localhost:PORT/a?b=c',
        'https://user:pass%20word@localhost:PORT/',
        'https://127.0.0.1:PORT',
    ):
        case(f'url {url}', {'url': url, **asking()})
    for url in ('http://localhost:PORT/', 'ftp://localhost/', 'localhost', '/'):
        case(f'url {url}', {'url': url, **asking()})
    for name, options in {
        'protocol': {'protocol': 'https:'},
        'wrong protocol': {'protocol': 'http:'},
        'auth': {'auth': 'a:b'},
        'method': {'method': 'DELETE'},
        'path': {'path': '/x?y'},
        'bad path': {'path': '/x y'},
        'family': {'family': 6, 'lookup': '#looks'},
        'no family': {'family': None, 'lookup': '#looks'},
        'no host': {'host': None, 'lookup': '#looks'},
        'localAddress': {'localAddress': '127.0.0.2'},
        'headers': {'headers': {'X-A': '1', 'Host': 'h'}},
        'key of a wrong type': {'key': 5},
        'cert of a wrong type': {'cert': 5},
        'ca of a wrong type': {'ca': 5},
        'crl of a wrong type': {'crl': 5},
        'pfx of a wrong type': {'pfx': 5},
        'passphrase of a wrong type': {'passphrase': 5, 'pfx': '@pfx'},
        'session of a wrong type': {'session': 5},
        'ALPNProtocols of a wrong type': {'ALPNProtocols': [5]},
    }.items():
        case(f'options: {name}', asking(**options))
        case(f'options: {name}, agent false', {**asking(**options), 'agent': False})
