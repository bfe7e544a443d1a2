"""What a process computes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading

import pytest

from common.models.devices import in_own_thread

THREADS = """
import json, scipy.linalg, torch
from threadpoolctl import threadpool_info
from common.models.devices import keep_numpy_to_one_thread, use_threads

def threads():
    return {one["filepath"]: [one["num_threads"], one["user_api"]] for one in threadpool_info()}

before = threads()
keep_numpy_to_one_thread()
use_threads(2)
print(json.dumps([before, threads(), torch.get_num_threads()]))
"""


def test_numpy_computes_on_one_thread_and_torch_on_its_own() -> None:
    environment = os.environ | {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    ran = subprocess.run(
        [sys.executable, "-c", THREADS], env=environment, capture_output=True, check=True
    )
    before, after, of_torch = json.loads(ran.stdout)
    of_numpy = [path for path, (_, use) in before.items() if use == "blas"]
    assert any("numpy" in path for path in of_numpy)
    assert {before[path][0] for path in of_numpy} == {min(2, os.cpu_count() or 1)}
    assert {after[path][0] for path in of_numpy} == {1}
    assert of_torch == 2


def test_what_is_computed_by_the_way_leaves_no_thread_behind() -> None:
    ran = in_own_thread(threading.current_thread)
    assert ran is not threading.current_thread()
    assert not ran.is_alive()


def test_what_fails_there_fails_here() -> None:
    with pytest.raises(ZeroDivisionError):
        in_own_thread(lambda: 1 / 0)
