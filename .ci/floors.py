"""Write the lowest version that pyproject.toml allows of each run-time dependency, for pip."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

FLOOR = re.compile(r"^(?P<name>[\w-]+)(\[.*\])?>=(?P<version>[\w.]+)$")
RUN_TIME_EXTRAS = ("model", "plot", "server", "keyring", "remote", "retriever")


def floors(project: dict) -> list[str]:
    """One ``name==version`` per requirement; a requirement without a floor is an error."""
    extras = project["optional-dependencies"]
    requirements = project["dependencies"] + [r for name in RUN_TIME_EXTRAS for r in extras[name]]
    return [pin(requirement) for requirement in sorted(requirements)]


def pin(requirement: str) -> str:
    """Turn ``name>=version`` into ``name==version``."""
    match = FLOOR.match(requirement)
    if match is None:
        sys.exit(f"pyproject.toml: {requirement!r} has no floor: write it as name>=version")
    return f"{match['name']}=={match['version']}"


if __name__ == "__main__":
    pyproject = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text())
    Path(sys.argv[1]).write_text("\n".join(floors(pyproject["project"])) + "\n")
