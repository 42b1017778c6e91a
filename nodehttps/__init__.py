"""Node's https for Python. An empty room for now: it is built on top of nodehttp."""
