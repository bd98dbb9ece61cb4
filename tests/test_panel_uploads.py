"""Files that are brought to the control page, and those that it offers: none that harms, none from elsewhere."""

from __future__ import annotations

import shutil
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from media import write_video
from panel_jobs import served, solid, two_backgrounds

pytest.importorskip("aiohttp", reason="pip install 'shm-stream[panel]'")

from panel_client import with_client  # noqa: E402

from shm_stream import InputError, upload  # noqa: E402
from shm_stream.background_library import BackgroundLibrary  # noqa: E402

pytestmark = pytest.mark.timeout(60)
UPLOAD = {"Content-Type": "application/octet-stream"}


@pytest.fixture
def folder(tmp_path) -> Path:
    return two_backgrounds(tmp_path)


def png_of(width: int, height: int) -> bytes:
    """Black, one bit a pixel: few bytes for many pixels."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    packer, row = zlib.compressobj(9), bytes(1 + (width + 7) // 8)
    rows = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_uploads_become_backgrounds(tmp_path, folder):
    clip = write_video(tmp_path / "moving.mp4", [np.full((48, 64, 3), (0, 160, 200), np.uint8)] * 3)

    async def scenario(client):
        for name, data, kind, colour in (
            ("../../etc/see.exe", (folder / "green.png").read_bytes(), "image", (0, 200, 0)),
            ("moving.txt", clip.read_bytes(), "video", (0, 160, 200)),
        ):
            headers = UPLOAD | {"X-File-Name": name.replace("/", "%2F")}
            status, _, choice = await client.call("POST", "/api/backgrounds", data=data, headers=headers)
            assert status == 201 and choice["kind"] == kind and choice["name"] == name
            await client.post("/api/background", {"show": choice["id"]})
            await client.right_becomes(colour)
            status, headers, jpeg = await client.get(f"/api/backgrounds/{choice['id']}/thumbnail")
            assert status == 200 and headers["Content-Type"] == "image/jpeg"
            small = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
            assert small.shape == (108, 192, 3) and np.abs(small[50, 90, ::-1] - np.float32(colour)).max() < 12

    with served(tmp_path) as (server, desk):
        with_client(server, scenario)
        kept = sorted(path.name for path in desk.library._keep.iterdir())
        assert kept == ["1.png", "2.mp4"] and desk.library._keep.stat().st_mode & 0o077 == 0
    assert not desk.library._keep.exists()
    assert not (tmp_path / "see.exe").exists()


def test_harmful_uploads_are_refused(tmp_path, monkeypatch):
    bomb = png_of(20000, 20000)
    assert len(bomb) < 100_000
    playlist = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"
    refused = [
        b"", b"short", playlist, b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"GIF89a" + b"x" * 99, bomb,
        b"\x89PNG\r\n\x1a\n" + b"x" * 500, b"\xff\xd8\xff" + bytes(500), b"\0\0\0\x18ftypmp42" + playlist,
        b"\x1aE\xdf\xa3" + playlist,
    ]  # fmt: skip

    async def parts(data):
        for at in range(0, len(data), 1000):
            yield data[at : at + 1000]

    async def scenario(client):
        for data in refused:
            status, _, answer = await client.call("POST", "/api/backgrounds", data=data, headers=UPLOAD)
            assert status == 400 and answer["error"], data[:20]
        monkeypatch.setattr("shm_stream.panel.api.MOST_BYTES", 5000)
        large = png_of(10, 10) + bytes(9000)
        assert (await client.call("POST", "/api/backgrounds", data=large, headers=UPLOAD))[0] == 413
        assert (await client.call("POST", "/api/backgrounds", data=parts(large), headers=UPLOAD))[0] == 413
        monkeypatch.setattr("shm_stream.background_library.MOST_BROUGHT", -1)
        status, _, answer = await client.call("POST", "/api/backgrounds", data=png_of(10, 10), headers=UPLOAD)
        assert status == 400 and "too many" in answer["error"]

    with served(tmp_path) as (server, desk):
        with_client(server, scenario)
        assert list(desk.library._keep.iterdir()) == [] and desk.library.choices() == []


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_of(8100, 8100))
    with pytest.raises(InputError, match="more than 64 million pixels"):
        upload.check_decodes(path, upload.recognise(path.read_bytes()))
    path.write_bytes(png_of(3000, 2000))
    upload.check_decodes(path, upload.recognise(path.read_bytes()))


def test_only_what_is_in_the_folder_can_be_had(tmp_path, folder):
    secret = solid(tmp_path / "secret.png", (1, 2, 3))
    (folder / "link.png").symlink_to(secret)
    (folder / "inside.png").symlink_to(folder / "blue.png")
    solid(folder / ".hidden.png", (9, 9, 9))
    (folder / "notes.txt").write_text("private")
    library = BackgroundLibrary(folder)
    assert [choice.name for choice in library.choices()] == ["blue.png", "green.png", "inside.png"]
    library.close()

    async def scenario(client):
        for name in (str(secret), "../secret.png", "secret.png", "blue.png", str(folder / "blue.png"), "file-../x"):
            status, _, answer = await client.post("/api/background", {"show": name})
            assert status == 400 and "is not one to change to" in answer["error"], name
            quoted = name.replace("/", "%2F")
            assert (await client.get(f"/api/backgrounds/{quoted}/thumbnail"))[0] in (400, 404), name
        assert (await client.get("/page.py"))[0] == (await client.get("/..%2Fguard.py"))[0] == 404

    with served(tmp_path, folder=folder) as (server, _):
        with_client(server, scenario)


def test_a_background_that_was_deleted_meanwhile_is_left_out(tmp_path, folder):
    given = solid(tmp_path / "given.png", (1, 2, 3))
    library = BackgroundLibrary(folder, given)
    assert len(library.choices()) == 3
    given.unlink()
    assert [choice.name for choice in library.choices()] == ["blue.png", "green.png"]
    with pytest.raises(InputError, match="may have been removed"):
        library.thumbnail("given")
    shutil.rmtree(folder)
    assert library.choices() == []
    library.close()
