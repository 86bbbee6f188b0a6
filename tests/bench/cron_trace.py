"""When the jobs of a large service ping, around an hour: a synthetic trace. Pure.

The model. A job's ping comes a while after the minute in which cron starts it: cron wakes up within
the first second, then the job runs, and most jobs run for seconds. A part of all pings comes from
workers and loops and knows no minute. What fires at a minute follows from how schedules are
written: every minute, every 5, 10, 15 or 30 minutes, at minute 0 of every hour, at another
minute of every hour, once a day at this very hour, or at any other minute of the day.

Rates are given and the number of jobs follows: 500/s on average over the day, 4,000/s in the
densest second of a minute in which only every-minute jobs fire, 10,000/s in that of the hour.
Shares among the others are an assumption; what matters for a queue is how steep and how
high the front is, and those are the three figures.
"""

from collections import Counter
from dataclasses import dataclass
from math import log
from random import Random

AVERAGE, AT_THE_MINUTE, AT_THE_HOUR = 500.0, 4_000.0, 10_000.0  # pings a second

# Of the pings that come at minute 0 and not every minute: minutes between two, and share.
_EVERY = {5: 0.33, 10: 0.10, 15: 0.12, 30: 0.08, 60: 0.27, 1440: 0.10}
# Pings a second of jobs that fire at some other minute of an hour or a day, spread evenly.
_ODD_MINUTES = 25.0
# A job's run: log-normal. A fifth of all pings are from jobs of under a second, or say "start".
_QUICK_SHARE = 0.2
_MEDIAN_SECONDS, _SIGMA = 6.0, 1.3
_LONGEST_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Population:
    """How many jobs there are. `even`: pings a second that know no minute."""

    every_minute: int
    at_minute_0: dict[int, int]
    even: float

    def at(self, minute: int) -> int:
        """Return how many jobs cron starts at a minute; 0 is the hour."""
        rest = sum(n for every, n in self.at_minute_0.items() if minute % every == 0)
        return self.every_minute + rest

    def average(self) -> float:
        """Return pings a second over the day."""
        often = sum(n / every for every, n in self.at_minute_0.items())
        return (self.every_minute + often) / 60 + _ODD_MINUTES + self.even


def population() -> Population:
    """Return the jobs whose pings come at the three given rates."""
    front = _densest_second()
    # The rate that knows no minute is part of every peak, and fills the average up.
    even = 0.0
    for _ in range(50):
        steady = even + _ODD_MINUTES
        every_minute = (AT_THE_MINUTE - steady) / front
        others = (AT_THE_HOUR - AT_THE_MINUTE) / front
        found = Population(
            round(every_minute), {every: round(others * s) for every, s in _EVERY.items()}, even
        )
        even = max(0.0, even + AVERAGE - found.average())
    return found


def trace(begin: float, end: float, seed: int = 1) -> list[float]:
    """Return the times of all pings in [begin, end), in seconds after the hour, in order."""
    random, jobs = Random(seed), population()
    times = []
    first_minute = int((begin - _LONGEST_SECONDS) // 60)
    for minute in range(first_minute, int(end // 60) + 1):
        times += [minute * 60 + _delay(random) for _ in range(jobs.at(minute))]
    steady = jobs.even + _ODD_MINUTES
    times += [random.uniform(begin, end) for _ in range(round(steady * (end - begin)))]
    return sorted(time for time in times if begin <= time < end)


def densest_second(times: list[float]) -> float:
    """Return the most pings in a second, whatever moment it begins with (tenths)."""
    tenths = Counter(int(time * 10 // 1) for time in times)
    return max(sum(tenths[first + n] for n in range(10)) for first in list(tenths))


def _delay(random: Random) -> float:
    started = random.uniform(0.05, 0.35)
    if random.random() < _QUICK_SHARE:
        return started + random.uniform(0.0, 0.5)
    return started + min(random.lognormvariate(log(_MEDIAN_SECONDS), _SIGMA), _LONGEST_SECONDS)


def _densest_second() -> float:
    """Return the share of a minute's pings that comes in the densest second after it."""
    random, count = Random(0), 200_000
    return densest_second([_delay(random) for _ in range(count)]) / count
