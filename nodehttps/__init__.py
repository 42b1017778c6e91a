"""Node's `https` for Python: `nodehttp` over TLS.

    import nodehttps as https

What Node's `https` exports is here; `tls` is `from nodehttps import tls`, everything else is in `nodehttp`.
Without Python's ssl this raises ImportError, as Node's does without crypto.
"""

from __future__ import annotations

import sys
from types import ModuleType

import nodehttp as nodehttp  # the pool and the life of the process
from nodehttps import agent as _agent
from nodehttps import tls as tls
from nodehttps.agent import Agent
from nodehttps.client import get, request
from nodehttps.server import Server, createServer

__all__ = ['Agent', 'Server', 'createServer', 'get', 'globalAgent', 'request']

globalAgent: Agent


class _Face(ModuleType):
    """This module: one of its names is no plain variable."""

    def __dir__(self) -> list[str]:
        return [*__all__, 'tls']  # what completion shows

    @property
    def globalAgent(self) -> Agent:
        """The Agent of requests that name none; may be replaced. ("https.globalAgent")"""
        return _agent.globalAgent

    @globalAgent.setter
    def globalAgent(self, agent: Agent) -> None:
        _agent.globalAgent = agent


sys.modules[__name__].__class__ = _Face
for _name in __all__:
    if isinstance(_public := getattr(sys.modules[__name__], _name), type):
        _public.__module__ = __name__  # the path that users know, in tracebacks too
