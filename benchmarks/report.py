"""The tables: what was measured, round by round, as numbers that can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from benchmarks.wrk import Result

Results = dict[str, list[Result]]  # by name of the peer, a result for each round


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under headings: the first and the last column to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    for row in (headings, ['-' * width for width in widths], *rows):
        cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        print('  '.join([row[0].ljust(widths[0]), *cells[1:-1], row[-1]]).rstrip())
    print(flush=True)


def number(value: float) -> str:
    """About three digits, thousands with commas."""
    return f'{value:,.0f}' if value >= 100 else f'{value:.1f}'


def milliseconds(seconds: float) -> str:
    """A duration as the tables show it."""
    return f'{seconds * 1000:.2f}'


def figures(results: list[Result]) -> list[str]:
    """Requests/s, spread and 99th percentile (ms), medians of the rounds.

    The spread is how far the rounds lie apart: a difference between two peers that is smaller means nothing.
    """
    rates = [result.rate for result in results]
    middle = median(rates)
    spread = f'±{(max(rates) - min(rates)) / 2 / middle:.0%}' if middle else '-'
    return [number(middle), spread, milliseconds(median(result.p99 for result in results))]


def failures(results: list[Result]) -> str:
    """A remark where requests failed."""
    failed = sum(result.failed for result in results)
    return f' {failed} failed!' if failed else ''


def ratio(ours: list[Result], theirs: list[Result]) -> str:
    """Our requests/s by theirs: the median over the rounds, each of which measured one after the other."""
    ratios = [our.rate / their.rate for our, their in zip(ours, theirs, strict=False) if their.rate]
    return f'{median(ratios):.2f}' if ratios else '-'
