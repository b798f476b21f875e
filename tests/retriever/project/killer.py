"""Kill runs of a project at random instants: `killer.py SIZE KEYWORDS KILLS SEED LONGEST`.

Each is killed after at most LONGEST seconds.

Each run is a fork, so that nothing has to be imported again; the process that forks runs nothing
itself. Prints how many runs were killed and how many had ended before.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

import h5netcdf  # noqa: F401 - it is imported here, once
import xarray  # noqa: F401

from astroquery_mmdc.retriever.database import versions  # noqa: F401
from tests.retriever.project.helpers import made_project


def child(size, keywords):
    """Run the project and end with 0, or with 1 after an error."""
    try:
        made_project(size, **keywords).run(progress=False)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def main(size, keywords, kills, seed, longest):
    rng = random.Random(seed)
    killed = ended = 0
    for _ in range(kills):
        pid = os.fork()
        if not pid:
            child(size, keywords)
        time.sleep(rng.uniform(0, longest))
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        if os.WIFSIGNALED(status):
            killed += 1
        else:
            ended += 1
            assert os.WEXITSTATUS(status) == 0
    sys.stdout.write(f"{killed} {ended}\n")


if __name__ == "__main__":
    main(*(json.loads(word) for word in sys.argv[1:]))
