# SPDX-License-Identifier: Apache-2.0
"""Rows, contestants and goals; rounds, medians and ratios.

A row is one piece of work done by several contestants, of which the first is liftfs.  Within a round each of them does it once,
in an order that turns from round to round, so that what a shared machine does to one it does to all; ratios are of one round.
"""
import dataclasses, statistics, time
from typing import Callable, Dict, List, Optional, Sequence

from system import BenchError, Others

SLOW_SECONDS = 15  # a contestant that took so long, and five times as long as liftfs, is not asked again


@dataclasses.dataclass
class Figure:
    key: str        # in the samples
    text: str       # as the table has it
    unit: str
    scale: float = 1.0   # what a sample is divided by to be in that unit
    more: bool = True    # is more better?


@dataclasses.dataclass
class Contestant:
    name: str
    run: Callable[[], Dict[str, float]]  # once: its figures, and 'seconds', what it took in all
    missing: Optional[str] = None        # the package that would have it
    once: bool = False


@dataclasses.dataclass
class Goal:
    """The figure of `who` divided by a contestant's, or by the best of several; without any the figure itself, in its unit."""
    figure: str
    limit: float
    at_least: bool = True
    against: Sequence[str] = ()
    who: str = 'liftfs'


@dataclasses.dataclass
class Row:
    name: str
    what: str
    figures: List[Figure]
    contestants: List[Contestant]
    goals: List[Goal] = dataclasses.field(default_factory=list)
    setup: Callable[[], None] = lambda: None
    teardown: Callable[[], None] = lambda: None
    rounds: Optional[int] = None         # at most, for what takes long
    notes: List[str] = dataclasses.field(default_factory=list)
    series: Optional[dict] = None        # of rows whose contestants are sizes of the work: {'x': text, 'points': {name: number}}


class Proofs:
    """What was checked of the work itself: each statement once, all of them true."""

    def __init__(self):
        self.texts = []

    def want(self, what, got, expected):
        if got != expected:
            raise BenchError('%s: %s, not %s' % (what, got, expected))
        self.say('%s: %s' % (what, got))

    def true(self, what, holds):
        if not holds:
            raise BenchError('not so: %s' % what)
        self.say(what)

    def say(self, text):
        if text not in self.texts and len(self.texts) < 40:
            self.texts.append(text)


def spread(samples):
    middle = statistics.median(samples)
    return {'median': middle, 'min': min(samples), 'max': max(samples),
            'mad': statistics.median([abs(s - middle) for s in samples]), 'samples': samples}


def sample_of(contestant):
    """Its figures, and under 'others' the share of the machine that other programs of the machine had meanwhile; what a daemon of
    the contestant's own does counts as others' if it is nobody's child."""
    others = Others()
    figures = contestant.run()
    return dict(figures, others=others.share())


def take_turns(row, rounds, tell):
    """The samples of each contestant, by name: one a round, or a single one."""
    present = [c for c in row.contestants if not c.missing]
    samples = {c.name: [] for c in present}
    reference = None
    if rounds > 1:
        for c in present:
            tell('%s: warm-up: %s' % (row.name, c.name))
            first = sample_of(c)
            reference = reference or first['seconds']
            if first['seconds'] > SLOW_SECONDS and first['seconds'] > 5 * reference:
                c.once = True
                samples[c.name] = [first]
                row.notes.append('%s ran once: it takes %.0f s' % (c.name, first['seconds']))
    for r in range(rounds):
        at = r % len(present)
        for c in present[at:] + present[:at]:
            if not c.once:
                tell('%s: round %d of %d: %s' % (row.name, r + 1, rounds, c.name))
                samples[c.name].append(sample_of(c))
    return samples


def ratio_of(goal, samples, name):
    """Of each round, one's figure to the other's."""
    own = [s[goal.figure] for s in samples[goal.who]]
    other = [s[goal.figure] for s in samples[name] if goal.figure in s]
    if len(other) == 1:
        other = other * len(own)
    return spread([a / b if b else float('inf') for a, b in zip(own, other)])


def judge(row, samples):
    by_key = {f.key: f for f in row.figures}
    out = []
    for goal in row.goals:
        f = by_key[goal.figure]
        verdict = {'who': goal.who, 'figure': goal.figure, 'text': f.text, 'at_least': goal.at_least, 'limit': goal.limit, 'unit': f.unit}
        if goal.against:
            there = [n for n in goal.against if n in samples and goal.figure in samples[n][0]]
            if not there:
                out.append(dict(verdict, against=None, ratio=None, met=None))
                continue
            best = (max if f.more else min)(there, key=lambda n: statistics.median([s[goal.figure] for s in samples[n]]))
            ratio = ratio_of(goal, samples, best)
        else:
            best = None
            ratio = spread([s[goal.figure] / f.scale for s in samples[goal.who]])
        met = ratio['median'] >= goal.limit if goal.at_least else ratio['median'] <= goal.limit
        out.append(dict(verdict, against=best, ratio=ratio, met=met))
    return out


def run_row(row, rounds, proofs, tell):
    """The row's result, as the JSON document has it."""
    started = time.monotonic()
    if row.rounds:
        rounds = min(rounds, row.rounds)
    result = {'row': row.name, 'what': row.what, 'rounds': rounds, 'figures': {}, 'goals': [], 'others': None, 'error': None}
    result.update(missing=[{'name': c.name, 'package': c.missing} for c in row.contestants if c.missing])
    if row.contestants[0].missing:
        return dict(result, series=None, proofs=[], notes=[], seconds=0)
    try:
        tell('%s: preparing' % row.name)
        row.setup()
        samples = take_turns(row, rounds, tell)
        figures = {}
        for name, list_ in samples.items():
            figures[name] = {f.key: dict(spread([s[f.key] / f.scale for s in list_ if f.key in s]), unit=f.unit, text=f.text)
                             for f in row.figures if any(f.key in s for s in list_)}
        result.update(figures=figures, goals=judge(row, samples), others=spread([s['others'] for v in samples.values() for s in v]))
    except BenchError as e:
        result.update(error=str(e))
    finally:
        row.teardown()
    return dict(result, series=row.series, proofs=proofs.texts, notes=row.notes, seconds=round(time.monotonic() - started, 1))
