"""What Node 25.2.1 says of arguments that are nothing of the kind."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

import nodehttp as http
from nodehttp import fs, net, stream

INF, NAN = math.inf, math.nan
INTEGER = 'It must be an integer. Received'


@pytest.mark.parametrize(('call', 'code', 'message'), [
    (lambda: stream.Readable(highWaterMark=INF), 'ERR_INVALID_ARG_VALUE',
     "The property 'options.highWaterMark' is invalid. Received Infinity"),
    (lambda: stream.Writable(highWaterMark=NAN), 'ERR_INVALID_ARG_VALUE',
     "The property 'options.highWaterMark' is invalid. Received NaN"),
    (lambda: net.setDefaultAutoSelectFamilyAttemptTimeout(INF), 'ERR_OUT_OF_RANGE',
     f'The value of "value" is out of range. {INTEGER} Infinity'),
    (lambda: net.setDefaultAutoSelectFamilyAttemptTimeout(NAN), 'ERR_OUT_OF_RANGE',
     f'The value of "value" is out of range. {INTEGER} NaN'),
    (lambda: fs.createReadStream('x', start=INF), 'ERR_OUT_OF_RANGE',
     f'The value of "start" is out of range. {INTEGER} Infinity'),
    (lambda: fs.createWriteStream('x', start=True), 'ERR_INVALID_ARG_TYPE',
     'The "start" argument must be of type number. Received type boolean (true)'),
    (lambda: stream.setDefaultHighWaterMark(False, -1), 'ERR_OUT_OF_RANGE',
     'The value of "value" is out of range. It must be >= 0 && <= 9007199254740991. Received -1'),
    (lambda: stream.PassThrough().read(2**30 + 1), 'ERR_OUT_OF_RANGE',
     'The value of "size" is out of range. It must be <= 1GiB. Received 1073741825'),
    (lambda: stream.addAbortSignal(1, stream.PassThrough()), 'ERR_INVALID_ARG_TYPE',
     'The "signal" argument must be an instance of AbortSignal. Received type number (1)'),
    (lambda: stream.addAbortSignal(http.AbortController().signal, 1), 'ERR_INVALID_ARG_TYPE',
     'The "stream" argument must be an instance of ReadableStream, WritableStream, or Stream. '
     'Received type number (1)'),
    (lambda: http.request(maxHeaderSize=1.5), 'ERR_OUT_OF_RANGE',
     f'The value of "maxHeaderSize" is out of range. {INTEGER} 1.5'),
    (lambda: http.createServer(requestTimeout=NAN), 'ERR_OUT_OF_RANGE',
     f'The value of "requestTimeout" is out of range. {INTEGER} NaN'),
])
def test_what_is_refused(call: Callable[[], Any], code: str, message: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    error: Any = caught.value
    assert (error.code, error.message) == (code, message)


@pytest.mark.parametrize('delay', [INF, NAN, 5.0])
def test_what_node_takes_for_a_number_of_seconds(delay: float) -> None:
    assert net.createServer(keepAliveInitialDelay=delay).keepAliveInitialDelay == 0
    assert net.createServer(highWaterMark=delay).highWaterMark > 0
    http.setMaxIdleHTTPParsers(5.0)
