"""One measured figure beside what it is held against, and many of them as a table and as a document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True)
class Against:
    """A peer or a limit: its own figure, and how many times as good as it we want to be."""

    value: float
    wanted: float


@dataclass(frozen=True)
class Figure:
    """What one run gave; `is_time` says that less is better (seconds, bytes, requests)."""

    row: int
    work: str
    unit: str
    ours: float
    is_time: bool
    against: Mapping[str, Against] = field(default_factory=dict)

    def ratio(self, name: str) -> float:
        """How many times as good as `name` we are, whatever the unit."""
        other = self.against[name].value
        return other / self.ours if self.is_time else self.ours / other


def medians(runs: Sequence[Sequence[Figure]]) -> list[Figure]:
    """Of each figure the run with the median of ours: its peers were measured in the same minute."""
    return [_median_of(figures) for figures in zip(*runs, strict=True)]


def _median_of(figures: Sequence[Figure]) -> Figure:
    first = figures[0]
    against = {
        name: Against(median(figure.against[name].value for figure in figures), other.wanted)
        for name, other in first.against.items()
    }
    ours = median(figure.ours for figure in figures)
    return Figure(first.row, first.work, first.unit, ours, first.is_time, against)


def table(figures: Iterable[Figure]) -> str:
    """The figures for people; `x` is how many times as good as the other we are."""
    lines = [f"{'row':>3} {'work':<52} {'ours':>10} {'':<6} {'against':<30} {'theirs':>10} {'x':>7} {'wanted':>7}"]
    for figure in figures:
        head = f"{figure.row:>3} {figure.work:<52} {figure.ours:>10.4g} {figure.unit:<6}"
        if not figure.against:
            lines.append(head.rstrip())
        for name, other in figure.against.items():
            ratio = figure.ratio(name)
            verdict = "" if ratio >= other.wanted else "  missed"
            lines.append(f"{head} {name:<30} {other.value:>10.4g} {ratio:>7.2f} {other.wanted:>7.2f}{verdict}")
            head = " " * len(head)
    return "\n".join(lines)


def document(figures: Iterable[Figure]) -> list[dict[str, object]]:
    """The figures for programs."""
    return [
        {
            "row": figure.row,
            "work": figure.work,
            "unit": figure.unit,
            "ours": figure.ours,
            "against": {
                name: {"value": other.value, "ratio": figure.ratio(name), "wanted": other.wanted}
                for name, other in figure.against.items()
            },
        }
        for figure in figures
    ]
