"""Folders that cannot be written are noticed before work starts; files get their names when they are complete."""

import stat
import sys
from pathlib import Path

import pytest

from shm_stream import partial
from shm_stream.errors import InputError, ShmStreamError


@pytest.mark.skipif(sys.platform != "linux", reason="/proc exists on Linux only")
def test_read_only_file_system_is_noticed_even_by_root():
    with pytest.raises(InputError, match="/proc is not writable .*choose another one"):
        partial.check_folder(Path("/proc"))


def test_folder_without_permission_is_noticed(tmp_path, monkeypatch):
    """Root may write everywhere, so the refusal is taken from the system call."""
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(partial.tempfile, "TemporaryFile", refuse)
    with pytest.raises(InputError, match=r"locked is not writable \(Permission denied\)"):
        partial.check_folder(folder)


def test_probe_leaves_nothing_behind(tmp_path):
    partial.check_folder(tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="does not exist; create it first"):
        partial.check_folder(tmp_path / "nowhere")


def test_texts_get_their_names_together(tmp_path, monkeypatch):
    one, two = tmp_path / "one.json", tmp_path / "two.html"
    partial.write_texts({one: "größe \udcff", two: "2"})
    assert one.read_text(encoding="utf-8") == "größe \\udcff" and two.read_text() == "2"
    one.write_text("before")
    with pytest.raises(ShmStreamError, match="cannot write .*one.json, .*none.html: No such file or directory"):
        partial.write_texts({one: "after", tmp_path / "none" / "none.html": ""})
    assert one.read_text() == "before" and sorted(p.name for p in tmp_path.iterdir()) == ["one.json", "two.html"]
