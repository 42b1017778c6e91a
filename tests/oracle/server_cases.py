"""Programs of a server with a scripted client, as data that JavaScript and Python can both run. They are in
response_cases.py, connection_cases.py and flow_cases.py, and in random_cases.py others are made up.

A case has

    client    a list of steps: ['send', text], ['fin'], ['rst'], ['heard', line] wait until the server has
              noted this, ['until', text] wait until this was received, ['read'] wait until the server has
              read what was sent
    on        by event of the server ('request', or 'request /url' for one of several) a list of actions
    watch     by kind (req, res, sock, server) the events that are noted
    options   of createServer; `set`: attributes of the server; `upgrades`: what shouldUpgradeCallback answers

An action is a list

    ['note', text]; ['tick' | 'immediate', actions]; ['after', ms, actions]
    ['on' | 'once', kind, event, actions]
    ['res.end', ...arguments]    call a method (kinds: req, res, sock, server, error, head)
    ['?res.write', ...]          call it, or read a property, and note the result
    ['res.statusCode=', value]   set a property
    ['count', 'req', 'headers']  note how many entries a property has
    ['override', 'res']          give it an `emit` that notes what is emitted

An argument that is a mapping may be special: {'callback': note}, {'repeat': [text, times]}, {'latin1': text}
for bytes, {'error': message}, {'map': headers} for what JavaScript has a Map for, {'kind': kind} for the
thing itself.

What happens is what was noted (`log`), what the client received (`wire`: dates replaced, long runs cut short)
and whether its connection was closed. `server.js` records what Node does (see `record.py`).
"""

from __future__ import annotations

from typing import Any

import connection_cases
import flow_cases
import response_cases
from server_parts import GET, Actions, Case


def cases(is_secure: bool = False) -> list[Case]:
    """Return all cases, or those in which TLS may make a difference."""
    made: list[Case] = []

    def case(name: str, actions: Actions | dict[str, Actions], client: str | list[Any] = GET,
        **more: Any) -> None:
        steps = [['send', client]] if isinstance(client, str) else client
        on = actions if isinstance(actions, dict) else {'request': actions}
        made.append({'name': name, 'client': steps, 'on': on, **more})

    tables = (*response_cases.SENDING, *connection_cases.TABLES)
    if not is_secure:
        # Over TLS it is chance whether the first request comes together with the end of the handshake.
        tables = (*response_cases.HEADS, *tables, connection_cases.pauses, connection_cases.drains,
                  connection_cases.overriding, *flow_cases.TABLES)
    for add in tables:
        add(case)
    return made


def secure_cases() -> list[Case]:
    """Return the cases that are run over TLS too."""
    made: list[Case] = []
    for case in cases(is_secure=True):
        sent = ''.join(step[1] for step in case['client'] if step[0] == 'send')
        # It is chance whether a head arrives within a few ms after the server's part of the handshake.
        by_chance = case.get('options', {}).get('headersTimeout') and '\r\n\r\n' in sent
        # A client in JavaScript cannot reset a connection below TLS. Node has more listeners there.
        possible = ['rst'] not in case['client'] and 'listenerCount' not in str(case['client'])
        if possible and not by_chance:
            made.append(case)
    return made
