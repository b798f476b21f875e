"""A process that runs a project until it is done or killed: `worker.py SIZE KEYWORDS`.

Keywords of `Project` are given as JSON; ``run`` are keywords of `Project.run`. It says "ready"
before it runs and, at the end, how many sources it has done.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[3]))
    from tests.retriever.project.helpers import made_project

    size, keywords = int(sys.argv[1]), json.loads(sys.argv[2])
    options = keywords.pop("run", {})
    project = made_project(size, **keywords)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    summary = project.run(progress=False, **options)
    sys.stdout.write(f"{summary.done} {summary.failed} {summary.elsewhere}\n")
