"""Jobs on planes, and a picture to put behind them."""

from __future__ import annotations

import cv2
from media import palette_picture
from stand_ins import StandInRunner

from shm_stream.job import Job
from shm_stream.job_options import JobOptions


def job(clip, output, bg, **options):
    with Job(JobOptions(clip, output, bg, runner=StandInRunner(alpha_raw=0.9), **options)) as opened:
        return opened.run()


def picture_file(tmp_path):
    cv2.imwrite(str(tmp_path / "bg.png"), palette_picture(70, 40))
    return tmp_path / "bg.png"
