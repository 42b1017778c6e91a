"""What an emitter knows of a listener: the function, how often it is called, and with how many arguments.

Those of the library (`internal`) take any number of arguments, and the monitor; the user's run without it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import FunctionType, MappingProxyType, MethodType
from typing import Any

from nodehttp import errors
from nodehttp.arity import ANY, UNUSUAL, fit, parameters
from nodehttp.monitor import monitor

Function = Callable[..., Any]

SPENT = 2  # what `once` of a Listener is from its call on


def internal(function: Function) -> Function:
    """Make a function of the library a listener: it takes the monitor when it is called."""
    def listener(*args: Any) -> Any:
        with monitor:
            return function(*args)
    return listener


_INTERNAL = internal(parameters).__code__


class Listener:
    """One registration of a function: see `registration`."""

    __slots__ = ('least', 'listener', 'most', 'once')

    listener: Function
    once: int  # True: to be called once; SPENT: it was
    least: int  # arguments that it needs
    most: float  # and takes

    def is_internal(self) -> bool:
        """Is it a function of the library, of `internal`?"""
        return getattr(self.listener, '__code__', None) is _INTERNAL

    def __call__(self, *args: Any) -> Any:
        if not self.least <= len(args) <= self.most:
            args = fit(args, self.least, self.most)
        return self.listener(*args)

    def of(self, emitter: Any) -> Function:
        """Return the function that was registered."""
        return self.listener

    def fitting(self, emitter: Any) -> Function:
        """Return what takes any number of arguments."""
        return self

    def taking(self, count: int, emitter: Any) -> Function:
        """Return what takes so many arguments."""
        return self.listener if self.least <= count <= self.most else self.fitting(emitter)


def registration(function: Function, once: bool) -> Listener:
    """Return the Listener for a function of the user's. (Were it made by `__init__`, that would take as long
    again: Python would call itself by way of C.)

    Raises TypeError ERR_INVALID_ARG_TYPE.
    """
    listener = Listener()
    listener.listener = function
    listener.once = once
    if type(function) is FunctionType:
        code = function.__code__
        if function.__defaults__ is None and not code.co_flags & UNUSUAL:
            listener.least = listener.most = code.co_argcount  # what `parameters` comes to for most listeners
            return listener
    elif not callable(function):
        raise errors.invalid_arg_type('listener', 'of type function', function)
    listener.least, listener.most = parameters(function)
    return listener


class OwnListener(Listener):
    """The registration of one of the library's functions (`internal`), which are not asked what they take."""

    __slots__ = ()


def own(function: Function, once: bool = False) -> OwnListener:
    """Return the Listener for one of the library's functions."""
    listener = OwnListener()
    listener.listener, listener.once = function, once
    listener.least, listener.most = 0, ANY
    return listener


def _nothing(*args: Any) -> None:
    """Do nothing."""


class SharedListener(OwnListener):
    """One for all emitters of a kind: a method, of `internal`, of whom the emitter has for `_consumer`."""

    __slots__ = ()

    def __init__(self, function: Function) -> None:
        self.listener, self.once = function, False
        self.least = self.most = math.inf  # type: ignore[assignment] # never called as it is

    def of(self, emitter: Any) -> Function:
        """Return the method."""
        return MethodType(self.listener, emitter._consumer)

    def fitting(self, emitter: Any) -> Function:
        # A listener before this one may have waited, and the consumer has left.
        return _nothing if emitter._consumer is None else self.of(emitter)


def shared(functions: Mapping[str, Function]) -> Mapping[str, tuple[Listener, ...]]:
    """Return what `_events` of an emitter is to be for methods as SharedListener has them."""
    return MappingProxyType({name: (SharedListener(function),) for name, function in functions.items()})
