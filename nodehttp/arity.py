"""How many arguments a callback takes.

It may declare fewer parameters than it is given arguments (the rest is dropped) or more (None), as in
JavaScript.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from types import BuiltinMethodType, FunctionType, MethodType, ModuleType
from typing import Any

from nodehttp import errors
from nodehttp.monitor import monitor

Function = Callable[..., Any]

ANY = math.inf  # arguments
_VARARGS = 0x04  # inspect.CO_VARARGS
_ASYNC = 0x280  # inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
UNUSUAL = _VARARGS | _ASYNC  # among the flags of a code object: there is more to it than its count


def parameters(function: Function) -> tuple[int, float]:
    """Return how many positional arguments `function` needs at least and takes at most. Raises TypeError
    ERR_INVALID_ARG_TYPE for an `async` function."""
    kind: type = type(function)
    plain: Any = function
    bound = 0
    if kind is MethodType:
        plain, bound = plain.__func__, 1
        kind = type(plain)
    if kind is FunctionType:
        code, defaults = plain.__code__, plain.__defaults__
        takes_any = code.co_flags & _VARARGS
        if code.co_flags & _ASYNC:
            # Nobody would await what it returns: a request would hang, and nothing would say why.
            raise errors.invalid_arg_type('callback', 'a function without "async" (it may wait)', function)
        if not (takes_any and hasattr(plain, '__wrapped__')):
            most = code.co_argcount - bound
            least = most if defaults is None else most - len(defaults)
            return least if least > 0 else 0, ANY if takes_any else most
    if kind is BuiltinMethodType:
        owner = plain.__self__
        if isinstance(owner, type) or isinstance(owner, ModuleType):  # noqa: SIM101 (faster than a tuple)
            return _parameters_of_builtin_function(plain)
        return _parameters_of_builtin(owner.__class__, plain.__name__)
    return _parameters_by_signature(function)


@functools.lru_cache(256)
def _parameters_of_builtin_function(function: Function) -> tuple[int, float]:
    return _parameters_by_signature(function)


@functools.lru_cache(256)
def _parameters_of_builtin(cls: type, name: str) -> tuple[int, float]:
    """Of a method such as `chunks.append`, a favourite listener: inspect takes 100 us over its signature."""
    least, most = _parameters_by_signature(getattr(cls, name))
    return max(0, least - 1), most - 1


def _parameters_by_signature(function: Function) -> tuple[int, float]:
    # Imported when the first such function comes: it would be a fifth of the import, and most listeners are
    # plain functions. That takes longer than a hold lasts (holds.py); so no event may come meanwhile, which
    # this function may be about to listen to.
    with monitor:
        import inspect

    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some builtins have none
        return 0, ANY
    least, most = 0, 0.0
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            most = ANY
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            most += 1
            least += parameter.default is parameter.empty
    return least, most


def fit(args: tuple[Any, ...], least: int, most: float) -> tuple[Any, ...]:
    """Cut `args` to `most`, or fill it with None to `least`."""
    return args[:int(most)] if len(args) > most else args + (None,) * (least - len(args))


def adapt(function: Function) -> Function:
    """Return a callable that calls `function` with as many arguments as it takes, whatever number it is
    given."""
    least, most = parameters(function)
    if least == 0 and most == ANY:
        return function

    def adapted(*args: Any) -> Any:
        return function(*(args if least <= len(args) <= most else fit(args, least, most)))
    return adapted
