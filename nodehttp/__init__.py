"""Node's `http` for Python: the same names, events, errors and bytes, with threads that may block."""

from nodehttp import lifetime

lifetime.install()
