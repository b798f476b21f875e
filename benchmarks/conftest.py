from __future__ import annotations

import statistics
import time

import pytest


@pytest.fixture
def interleaved():
    """Run callables in turn, several times, and return the median CPU and wall time of each."""

    def measure(calls, rounds=7):
        for call in calls.values():
            call()
        cpu = {name: [] for name in calls}
        wall = {name: [] for name in calls}
        for _ in range(rounds):
            for name, call in calls.items():
                started, used = time.perf_counter(), time.process_time()
                call()
                wall[name].append(time.perf_counter() - started)
                cpu[name].append(time.process_time() - used)
        medians = {
            name: (statistics.median(cpu[name]), statistics.median(wall[name])) for name in calls
        }
        for name, (used, elapsed) in medians.items():
            print(f"\n  {name:32s} CPU {used * 1e3:8.1f} ms   wall {elapsed * 1e3:8.1f} ms", end="")
        print()
        return medians

    return measure


@pytest.fixture
def report(benchmark):
    """Keep a ratio beside pytest-benchmark's own figures and print it."""

    def keep(name, ratio, reach):
        benchmark.extra_info[name] = ratio
        print(f"  {name}: {ratio:.2f} (reach {reach})")

    return keep
