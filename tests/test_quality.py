"""Levels of quality that hold a rate: on simulated machines, in the engine, and in jobs that are too slow."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
import time

import pytest
from stand_ins import StandInRunner, numbered_clip

from shm_stream import InputError, cli
from shm_stream.job import Job
from shm_stream.job_options import JobOptions
from shm_stream.live_options import LiveOptions
from shm_stream.prior import tnet_shape
from shm_stream.quality import Level, RateKeeper, levels_below

pytestmark = pytest.mark.timeout(60)


def simulate(keeper: RateKeeper, cost_ms, seconds: float, start: float = 0.0, dropped: int = 0):
    """A source of keeper.fps and an engine that takes `cost_ms(time, level)` a frame. (level, time) of each change, and
    the frames dropped."""
    interval, now, changes = 1 / keeper.fps, start, []
    due = start
    while now < start + seconds:
        now = max(now, due) + cost_ms(now, keeper.level) / 1000
        late = max(0, int((now - due) / interval) - 1)
        dropped += late
        due += (late + 1) * interval
        level = keeper.frame(now, dropped)
        if level is not None:
            changes.append((level, now))
    return changes, dropped


def cost_of(full_ms: float):
    """Costs that fall with T-Net's size and with M-Net's share."""
    return lambda now, level: full_ms * (0.7 * (level.tnet_size / 256) ** 2 + 0.3 * min(1, level.most_drawn * 8))


def test_levels_cost_less_and_less():
    levels = levels_below(256)
    assert levels[0] == Level(256, 1.0) and len(levels) == 5
    for better, worse in itertools.pairwise(levels):
        assert better.tnet_size > worse.tnet_size >= 128 and better.most_drawn > worse.most_drawn
    assert {level.tnet_size for level in levels_below(32)} == {32} and levels_below(250)[0].tnet_size == 250


def test_a_fast_machine_changes_nothing():
    keeper = RateKeeper(levels_below(256), 30)
    assert simulate(keeper, cost_of(20), 60) == ([], 0)


def test_a_slow_machine_comes_to_the_best_level_that_holds():
    """42 ms for 33: the second level costs 32.6."""
    keeper = RateKeeper(levels_below(256), 30)
    changes, _ = simulate(keeper, cost_of(42), 300)
    costs = [cost_of(42)(0, level) for level in keeper.levels]
    best = next(i for i, cost in enumerate(costs) if cost < 1000 / 30)
    assert best == 1 and changes[0][1] < 3
    tries = [time for level, time in changes if level == keeper.levels[best - 1]]
    gaps = [after - before for before, after in itertools.pairwise(tries)]
    assert 3 <= len(tries) <= 7 and all(after > 1.5 * before for before, after in itertools.pairwise(gaps[:3]))
    _, lost = simulate(keeper, cost_of(42), 60, start=400)
    assert lost < 0.05 * 60 * 30


def test_what_nobody_wanted_during_a_pause_was_not_lost():
    keeper = RateKeeper(levels_below(256), 30)
    assert keeper.frame(0.0, 0) is None
    keeper.begin_anew()
    assert keeper.frame(60.0, 1) is None and keeper.frame(60.03, 1) is None
    assert keeper.changes == 0
    without = RateKeeper(levels_below(256), 30)
    without.frame(0.0, 0)
    assert without.frame(60.0, 1) == without.levels[1], "the same without a pause is a loss"


def test_a_machine_that_is_much_too_slow_ends_at_the_last_level():
    keeper = RateKeeper(levels_below(256), 30)
    changes, _ = simulate(keeper, lambda now, level: 200, 20)
    assert [level for level, _ in changes] == keeper.levels[1:]


def test_quality_comes_back_when_there_is_time_again():
    keeper = RateKeeper(levels_below(256), 30)

    def busy_for_a_minute(now, level):
        return cost_of(90 if now < 60 else 20)(now, level)

    changes, _ = simulate(keeper, busy_for_a_minute, 400)
    assert keeper.position == 0
    assert min(keeper.levels.index(level) for level, _ in changes) == 0
    assert all(time < 60 + 200 for _, time in changes)


def test_a_lower_rate_than_the_source_gives_may_be_asked_for():
    """20 of 30 frames a second: dropping every third one is no reason to change."""
    keeper = RateKeeper(levels_below(256), 20)
    now, dropped = 0.0, 0
    for _ in range(400):
        now, dropped = now + 1 / 20, dropped + 1
        assert keeper.frame(now, dropped) is None


@pytest.mark.parametrize("lost", [0, 1])
def test_a_single_lost_frame_is_no_reason(lost):
    keeper = RateKeeper(levels_below(256), 30)
    assert all(keeper.frame(i / 30, lost if i > 10 else 0) is None for i in range(140))


class SlowTNet(StandInRunner):
    """Takes 80 ms at the usual size, and less for less."""

    def __init__(self):
        super().__init__(unknown=False)
        self.shapes: list[tuple[int, int]] = []

    def tnet(self, x):
        self.shapes.append(x.shape[2:])
        full = tnet_shape(48, 128, 256)
        time.sleep(0.08 * x.shape[2] * x.shape[3] / (full[0] * full[1]))
        return super().tnet(x)


def run(tmp_path, fps_target=None, seconds=5.0, runner=None):
    """(runner, report, lines told, whether frames began scenes) of a job on 25 frames a second."""
    runner, lines, scenes = runner or SlowTNet(), [], []
    live = LiveOptions(loop=True, fps_target=fps_target, tell=lines.append)
    clip = numbered_clip(tmp_path / "clip.mp4", 1)  # a still picture, so that nothing in it is a cut
    target = tmp_path / f"{fps_target}.mkv"
    options = JobOptions(clip, target, bg="black", duration=seconds, runner=runner, live=live)
    with Job(options) as job:
        job.watchers.append(lambda work: scenes.append(work.new_scene))
        report = job.run()
    return runner, report, lines, scenes


def test_a_job_that_is_too_slow_gets_a_smaller_t_net_and_loses_nothing_of_its_scene(tmp_path):
    runner, report, lines, scenes = run(tmp_path)
    sizes = [shape[0] * shape[1] for shape, _ in itertools.groupby(runner.shapes)]
    assert sizes[0] == 192 * 352 and sizes[1] < sizes[0], "and never tried again within five seconds"
    assert sizes == sorted(sizes, reverse=True)
    assert report.quality_changes == len(lines) >= 2 and report.quality in lines[-1]
    assert lines[0] == "holding 25 frames a second: T-Net size 224, M-Net on at most 10 %"
    assert not any(scenes)
    assert report.frames > 5.0 / 0.08, "more than without"


def test_t_net_is_compiled_before_the_first_frame_and_before_each_change(tmp_path):
    class Compiled(SlowTNet):
        def compile_tnet(self, shape):
            self.compiled.append(shape)

        def tnet(self, x):
            assert x.shape[2:] in self.compiled
            return super().tnet(x)

    Compiled.compiled = []
    runner, *_ = run(tmp_path, seconds=3.0, runner=Compiled())
    assert [shape for shape, _ in itertools.groupby(runner.shapes)] == Compiled.compiled[: len({*runner.shapes})]
    assert len(Compiled.compiled) >= 2


class SlowCompiler(SlowTNet):
    """Compiles longer than the job lasts."""

    def __init__(self, error: str | None = None):
        super().__init__()
        self.compiled, self.error = [], error

    def compile_tnet(self, shape):
        if self.compiled:
            time.sleep(1.5)
        if self.compiled and self.error:
            raise RuntimeError(self.error)
        self.compiled.append(shape)


def test_a_job_waits_for_what_is_being_compiled_and_starts_nothing_more(tmp_path):
    runner, report, *_ = run(tmp_path, seconds=2.6, runner=SlowCompiler())
    assert report.quality_changes >= 2
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("shm-compile")]
    sizes = [height * width for height, width in runner.compiled]
    assert len(sizes) >= 2 and sizes == sorted(sizes, reverse=True), "in their order"


def test_a_size_that_cannot_be_compiled_is_told_and_frames_go_on(tmp_path):
    runner, report, lines, _ = run(tmp_path, seconds=3.5, runner=SlowCompiler("out of memory"))
    assert len(set(runner.shapes)) == 1 and report.frames > 10
    assert any(line.endswith("and stays as it was: out of memory") for line in lines)


ENDING = """
import sys
from shm_stream.job import Job
from shm_stream.job_options import JobOptions
from shm_stream.live_options import LiveOptions
from shm_stream.quality import RateKeeper
RateKeeper.frame = lambda keeper, *_: keeper.levels[-1]  # as on a machine that is too slow
options = JobOptions(sys.argv[1], sys.argv[2], bg="red", runner="openvino", live=LiveOptions(loop=True), frames=2)
with Job(options) as job:
    job.run()
