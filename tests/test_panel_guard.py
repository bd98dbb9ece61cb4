"""Whom the control page refuses: no token, a foreign name, a foreign page."""

from __future__ import annotations

import json
import socket

import pytest
from panel_jobs import served

aiohttp = pytest.importorskip("aiohttp", reason="pip install 'shm-stream[panel]'")

from panel_client import PATIENCE, with_client  # noqa: E402

from shm_stream import InputError  # noqa: E402
from shm_stream.panel import guard  # noqa: E402

pytestmark = pytest.mark.timeout(60)
ROUTES = [
    ("GET", "/"), ("GET", "/page.js"), ("GET", "/api/state"), ("GET", "/api/live"), ("GET", "/api/backgrounds"),
    ("GET", "/api/backgrounds/given/thumbnail"), ("GET", "/preview/composite.mjpeg"), ("GET", "/preview/alpha.jpg"),
    ("POST", "/api/controls"), ("POST", "/api/background"), ("POST", "/api/backgrounds"),
    ("POST", "/api/toggle/mirror"), ("POST", "/api/reset"), ("POST", "/api/stop"),
    ("GET", "/preview/webrtc"), ("GET", "/nothing/here"),
]  # fmt: skip
SOCKETS = ("/api/live", "/preview/webrtc")


def test_nothing_is_answered_without_the_token(tmp_path):
    async def scenario(client):
        wrong = [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {server.guard.token}"},
                 {"Cookie": f"{server.guard.cookie}=x"}]  # fmt: skip
        for method, path in ROUTES:
            for headers in wrong:
                status, answered, body = await client.call(method, path, token=False, headers=headers)
                assert status == 401, (method, path, headers)
                assert (
                    b"printed in its terminal" in body and "default-src 'none'" in answered["Content-Security-Policy"]
                )
        assert (await client.get(f"/api/state?token={server.guard.token}", token=False))[0] == 401
        for path in SOCKETS:
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await client._session.ws_connect(client.base + path)
            assert refused.value.status == 401

    with served(tmp_path) as (server, desk):
        with_client(server, scenario)
        assert not desk.job._stopping.is_set()


def test_the_token_leaves_the_address(tmp_path):
    async def scenario(client):
        status, headers, _ = await client.get(f"/?token={server.guard.token}", token=False)
        assert status == 303 and headers["Location"] == "/"
        cookie = headers["Set-Cookie"]
        assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
        pair = {"Cookie": cookie.split(";")[0]}
        status, headers, body = await client.get("/", token=False, headers=pair)
        assert status == 200 and b"<title>shm-stream" in body
        assert server.guard.token.encode() not in body
        assert headers["Referrer-Policy"] == "no-referrer" and headers["X-Frame-Options"] == "DENY"

    with served(tmp_path) as (server, _):
        with_client(server, scenario)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example:{port}", "[", "10.0.0.7:{port}"]
)
def test_names_that_were_made_to_point_here_are_refused(tmp_path, host):
    async def scenario(client):
        for method, path in ROUTES:
            status, _, _ = await client.call(method, path, headers={"Host": host.format(port=server.port)})
            assert status == 403, path

    with served(tmp_path) as (server, _):
        with_client(server, scenario)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "https://127.0.0.1:{port}"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_other_pages_cannot_use_a_browsers_cookie(tmp_path, headers):
    headers = {name: value for name, value in headers.items()}

    async def scenario(client):
        sent = {name: value.format(port=server.port) for name, value in headers.items()}
        cookie = {"Cookie": f"{server.guard.cookie}={server.guard.token}"}
        for method, path in ROUTES:
            status, _, _ = await client.call(method, path, token=False, headers=cookie | sent)
            assert status == 403, path
        for path in SOCKETS:
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await client._session.ws_connect(client.base + path, headers=cookie | sent)
            assert refused.value.status == 403
        own = {"Origin": client.base, "Sec-Fetch-Site": "same-origin"}
        assert (await client.post("/api/reset", token=False, headers=cookie | own))[0] == 200

    with served(tmp_path) as (server, desk):
        with_client(server, scenario)
        assert not desk.job._stopping.is_set()


def test_forms_of_other_pages_cannot_pass_for_json(tmp_path):
    async def scenario(client):
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            headers = {"Content-Type": kind}
            assert (await client.call("POST", "/api/controls", data=b'{"feather": 3}', headers=headers))[0] == 415
            assert (await client.call("POST", "/api/backgrounds", data=b"x" * 99, headers=headers))[0] == 415
        long = json.dumps({"feather": 3, "x": "y" * 20000})
        status, _, _ = await client.call(
            "POST", "/api/controls", data=long, headers={"Content-Type": "application/json"}
        )
        assert status == 413

    with served(tmp_path) as (server, _):
        with_client(server, scenario)


@pytest.mark.parametrize("header", ["Authorization: Bearer", "Cookie: {}="])
def test_a_token_that_is_no_text_is_refused(tmp_path, header):
    with served(tmp_path) as (server, _):
        line = header.format(server.guard.cookie).encode() + (b" \xff" if "Bearer" in header else b"\xff")
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as client:
            client.sendall(b"GET /api/state HTTP/1.1\r\nHost: localhost\r\n" + line + b"\r\nConnection: close\r\n\r\n")
            assert client.recv(4096).startswith(b"HTTP/1.1 401 ")


def test_a_page_for_other_machines_knows_its_addresses(tmp_path):
    async def scenario(client):
        for host, expected in (("192.168.1.7:80", 200), ("[fe80::1]:80", 200), ("evil.example", 403)):
            assert (await client.get("/api/state", headers={"Host": host}))[0] == expected

    with served(tmp_path, host="0.0.0.0") as (server, _):
        assert "not encrypted" in server.warning
        with_client(server, scenario)


def test_a_fixed_token_must_be_long(monkeypatch):
    assert len(guard.make_token()) >= 32 and guard.make_token() != guard.make_token()
    monkeypatch.setenv(guard.TOKEN_VARIABLE, "stream-deck-0123456789")
    assert guard.make_token() == "stream-deck-0123456789"
    monkeypatch.setenv(guard.TOKEN_VARIABLE, "short")
    with pytest.raises(InputError, match="16 to 128"):
        guard.make_token()
