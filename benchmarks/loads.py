"""What servers are loaded with, as data: the requests byte by byte, and how many at a time.

The requests are made here and nowhere else: `wrk` sends these bytes, and so does the check before it.
"""

from __future__ import annotations

from dataclasses import dataclass

KIB, MIB = 1024, 1024 * 1024

# What a browser sends with each request; with Host they are 20.
BROWSER_HEADERS = {
    'Connection': 'keep-alive',
    'Cache-Control': 'max-age=0',
    'sec-ch-ua': '"Chromium";v="142", "Not_A Brand";v="99"',
    'sec-ch-ua-mobile': '?0',
    'sec-ch-ua-platform': '"Linux"',
    'DNT': '1',
    'Upgrade-Insecure-Requests': '1',
    'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36',
    'Accept': 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
    'Sec-Fetch-Site': 'same-origin',
    'Sec-Fetch-Mode': 'navigate',
    'Sec-Fetch-User': '?1',
    'Sec-Fetch-Dest': 'document',
    'Referer': 'http://127.0.0.1/articles/2026/november',
    'Accept-Encoding': 'gzip, deflate, br, zstd',
    'Accept-Language': 'en-GB,en;q=0.9,de;q=0.8',
    'Cookie': 'session=0123456789abcdef0123456789abcdef; theme=dark; consent=yes',
    'If-None-Match': '"33a64df551425fcc55e4d42a148795d9f25f89d4"',
    'If-Modified-Since': 'Wed, 21 Oct 2026 07:28:00 GMT',
}


@dataclass(frozen=True)
class Load:
    """So many connections, each of which sends the request again as soon as it is answered."""

    name: str
    title: str
    path: str
    connections: int
    body: int = 0  # bytes; with a body it is a POST
    chunk: int = 0  # bytes of each chunk; 0: the request has a Content-Length
    browser: bool = False  # with the headers of a browser
    pipelined: int = 1  # requests that are sent at once
    close: bool = False  # a new connection for each request
    secure: bool = False  # over TLS
    threads: int | None = None  # the size of a peer's pool, where its default is not its best
    sleeps: bool = False
    tail: bool = False  # the README shows the 99th percentile too

    def packet(self) -> bytes:
        """The bytes that are sent, and sent again when everything in them is answered."""
        lines = [f'{"POST" if self.body else "GET"} {self.path} HTTP/1.1', 'Host: 127.0.0.1']
        if self.browser:
            lines += [f'{name}: {value}' for name, value in BROWSER_HEADERS.items()]
        if self.close:
            lines.append('Connection: close')
        body = self.payload()
        if self.chunk:
            lines.append('Transfer-Encoding: chunked')
            chunks = [body[start:start + self.chunk] for start in range(0, self.body, self.chunk)]
            body = b''.join(b'%x\r\n%s\r\n' % (len(chunk), chunk) for chunk in (*chunks, b''))
        elif body:
            lines.append(f'Content-Length: {len(body)}')
        return ('\r\n'.join([*lines, '', '']).encode() + body) * self.pipelined

    def payload(self) -> bytes:
        """The body of a request."""
        return b'x' * self.body


HELLO = Load('hello', 'a short answer', '/hello', 16)

LOADS = (
    Load('hello-1', 'a short answer, 1 connection', '/hello', 1),
    Load('hello-64', 'a short answer, 64 connections', '/hello', 64, tail=True),
    Load('hello-256', 'a short answer, 256 connections', '/hello', 256, tail=True),
    Load('browser-64', '20 request headers, 12 response headers, 64 connections', '/browser', 64,
         browser=True),
    Load('echo-64', 'POST of 1 KiB, sent back, 64 connections', '/echo', 64, body=KIB),
    Load('chunked-64', 'the same in 4 chunks, each sent back as it comes', '/stream', 64,
         body=KIB, chunk=256),
    Load('download-8', 'download of 1 MiB, 8 connections', '/download', 8),
    Load('upload-1', 'upload of 64 MiB, counted as it comes, 1 connection', '/count', 1, body=64 * MIB),
    Load('pipeline-64', '16 pipelined requests in a packet, 64 connections', '/hello', 64, pipelined=16),
    Load('close-16', 'a new connection for each request, 16 at a time', '/hello', 16, close=True),
    Load('tls-hello-64', 'a short answer over TLS, 64 connections', '/hello', 64, secure=True),
    Load('tls-download-8', 'download of 1 MiB over TLS, 8 connections', '/download', 8, secure=True),
    # A thread for each sleeper, and some for the prompt requests beside them.
    Load('sleep-64', 'a handler that sleeps 10 ms, 64 connections', '/sleep', 64, threads=72, sleeps=True),
)
