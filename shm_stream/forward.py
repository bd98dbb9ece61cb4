"""`python -m shm_stream.forward URL`: stdin goes to a network address as it comes, in a process of its own.

FFmpeg connects while it holds the interpreter lock: a server that does not answer would halt every thread of the job.
Says `ready` on stdout when connected, or `error NUMBER TEXT` when something failed.
"""

from __future__ import annotations

import sys

import av

BLOCK_BYTES = 1 << 16


def main(url: str) -> int:
    """Exit code 0 when stdin ended, 1 when the connection failed."""
    try:
        forward(url)
    except (av.FFmpegError, OSError) as error:
        print("error", error.errno or 0, " ".join((error.strerror or str(error)).split()), flush=True)
        return 1
    return 0


def forward(url: str) -> None:
    """Bytes of stdin, in the order and size they come, to what listens at `url`. Raises FFmpegError or OSError."""
    # the "data" muxer adds nothing: what rtmp or udp gets are the bytes of the FLV or MPEG-TS
    with av.open(url, "w", format="data", container_options={"flush_packets": "1"}) as output:
        stream = output.add_data_stream()
        output.start_encoding()
        print("ready", flush=True)
        for number, block in enumerate(iter(lambda: sys.stdin.buffer.read1(BLOCK_BYTES), b"")):
            packet = av.Packet(block)
            packet.stream, packet.pts, packet.dts = stream, number, number
            output.mux(packet)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
