"""An RTSP server, as small as a camera's can be: one H.264 stream, sent over the RTSP connection itself (RFC 2326)."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading

from stream_senders import Sender, free_port

SDP = """v=0\r
o=- 0 0 IN IP4 127.0.0.1\r
s=camera\r
t=0 0\r
m=video 0 RTP/AVP 96\r
a=rtpmap:96 H264/90000\r
a=fmtp:96 packetization-mode=1\r
a=control:video\r
"""


class RtspServer(socketserver.ThreadingTCPServer):
    """Serves /camera; everything else does not exist. A Sender's RTP packets are passed on to whoever plays."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Client)
        self.url = f"rtsp://127.0.0.1:{self.server_address[1]}/camera"
        self._thread = threading.Thread(target=self.serve_forever)
        self._thread.start()

    def __exit__(self, *exc_info) -> None:
        self.shutdown()
        self._thread.join()
        super().__exit__(*exc_info)


class _Client(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        with contextlib.suppress(OSError):  # the player hangs up
            while True:
                words, headers = self._request()
                if not words or not self._answer(words, headers):
                    return

    def _request(self) -> tuple[list[str], dict[str, str]]:
        words, headers = self.rfile.readline().decode().split(), {}
        while line := self.rfile.readline().decode().strip():
            name, value = line.split(":", 1)
            headers[name.lower()] = value.strip()
        return words, headers

    def _answer(self, words: list[str], headers: dict[str, str]) -> bool:
        """Whether the conversation goes on."""
        method, url = words[:2]
        if "/camera" not in url:
            self._reply(headers, "404 Not Found")
            return False
        if method == "DESCRIBE":
            self._reply(headers, "200 OK", f"Content-Type: application/sdp\r\nContent-Length: {len(SDP)}\r\n", SDP)
        elif method == "SETUP":
            self._reply(headers, "200 OK", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n")
        elif method == "PLAY":
            self._reply(headers, "200 OK", "Session: 1\r\n")
            self._play()
            return False
        else:
            self._reply(headers, "200 OK", "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n")
        return True

    def _reply(self, headers: dict[str, str], status: str, more: str = "", body: str = "") -> None:
        self.wfile.write(f"RTSP/1.0 {status}\r\nCSeq: {headers.get('cseq', '0')}\r\n{more}\r\n{body}".encode())

    def _play(self) -> None:
        port = free_port(socket.SOCK_DGRAM)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as packets:
            packets.bind(("127.0.0.1", port))
            packets.settimeout(20)
            with Sender(f"rtp://127.0.0.1:{port}", "rtp"):
                while True:
                    packet = packets.recv(65536)
                    self.wfile.write(b"$\0" + len(packet).to_bytes(2, "big") + packet)
