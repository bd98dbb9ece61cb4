"""A live job that holds its rate: what `quality` decides, done beside the frames."""

from __future__ import annotations

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor

from .engine import Engine
from .live_options import LiveOptions
from .quality import Level, rate_keeper
from .work import Work


class HeldRate:
    """Told of every frame that was put out. `keeper` is None where no rate is to be held."""

    def __init__(self, source, engine: Engine, options: LiveOptions, opened: contextlib.ExitStack):
        """The thread it has is ended with `opened`. Raises InputError for a target that cannot be meant."""
        self.keeper = rate_keeper(source, engine.tnet_size, options.fps_target)
        self._source, self._engine, self._tell = source, engine, options.tell
        # one thread, so that levels come in their order, and waited for: a program that ends while it compiles aborts
        self._compiling = opened.enter_context(ThreadPoolExecutor(1, "shm-compile"))
        opened.callback(self._compiling.shutdown, wait=False, cancel_futures=True)

    @property
    def changes(self) -> int:
        return self.keeper.changes if self.keeper else 0

    @property
    def level(self) -> str | None:
        return str(self.keeper.level) if self.keeper else None

    @property
    def lowered(self) -> str | None:
        """The level, where it is not the best."""
        return self.level if self.keeper and self.keeper.position else None

    def frame(self, work: Work) -> None:
        if self.keeper and work.after_pause:
            self.keeper.begin_anew()
        level = self.keeper and self.keeper.frame(time.perf_counter(), self._source.dropped)
        if level:
            self._tell(f"holding {self.keeper.fps:g} frames a second: {level}")
            # compiling T-Net takes a while, and the outputs must not wait for it
            self._compiling.submit(self._use, level, work.frame.size)

    def _use(self, level: Level, size: tuple[int, int]) -> None:
        try:
            self._engine.use(level, size)
        except Exception as error:  # whatever a runner raises: frames go on as before
            self._tell(f"T-Net cannot be compiled for {level}, and stays as it was: {error}")