"""


def test_a_program_that_ends_while_openvino_compiles_ends_well(tmp_path):
    pytest.importorskip("openvino")
    clip = numbered_clip(tmp_path / "clip.mp4", 10)
    command = [sys.executable, "-c", ENDING, clip, tmp_path / "o.mp4"]
    ended = subprocess.run(command, timeout=50, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def test_it_stays_as_it_is_when_told_to(tmp_path):
    runner, report, lines, _ = run(tmp_path, fps_target=0, seconds=2.5)
    assert len(set(runner.shapes)) == 1 and lines == [] and report.quality is None
    runner, report, lines, _ = run(tmp_path, fps_target=8, seconds=2.5)
    assert len(set(runner.shapes)) == 1 and report.quality_changes == 0


def test_files_lose_no_frames_so_there_is_nothing_to_hold(tmp_path, capsys):
    clip = numbered_clip(tmp_path / "clip.mp4", 3)
    with pytest.raises(InputError, match="--fps-target is for live inputs"):
        Job(JobOptions(clip, tmp_path / "o.mkv", bg="black", live=LiveOptions(fps_target=20), runner=SlowTNet()))
    assert cli.main([str(clip), "--bg", "red", "--fps-target", "fast"]) == 2
    assert "--fps-target: 'fast' is not a frame rate" in capsys.readouterr().err
    assert not (tmp_path / "o.mkv").exists()
