"""What the official client of MMODA takes, in an environment of its own.

Each line of standard input is a JSON list: ``["read", file]`` reads an answer, and the CPU seconds
of it are printed; ``["ask", url, parameters]`` asks a dispatcher and waits, and the seconds of the
clock are printed.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path

from oda_api.api import DataCollection, DispatcherAPI


class Response:
    """An answer as the client's HTTP library hands it over."""

    def __init__(self, content):
        self.content = content
        self.text = content.decode()

    def json(self):
        return json.loads(self.content)


def read(file):
    content = Path(file).read_bytes()
    client = DispatcherAPI(url="http://127.0.0.1:1/dispatch-data")
    used = time.process_time()
    said = client._decode_res_json(Response(content))
    # Its products of gravitational waves need a package that it does not ask for.
    if b"gw_spectrogram_product" not in content:
        DataCollection.from_response_json(said, "localtest", "localtest_lc")
    return time.process_time() - used


def ask(url, parameters):
    client = DispatcherAPI(url=url, wait=True)
    started = time.perf_counter()
    client.get_product(**parameters, silent=True)
    return time.perf_counter() - started


def main():
    logging.disable(logging.CRITICAL)
    answers = sys.stdout
    sys.stdout = sys.stderr  # it prints comments of the dispatcher
    for line in sys.stdin:
        verb, *rest = json.loads(line)
        print({"read": read, "ask": ask}[verb](*rest), file=answers, flush=True)


main()
