"""A stage that keeps frames back until those after them were seen, and steadies each trimap with both sides."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from .controls import MOST_LOOKAHEAD
from .errors import InputError
from .motion import Motion, find_motion
from .prior import PriorState
from .temporal import begins_anew, logits_from, probabilities
from .work import Work


@dataclass(eq=False)
class Seen:
    """A frame in the window, and how it moved to its neighbours where they belong to the same scene."""

    state: PriorState
    fixed: bool
    """A user drew its trimap, which stays as it is."""
    back: Motion | None = None
    """Where it was in the frame before."""
    forth: Motion | None = None
    """Where it will be in the frame after."""
    sum: np.ndarray = field(init=False)
    """[h, w, 4] float32: its probabilities, and in the last channel how many frames they are the sum of, 1."""

    def __post_init__(self):
        trimap = probabilities(self.state.logits)
        self.sum = np.concatenate([trimap, np.ones_like(trimap[..., :1])], axis=2)


class Lookahead:
    """Keeps `frames` works back. Each trimap becomes the mean over as many frames before and after it, moved along with
    the picture, and weighted by how well the pictures agree on the whole way. Nothing is taken over a cut.

    A stage of `pipeline.run`: call it with each work in order, then take the `rest`.
    """

    def __init__(self, frames: int, steady: Callable[[Work, np.ndarray], None], wait: Callable[[Work], None]):
        """`steady` gives a work its new logits [3, h, w]; `wait` returns when those it has can be read."""
        self._frames, self._steady, self._wait = frames, steady, wait
        self._window: deque[Seen] = deque(maxlen=2 * frames + 1)
        self._kept: deque[Work] = deque()

    def reset(self) -> None:
        """Forget all frames. Only while none is kept back."""
        self._window.clear()

    def restore(self, state: PriorState) -> None:
        """Go on after the frame that left `state`."""
        self._window.clear()
        for each in (*state.before, state):
            self._add(Seen(PriorState(each.picture, each.logits), fixed=False), begins=False)

    def __call__(self, work: Work) -> Work | None:
        """The work that is `frames` older, or None while there is none."""
        self._wait(work)
        self._add(Seen(work.left, work.trimap is not None), begins_anew(work))
        self._kept.append(work)
        return self._next() if len(self._kept) > self._frames else None

    def rest(self) -> Iterator[Work]:
        """The works that are still kept back, in order; fewer and fewer frames follow them."""
        while self._kept:
            yield self._next()

    def _add(self, seen: Seen, begins: bool) -> None:
        before = self._window[-1] if self._window else None
        if before is not None and not begins and not before.fixed:
            one, other = seen.state, before.state
            seen.back = find_motion(one.picture, other.picture, one.logits.shape[1:])
            before.forth = find_motion(other.picture, one.picture, other.logits.shape[1:])
        self._window.append(seen)

    def _next(self) -> Work:
        work, window = self._kept.popleft(), list(self._window)
        here = len(window) - 1 - len(self._kept)
        before = window[max(0, here - self._frames) : here + 1]
        after = window[here : here + self._frames + 1]
        work.left = replace(work.left, before=_states_before(before[-self._frames :]))
        if not window[here].fixed:
            past = _sum_up(before, lambda seen: seen.back)
            future = _sum_up(reversed(after), lambda seen: seen.forth)
            total = past + future - window[here].sum
            self._steady(work, logits_from(total[..., :3] / total[..., 3:]))
        return work


def _sum_up(frames: Iterable[Seen], motion: Callable[[Seen], Motion | None]) -> np.ndarray:
    """[h, w, 4]: the sum of `frames` at the last of them; `motion` leads from each to the one before in this order."""
    total = None
    for seen in frames:
        way = motion(seen)
        total = seen.sum if total is None or way is None else seen.sum + way.agreement * way.follow(total)
    return total


def _states_before(frames: list[Seen]) -> tuple[PriorState, ...]:
    """Of the frames before the last one, back to where its scene begins."""
    states = []
    for seen, after in zip(reversed(frames[:-1]), reversed(frames[1:])):
        if after.back is None:
            break
        states.append(seen.state)
    return tuple(reversed(states))


def check_lookahead(frames: int) -> None:
    """Raises InputError for a number of frames that cannot be used."""
    if isinstance(frames, bool) or not isinstance(frames, int) or not 0 <= frames <= MOST_LOOKAHEAD:
        raise InputError(f"lookahead {frames} is out of range: give a number of frames from 0 to {MOST_LOOKAHEAD}")
