"""What devices and servers can answer that cannot be had here: the line said for each error."""

from __future__ import annotations

import errno
import os

import pytest

from shm_stream.stream_address import StreamAddress
from shm_stream.stream_errors import describe

CAMERA = {
    errno.EBUSY: "/dev/null is in use by another program; close it (to see which:  fuser -v /dev/null )",
    errno.ENODEV: "/dev/null was unplugged, or its driver is gone; plug it in again",
    errno.EINVAL: "refuses the size, rate or format that was asked for; see what there is with  shm-stream",
    errno.ENOTTY: "/dev/null is not a camera",
    errno.EIO: "cannot read /dev/null: Input/output error",
}
NETWORK = {
    errno.EHOSTUNREACH: "127.0.0.1:9 cannot be reached: No route to host; check the network",
    errno.EADDRINUSE: "127.0.0.1:9 is in use by another program here; choose another port",
    errno.ECONNRESET: "cannot read rtmp://127.0.0.1:9/live: Connection reset by peer; check the stream key",
    errno.ETIMEDOUT: "nothing came from rtmp://127.0.0.1:9/live in time",
}


@pytest.mark.skipif(os.name != "posix", reason="devices of Linux")
@pytest.mark.parametrize("code", CAMERA)
def test_cameras(code):
    """/dev/null is a device that is there and may be opened."""
    address = StreamAddress("camera", "camera 0", "/dev/null", "v4l2")
    assert CAMERA[code] in describe(OSError(code, os.strerror(code)), address)


@pytest.mark.parametrize("code", NETWORK)
def test_servers(code):
    address = StreamAddress("network", "rtmp://127.0.0.1:9/live", "rtmp://me:key@127.0.0.1:9/live")
    line = describe(OSError(code, os.strerror(code)), address)
    assert NETWORK[code] in line and "key@" not in line
