"""Who takes pictures from a camera in PipeWire: pw-dump tells of every link between nodes as it comes and goes."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import threading
from collections.abc import Iterable, Iterator

MONITOR = "pw-dump"
PROPERTY = "shm-stream.publisher"
"""Of the node: the process that publishes it. Other jobs have nodes of the same name."""
AGAIN_SECONDS = 2.0


class PipeWireReaders:
    """`watched` answers at once; a thread reads what pw-dump says."""

    def __init__(self):
        """Raises FileNotFoundError where there is no pw-dump."""
        if shutil.which(MONITOR) is None:
            raise FileNotFoundError(MONITOR)
        self._publishers: dict[int, str] = {}  # of nodes
        self._links: dict[int, int] = {}  # to the node that gives
        self._known = False
        self._ending = threading.Event()
        self._process: subprocess.Popen | None = None
        self._thread = threading.Thread(target=self._follow, name="shm-readers", daemon=True)
        self._thread.start()

    def watched(self, publisher: int) -> bool:
        """Whether something is linked to the camera of the process `publisher`; True while nobody can know."""
        giving = set(self._links.copy().values())
        nodes = self._publishers.copy().items()
        return not self._known or any(node in giving for node, process in nodes if process == str(publisher))

    def _follow(self) -> None:
        while not self._ending.is_set():
            self._process = subprocess.Popen(
                [MONITOR, "--monitor", "--no-colors"],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,  # Ctrl-C is for us
            )
            if self._ending.is_set():  # since before it was there to be killed
                self._process.kill()
            with self._process, contextlib.suppress(ValueError):
                self._take_all(self._process.stdout)
            self._publishers, self._links = {}, {}
            self._ending.wait(AGAIN_SECONDS)

    def _take_all(self, lines: Iterable[str]) -> None:
        """Until pw-dump ends, as it does with the daemon. Raises ValueError for what is no JSON."""
        try:
            for objects in _lists(lines):
                for each in objects:
                    self._take(each)
                self._known = True
        finally:
            self._known = False
            self._process.kill()

    def _take(self, item: dict) -> None:
        number, info = item["id"], item.get("info")
        if info is None:  # it has gone
            self._publishers.pop(number, None)
            self._links.pop(number, None)
        elif "output-node-id" in info:
            self._links[number] = info["output-node-id"]
        elif PROPERTY in (info.get("props") or {}):
            self._publishers[number] = str(info["props"][PROPERTY])

    def close(self) -> None:
        """End pw-dump and the thread."""
        self._ending.set()
        if self._process is not None:
            self._process.kill()
        self._thread.join()


def _lists(lines: Iterable[str]) -> Iterator[list]:
    """The JSON arrays that follow each other, each of which ends with a line of its own."""
    gathered: list[str] = []
    for line in lines:
        gathered.append(line)
        if line.rstrip() == "]":
            yield json.loads("".join(gathered))
            gathered = []
