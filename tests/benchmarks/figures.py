"""Measured figures beside what they are held against: of one round, of several, as tables, as a document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True, slots=True)
class Against:
    """A peer or a limit: its own figure, and how many times as good as it we want to be; 0 is no target."""

    value: float
    wanted: float = 0.0


@dataclass(frozen=True, slots=True)
class Figure:
    """What one round gave. Less is better, but for rates."""

    row: int
    work: str
    unit: str
    ours: float
    against: Mapping[str, Against] = field(default_factory=dict)

    @property
    def is_rate(self) -> bool:
        """Whether more is better."""
        return self.unit.endswith("/s")

    def ratio(self, name: str) -> float:
        """How many times as good as `name` we are, whatever the unit."""
        other = self.against[name].value
        return self.ours / other if self.is_rate else other / self.ours


@dataclass(frozen=True, slots=True)
class Spread:
    """What several rounds gave."""

    median: float
    least: float
    most: float


def spread(values: Sequence[float]) -> Spread:
    """Median and ends of `values`."""
    return Spread(median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Result:
    """One figure of all rounds."""

    rounds: Sequence[Figure]

    @property
    def figure(self) -> Figure:
        """That of the first round, for all that does not change."""
        return self.rounds[0]

    @property
    def ours(self) -> Spread:
        """Our own."""
        return spread([each.ours for each in self.rounds])

    def theirs(self, name: str) -> Spread:
        """That of a peer or limit."""
        return spread([each.against[name].value for each in self.rounds])

    def ratio(self, name: str) -> Spread:
        """The ratios of the rounds: both sides of each were measured in the same minute."""
        return spread([each.ratio(name) for each in self.rounds])

    def verdict(self, name: str) -> str:
        """Whether the target is met; empty where there is none."""
        wanted = self.figure.against[name].wanted
        return "" if not wanted else "met" if self.ratio(name).median >= wanted else "missed"


def results(rounds: Sequence[Sequence[Figure]]) -> list[Result]:
    """Each figure of rounds that gave the same ones."""
    return [Result(figures) for figures in zip(*rounds, strict=True)]


def table(measured: Iterable[Result]) -> str:
    """The figures for people; `ratio` is how many times as good as the other we are."""
    lines = [
        f"{'row':>3}  {'work':<52} {'ours':>9} {'least - most':>19} {'':<5} "
        f"{'against':<28} {'theirs':>9} {'ratio':>7} {'least - most':>15} {'target':>7}"
    ]
    for result in measured:
        lines += _lines(result)
    return "\n".join(lines)


def _lines(result: Result) -> list[str]:
    figure, ours = result.figure, result.ours
    ends = f"{ours.least:.4g} - {ours.most:.4g}"
    head = f"{figure.row:>3}  {figure.work:<52} {ours.median:>9.4g} {ends:>19} {figure.unit:<5} "
    if not figure.against:
        return [head.rstrip()]
    lines = []
    for name, other in figure.against.items():
        ratio = result.ratio(name)
        ends = f"{ratio.least:.2f} - {ratio.most:.2f}"
        target = f"{other.wanted:>7.2f} {result.verdict(name)}" if other.wanted else ""
        line = f"{head}{name:<28} {result.theirs(name).median:>9.4g} {ratio.median:>7.2f} {ends:>15} {target}"
        lines.append(line.rstrip())
        head = " " * len(head)
    return lines


def growth_table(measured: Iterable[Result]) -> str:
    """How figures grow: those of one work beside one another, by size."""
    works: dict[tuple[int, str], list[Result]] = {}
    for result in measured:
        works.setdefault((result.figure.row, result.figure.work.rpartition(", ")[0]), []).append(result)
    lines = [f"{'row':>3}  {'how cost grows':<40} {'':<5} {'a tenth':>20} {'one':>20} {'ten times':>20}"]
    for (row, work), sizes in works.items():
        cells = [f"{each.figure.work.rpartition(', ')[2]}: {each.ours.median:.4g}" for each in sizes]
        lines.append(f"{row:>3}  {work:<40} {sizes[0].figure.unit:<5} " + " ".join(f"{cell:>20}" for cell in cells))
    return "\n".join(lines)


def document(measured: Iterable[Result]) -> list[dict[str, object]]:
    """The figures for programs."""
    return [
        {
            "row": result.figure.row,
            "work": result.figure.work,
            "unit": result.figure.unit,
            "ours": _numbers(result.ours),
            "against": {
                name: {
                    "theirs": _numbers(result.theirs(name)),
                    "ratio": _numbers(result.ratio(name)),
                    "target": other.wanted or None,
                    "verdict": result.verdict(name) or None,
                }
                for name, other in result.figure.against.items()
            },
        }
        for result in measured
    ]


def _numbers(values: Spread) -> dict[str, float]:
    return {"median": values.median, "least": values.least, "most": values.most}
