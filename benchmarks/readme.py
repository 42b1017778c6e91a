"""The section of figures in the README, as reStructuredText."""

from __future__ import annotations

import os
import platform
import textwrap
import time
from pathlib import Path

from benchmarks.report import Line, Summary

WIDTH = 110


def write(summary: Summary, settings: str) -> str:
    """The text; `settings` says how it was measured."""
    versions = ', '.join(
        dict.fromkeys(f'{name.split()[0]} {number}' for name, number in summary.versions.items()
                      if not number.startswith(('Python', 'from '))))
    parts = [paragraph(
        f'What ``python -m benchmarks --table`` printed on {time.strftime("%Y-%m-%d")}, on {machine()}, '
        f'with Python {platform.python_version()}, {settings}; {versions}. The numbers are those of this '
        'library: requests/s, the processor time (us) that each took, and how many times the requests/s of '
        'each peer that is, in the same run.')]
    for heading, lines in (('Servers', summary.servers), ('Clients', summary.clients)):
        if lines:
            parts.append(table(heading, lines))
    parts += [paragraph(f'* {remark}', '  ') for remark in summary.remarks]
    return '\n\n'.join(parts)


def paragraph(text: str, indent: str = '') -> str:
    return textwrap.fill(
        text, WIDTH, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False)


def table(heading: str, lines: list[Line]) -> str:
    """A list-table with a column for each peer that any line has."""
    peers = list(dict.fromkeys(name for line in lines for name in line.ratios))
    rows = [[heading, 'requests/s', 'us each', *peers]]
    rows += [[line.work, line.rate, line.processor, *(line.ratios.get(peer, '') for peer in peers)]
             for line in lines]
    text = ['.. list-table::', '   :header-rows: 1', '']
    for row in rows:
        text += [f'{"   *" if not index else "    "} - {cell}'.rstrip() for index, cell in enumerate(row)]
    return '\n'.join(text)


def machine() -> str:
    """What the figures were measured on."""
    return f'{os.cpu_count()} processors ({processor()}), {platform.system()} {platform.release()}'


def processor() -> str:
    """Its name, as far as the system tells."""
    try:
        lines = Path('/proc/cpuinfo').read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(':')[2].strip() for line in lines if line.startswith('model name')]
    return names[0] if names else platform.machine()
