"""Requests to a running OBS Studio, by the protocol of its websocket server, obs-websocket 5.

https://github.com/obsproject/obs-websocket/blob/master/docs/generated/protocol.md
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json

import websocket

from .errors import InputError
from .obs_settings import MENU

TIMEOUT_SECONDS = 10.0
PASSWORD_VARIABLE = "OBS_WEBSOCKET_PASSWORD"
SHOWN = "in OBS: Tools, WebSocket Server Settings, Show Connect Info"
RPC_VERSION = 1
HELLO, IDENTIFY, IDENTIFIED, REQUEST, RESPONSE = 0, 1, 2, 6, 7
"""Kinds of messages."""
WRONG_PASSWORD, OTHER_VERSION = 4009, 4010
"""Codes with which the server closes a connection."""
NOT_FOUND = 600
FAILURES = (websocket.WebSocketException, OSError, ValueError, KeyError)
"""What comes of a server that is gone, or is none."""


class ObsRefusal(InputError):
    """OBS does not do what it was asked."""

    def __init__(self, request: str, status: dict):
        super().__init__(f"OBS refused {request}: {status.get('comment', 'no reason given')} ({status['code']})")
        self.code = status["code"]


class ObsConnection:
    """Use as a context manager. Raises InputError for whatever is not OBS 28 or newer, or does not let us in."""

    def __init__(self, address: str, password: str | None, cure: str, *, timeout_seconds: float = TIMEOUT_SECONDS):
        """`address` is ws://HOST:PORT; `cure` is what to do when nothing answers there.

        `timeout_seconds`: a busy OBS may take that long for each answer.
        """
        self._address, self._cure = address, cure
        self._numbers = itertools.count()
        self._socket = None
        try:
            # obs-websocket is never behind a proxy, whatever the environment says of browsers
            self._socket = websocket.create_connection(address, timeout=timeout_seconds, http_no_proxy=["*"])
            self._identify(password)
        except BaseException as error:
            self.close()
            if isinstance(error, FAILURES) and not isinstance(error, InputError):
                raise InputError(self._describe(error)) from error
            raise

    def request(self, name: str, **data) -> dict:
        """What OBS answers to the request `name`. Raises ObsRefusal, or InputError when the connection is lost."""
        try:
            self._send(REQUEST, requestType=name, requestId=str(next(self._numbers)), requestData=data)
            answer = self._receive(RESPONSE)
            status = answer["requestStatus"]
        except FAILURES as error:
            raise InputError(f"the connection to OBS was lost ({error}); is it still running?") from error
        if not status["result"]:
            raise ObsRefusal(name, status)
        return answer.get("responseData") or {}

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()

    def __enter__(self) -> ObsConnection:
        return self

    def __exit__(self, *exc_info) -> None:
        self.close()

    def _identify(self, password: str | None) -> None:
        asked = self._receive(HELLO).get("authentication")
        if asked and not password:
            raise InputError(f"OBS wants the password of its websocket server: set {PASSWORD_VARIABLE} ({SHOWN})")
        proof = {"authentication": _proof(password, asked)} if asked else {}
        self._send(IDENTIFY, rpcVersion=RPC_VERSION, eventSubscriptions=0, **proof)
        self._receive(IDENTIFIED)

    def _send(self, kind: int, **data) -> None:
        self._socket.send(json.dumps({"op": kind, "d": data}))

    def _receive(self, kind: int) -> dict:
        """The data of the next message, which has to be of that `kind`; no event was subscribed to."""
        opcode, data = self._socket.recv_data()
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            raise self._closed(int.from_bytes(data[:2], "big"))
        message = json.loads(data)
        if not isinstance(message, dict) or message.get("op") != kind or not isinstance(message.get("d"), dict):
            raise ValueError("unexpected message")
        return message["d"]

    def _closed(self, code: int) -> Exception:
        if code == WRONG_PASSWORD:
            return InputError(f"OBS refused the password: set {PASSWORD_VARIABLE} to the one it has ({SHOWN})")
        if code == OTHER_VERSION:
            return InputError("OBS speaks another version of obs-websocket than 5; update OBS or shm-stream")
        return ConnectionError(f"closed by OBS with code {code}")

    def _describe(self, error: Exception) -> str:
        place = self._address.removeprefix("ws://")
        if isinstance(error, ConnectionRefusedError):
            return f"no OBS answers at {place}: {self._cure}"
        return (
            f"what answers at {place} is not the websocket server of OBS 28 or newer ({error or 'it says nothing'}); "
            f"update OBS, or give the right port ({MENU})"
        )


def _proof(password: str, asked: dict) -> str:
    """That we know the password, as the protocol's section "Creating an authentication string" has it."""
    return _digest(_digest(password + asked["salt"]) + asked["challenge"])


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
