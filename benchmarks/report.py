"""What was measured, as tables for the terminal, and as what the README shows of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.wrk import Result

Results = dict[str, list[Result]]  # by name of the peer, a result for each round


@dataclass
class Line:
    """A line of a table in the README: ours, and how many times that of each peer it is."""

    work: str
    rate: str  # requests/s
    processor: str  # us of processor time for each request
    ratios: dict[str, str]


@dataclass
class Summary:
    """What the README shows of a run."""

    servers: list[Line] = field(default_factory=list)
    clients: list[Line] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)  # of each peer that was measured


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
    """A duration as the tables show it. (Of pipelined requests wrk knows none.)"""
    return f'{seconds * 1000:.2f}' if seconds else '-'


def microseconds(seconds: float | None) -> str:
    """The same for a short one, which may be unknown."""
    return '-' if seconds is None else number(seconds * 1e6)


def middle(results: Iterable[Result], get: Callable[[Result], float | None]) -> float | None:
    """The median of what was measured in each round; None if it was not."""
    values = [value for result in results if (value := get(result)) is not None]
    return median(values) if values else None


FIGURES = ('requests/s', 'spread', 'p99 ms', 'us each')


def figures(results: list[Result]) -> list[str]:
    """FIGURES: requests/s, spread, 99th percentile, and processor time for each request, medians of the
    rounds.

    The spread is how far the rounds lie apart: a difference between two peers that is smaller means nothing.
    Processor time hardly depends on what else the machine does.
    """
    rates = [result.rate for result in results]
    rate = median(rates)
    spread = f'±{(max(rates) - min(rates)) / 2 / rate:.0%}' if rate else '-'
    return [number(rate), spread, milliseconds(median(result.p99 for result in results)), processor(results)]


def processor(results: list[Result]) -> str:
    """Processor time (us) for each request."""
    return microseconds(middle(results, lambda result: result.processor))


def failures(results: list[Result]) -> str:
    """A remark where requests failed."""
    failed = sum(result.failed for result in results)
    return f' {failed} failed!' if failed else ''


def ratio(ours: list[Result], theirs: list[Result]) -> str:
    """Our requests/s by theirs: the median over the rounds, each of which measured one after the other."""
    ratios = [our.rate / their.rate for our, their in zip(ours, theirs, strict=False) if their.rate]
    return f'{median(ratios):.2f}' if ratios else '-'


def line(work: str, ours: str, results: Results, others: Iterable[str], remark: str = '') -> Line:
    """What the README shows of the program of ours that is named `ours`, beside the others."""
    measured = results[ours]
    return Line(
        work, number(median(result.rate for result in measured)) + remark, processor(measured),
        {name: ratio(measured, results[name]) for name in others if name in results})
