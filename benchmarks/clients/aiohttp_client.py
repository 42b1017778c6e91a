"""aiohttp: one thread, a task for each request at a time."""

from __future__ import annotations

import asyncio
import time

import aiohttp

from benchmarks.clients.loop import PATH, Clock, arguments


async def main() -> None:
    port, concurrency, seconds = arguments()
    clock = Clock(seconds)
    url = f'http://127.0.0.1:{port}{PATH}'
    async with aiohttp.ClientSession() as session:
        async def ask() -> None:
            while clock.running():
                asked = time.perf_counter()
                async with session.get(url) as response:
                    clock.answered(asked, await response.read())
        await asyncio.gather(*(ask() for _ in range(concurrency)))
    clock.report()


asyncio.run(main())
