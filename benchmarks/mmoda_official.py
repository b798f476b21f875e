"""What the official client of MMODA takes to read one answer, in an environment of its own.

Arguments: the file of the answer, how often. Prints the CPU seconds of each time.
"""

from __future__ import annotations

import json
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


def read(client, content, with_products):
    said = client._decode_res_json(Response(content))
    if with_products:
        return DataCollection.from_response_json(said, "localtest", "localtest_lc")
    return said


def main():
    content = Path(sys.argv[1]).read_bytes()
    client = DispatcherAPI(url="http://127.0.0.1:1/dispatch-data")
    # Its products of gravitational waves need a package that it does not ask for.
    with_products = b"gw_spectrogram_product" not in content
    for _ in range(int(sys.argv[2])):
        used = time.process_time()
        read(client, content, with_products)
        print(time.process_time() - used)


main()
