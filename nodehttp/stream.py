"""Node's `stream`: Readable, Writable, Duplex, Transform, PassThrough, pipeline, finished. ("Stream")

One file for each: `_stream` (what all have in common), `_readable`, `_writable`, `_duplex`, `_pipe`, `_from`,
`_finished`, `_pipeline`.

Left out: the experimental array-like methods of Readable (`map`, `filter`, ...; iterate instead), `compose`,
web streams.
"""

from nodehttp._duplex import (
    Duplex,
    PassThrough,
    Transform,
    duplexPair,
    getDefaultHighWaterMark,
    setDefaultHighWaterMark,
)
from nodehttp._finished import finished, isErrored, isReadable, isWritable
from nodehttp._pipeline import pipeline, promises
from nodehttp._readable import Readable
from nodehttp._stream import Stream, addAbortSignal
from nodehttp._writable import Writable

isDisturbed = Readable.isDisturbed

__all__ = [
    'Duplex', 'PassThrough', 'Readable', 'Stream', 'Transform', 'Writable', 'addAbortSignal', 'duplexPair',
    'finished', 'getDefaultHighWaterMark', 'isDisturbed', 'isErrored', 'isReadable',
    'isWritable', 'pipeline', 'promises', 'setDefaultHighWaterMark',
]
