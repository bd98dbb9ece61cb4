"""`python -m shm_stream` is the command `shm-stream`."""

import sys

from .cli import main

sys.exit(main())
