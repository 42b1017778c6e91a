"""What Node says of an argument that is no number, no integer within bounds, no boolean, no function
or no AbortSignal.

JavaScript has one kind of numbers, and a boolean is none of them; in Python True is an int, and a float may
be an integer. What is refused raises TypeError ERR_INVALID_ARG_TYPE or ValueError ERR_OUT_OF_RANGE, with
Node's texts.
"""

from __future__ import annotations

import math
from typing import Any, TypeGuard

from nodehttp import errors

MAX_SAFE_INTEGER = 2**53 - 1


def is_number(value: Any) -> TypeGuard[float]:
    """Is it what JavaScript calls a number?"""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_integer(value: Any) -> TypeGuard[float]:
    """Is it a number without a fraction, such as 5 or 5.0?"""
    return is_number(value) and math.isfinite(value) and value == int(value)


def check_number(name: str, value: Any) -> float:
    """Return a number as it is."""
    if not is_number(value):
        raise errors.invalid_arg_type(name, 'of type number', value)
    return value


def check_integer(name: str, value: Any, least: int = 0, most: int = MAX_SAFE_INTEGER) -> int:
    """Return an integer from `least` to `most` as an int."""
    check_number(name, value)
    if not is_integer(value):
        raise errors.node_error('ERR_OUT_OF_RANGE', name, 'an integer', value)
    if not least <= value <= most:
        raise errors.node_error('ERR_OUT_OF_RANGE', name, f'>= {least} && <= {most}', value)
    return int(value)


def check_duration(name: str, value: Any) -> float:
    """Return a time to wait, in ms, as it is."""
    number = check_number(name, value)
    if not 0 <= number < math.inf:
        raise errors.node_error('ERR_OUT_OF_RANGE', name, 'a non-negative finite number', value)
    return number


def check_boolean(name: str, value: Any) -> bool:
    """Return True or False."""
    if not isinstance(value, bool):
        raise errors.invalid_arg_type(name, 'of type boolean', value)
    return value


def check_function(name: str, value: Any) -> None:
    """Refuse what cannot be called."""
    if not callable(value):
        raise errors.invalid_arg_type(name, 'of type function', value)


def is_signal(value: Any) -> bool:
    """Is it an AbortSignal?"""
    return hasattr(value, 'aborted') and hasattr(value, 'addEventListener')


def check_signal(name: str, value: Any) -> None:
    """Refuse what is neither None nor an AbortSignal."""
    if value is not None and not is_signal(value):
        raise errors.invalid_arg_type(name, 'an instance of AbortSignal', value)
