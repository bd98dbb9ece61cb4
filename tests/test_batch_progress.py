"""How a batch tells how far it is, and what the README and docs/batch.md say about batches."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from stand_ins import numbered_clip

from shm_stream import batch_progress, cli
from shm_stream.batch_manifest import STATUSES
from shm_stream.batch_shots import VIDEO_SUFFIXES, Shot
from shm_stream.batch_worker import record
from shm_stream.source_images import IMAGE_SUFFIXES

pytestmark = pytest.mark.timeout(90)

ROOT = Path(__file__).resolve().parent.parent
DOCS = (ROOT / "docs" / "batch.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def result(name, status="done", **facts):
    return {"source": name, "status": status, "frames": 30, "seconds": 1.5, "warnings": [], "reason": None, **facts}


def show(progress, monkeypatch):
    """A shot that was skipped and one of 100 frames at 2 frames a second, of 3."""
    now = [0.0]
    monkeypatch.setattr(batch_progress.time, "monotonic", lambda: now[0])
    with progress(False) as shown:
        shown.add(3)
        shown.ended(result("a.mp4", "skipped"))
        shown.opened("[b].mp4", 100)
        for count in range(1, 31):
            now[0] = count * 0.5
            shown.frames("[b].mp4", count)
        shown.ended(result("[b].mp4", warnings=["no audio"]))
        shown.ended(result("c.mp4", "failed", frames=0))


def test_plain_lines_are_rare(monkeypatch, capsys):
    show(batch_progress.PlainProgress, monkeypatch)
    assert capsys.readouterr().err.splitlines() == [
        "1/3 shots, [b].mp4: 20 of about 100 frames, 2.0 fps, 0:00:40 left",
        "2/3 shots, [b].mp4: done, 30 frames in 1.5 s",
        "warning: [b].mp4: no audio",
        "3/3 shots, c.mp4: failed",
    ]


def test_bars_are_drawn_for_all_and_for_each_shot(monkeypatch):
    class Live(batch_progress.LiveProgress):
        def ended(self, result):
            texts.append([task.fields["text"] for task in self._bars.tasks])
            super().ended(result)

    texts = []
    show(Live, monkeypatch)
    assert texts[1] == ["1/3 shots", "[b].mp4: 30 of about 100 frames, 2.0 fps, 0:00:35 left"]
    assert texts[2] == ["2/3 shots"]


def test_the_docs_name_every_suffix_field_status_and_event():
    sentence = DOCS[DOCS.index("Videos are") : DOCS.index("Hidden files")]
    assert set(re.findall(r"\.[0-9a-z]+(?=[ `,\n])", sentence)) == VIDEO_SUFFIXES | IMAGE_SUFFIXES
    fields = record(Shot("a.mp4", Path("a.mp4"), "video", {}), None, {}, status="done")
    assert set(fields) == set(re.findall(r"^\| `(\w+)` \| ", DOCS, re.MULTILINE)) - {"pass", "started", "end"}
    assert {"pass", "started", "frames", "end", *STATUSES} <= set(re.findall(r"`(\w+)`", DOCS))


def readme_commands() -> list[list[str]]:
    return [shlex.split(line, comments=True)[1:] for line in re.findall(r"^shm-stream batch .*$", README, re.MULTILINE)]


@pytest.mark.parametrize(
    "arguments", [c for c in readme_commands() if not {"--watch", "--cluster"} & {*c}], ids=" ".join
)
def test_readme_commands_work(tmp_path, monkeypatch, capsys, arguments):
    """With the real networks, in the real worker."""
    monkeypatch.chdir(tmp_path)
    Path("shots").mkdir()
    numbered_clip(Path("shots/talk.mp4"), 3)
    shutil.copy(ROOT / "examples" / "beach.jpg", "beach.jpg")
    assert cli.main(arguments) == 0, capsys.readouterr().err
    made = "talk.alpha.mov" if "--alpha" in arguments else "talk" if "nuke" in arguments else "talk.mp4"
    assert sorted(path.name for path in Path(arguments[2]).iterdir()) == [
        ".qc", "manifest.jsonl", "report.html", made
    ]  # fmt: skip


def test_the_readme_has_commands():
    assert len(readme_commands()) == 6
