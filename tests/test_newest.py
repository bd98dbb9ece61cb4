"""The slot between a live input and its reader."""

from __future__ import annotations

import threading

import pytest

from shm_stream.channel import Closed, Killed
from shm_stream.newest import NewestSlot


def test_the_newest_is_taken_and_the_others_are_counted():
    slot = NewestSlot()
    for item in (1, 2, None, 4):
        slot.put(item)
    assert slot.get() == 4 and slot.dropped == 3
    slot.put(None)
    assert slot.get() is None and slot.dropped == 3
    slot.count_from_here()
    assert slot.dropped == 0


def test_nothing_comes():
    with pytest.raises(TimeoutError):
        NewestSlot().get(0.01)


@pytest.mark.timeout(10)
@pytest.mark.parametrize(("end", "error"), [("close", Closed), ("kill", Killed)])
def test_its_end_wakes_a_reader_and_refuses_a_writer(end, error):
    slot, met = NewestSlot(), []

    def read():
        try:
            slot.get()
        except error as problem:
            met.append(problem)

    reader = threading.Thread(target=read)
    reader.start()
    getattr(slot, end)()
    reader.join()
    assert len(met) == 1
    with pytest.raises(error):
        slot.put(1)


def test_what_is_inside_survives_close_but_not_kill():
    closed, killed = NewestSlot(), NewestSlot()
    closed.put(1)
    killed.put(1)
    closed.close()
    killed.kill()
    assert closed.get() == 1
    with pytest.raises(Closed):
        closed.get()
    with pytest.raises(Killed):
        killed.get()
