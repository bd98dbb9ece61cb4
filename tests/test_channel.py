"""The bounded channel."""

from __future__ import annotations

import threading
import time

import pytest

from shm_stream import channel as channel_module
from shm_stream.channel import Channel, Closed, Killed

pytestmark = pytest.mark.timeout(10)


def in_thread(function):
    """Start `function`; the list gets its result or exception once it ends."""
    results = []

    def body():
        try:
            results.append(function())
        except Exception as error:
            results.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    return thread, results


def test_items_come_out_in_order():
    channel = Channel(3)
    for item in "abc":
        channel.put(item)
    channel.close()
    assert [channel.get() for _ in range(3)] == ["a", "b", "c"]
    with pytest.raises(Closed):
        channel.get()


def test_none_is_an_item():
    channel = Channel(1)
    channel.put(None)
    assert channel.get() is None


def test_put_waits_for_room():
    channel = Channel(1)
    channel.put(1)
    thread, results = in_thread(lambda: channel.put(2))
    time.sleep(0.05)
    assert results == []
    assert channel.get() == 1
    thread.join()
    assert channel.get() == 2


def test_get_waits_for_an_item():
    channel = Channel(1)
    thread, results = in_thread(channel.get)
    time.sleep(0.05)
    assert results == []
    channel.put("late")
    thread.join()
    assert results == ["late"]


@pytest.mark.parametrize(("end", "error"), [(Channel.close, Closed), (Channel.kill, Killed)])
def test_ending_wakes_a_waiting_reader(end, error):
    channel = Channel(1)
    thread, results = in_thread(channel.get)
    time.sleep(0.02)
    end(channel)
    thread.join()
    assert type(results[0]) is error


@pytest.mark.parametrize(("end", "error"), [(Channel.close, Closed), (Channel.kill, Killed)])
def test_ending_wakes_a_waiting_writer(end, error):
    channel = Channel(1)
    channel.put(1)
    thread, results = in_thread(lambda: channel.put(2))
    time.sleep(0.02)
    end(channel)
    thread.join()
    assert type(results[0]) is error


def test_kill_drops_what_is_inside():
    channel = Channel(2)
    channel.put(1)
    channel.kill()
    with pytest.raises(Killed):
        channel.get()


def test_depth_is_at_least_one():
    with pytest.raises(ValueError, match="depth = 0"):
        Channel(0)


def test_waiting_items_are_averaged_over_time(monkeypatch):
    """One item for a second, two for three seconds, one for another second; what comes before and after is no part."""
    clock = iter([100.0, 101.0, 104.0, 105.0])
    monkeypatch.setattr(channel_module, "perf_counter", lambda: next(clock))
    channel = Channel(2)
    assert channel.mean_waiting == 0
    channel.put("a")
    assert channel.mean_waiting == 0
    channel.put("b")
    assert channel.mean_waiting == 1
    channel.get()
    assert channel.mean_waiting == pytest.approx((1 * 1 + 2 * 3) / 4)
    channel.get()
    assert channel.mean_waiting == pytest.approx((1 * 1 + 2 * 3 + 1 * 1) / 5)
    channel.close()
    with pytest.raises(Closed):
        channel.get()
    assert channel.mean_waiting == pytest.approx(8 / 5) and channel.depth == 2


def test_a_time_without_items_counts(monkeypatch):
    clock = iter([0.0, 1.0, 9.0, 10.0])
    monkeypatch.setattr(channel_module, "perf_counter", lambda: next(clock))
    channel = Channel(1)
    for item in "ab":
        channel.put(item)
        assert channel.get() == item
    assert channel.mean_waiting == pytest.approx(0.2)
