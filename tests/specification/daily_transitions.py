"""`clean_events` → `daily_transitions`: what sessions do next, step by step."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby, pairwise

from tests.specification import measures
from tests.specification.clean_events import CleanEvent, in_order
from tests.specification.sessions import pieces

#: So many names of a day are told apart, and so many steps of a session.
MOST_NAMES = 20
LAST_STEP = 9
START, END, OTHER = "(start)", "(end)", "(other)"

Move = tuple[date, int, str, str]


@dataclass(frozen=True, kw_only=True)
class Transition:
    """A row of `daily_transitions`."""

    day: date
    step: int
    from_event: str
    to_event: str
    sessions: int
    transitions: int


def daily_transitions(clean: Sequence[CleanEvent]) -> list[Transition]:
    """One row for each day, step and pair of names; a session counts on the day on which it starts."""
    names = {day: shown_names(events) for day, events in measures.grouped(clean, lambda event: event.day).items()}
    sessions: Counter[Move] = Counter()
    transitions: Counter[Move] = Counter()
    for own in measures.grouped(clean, lambda event: event.person).values():
        for piece, continued in pieces(in_order(own)):
            if not continued:
                day = piece[0].day
                path = [event.event_name if event.event_name in names[day] else OTHER for event in piece]
                moves = [(day, min(step, LAST_STEP), before, after) for step, before, after in walk(path)]
                transitions.update(moves)
                sessions.update(set(moves))
    return [
        Transition(day=day, step=step, from_event=before, to_event=after, sessions=count, transitions=transitions[move])
        for move, count in sessions.items()
        for day, step, before, after in [move]
    ]


def shown_names(events: Iterable[CleanEvent]) -> Collection[str]:
    """The names with the most events; one that reads like the start, the end or the others is never shown."""
    counts = Counter(event.event_name for event in events if event.event_name not in (START, END, OTHER))
    return sorted(counts, key=lambda name: (-counts[name], name))[:MOST_NAMES]


def walk(path: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    """Each step with the names before and after it; what follows itself stays on its step."""
    stops = [(name, len(list(same))) for name, same in groupby(path)]
    for step, ((before, _), (after, times)) in enumerate(pairwise([(START, 1), *stops, (END, 1)]), start=1):
        yield step, before, after
        yield from [(step, after, after)] * (times - 1)
