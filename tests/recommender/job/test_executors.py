from __future__ import annotations

import importlib.util
import os
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import made_up_scores
import psutil
import pytest
from made_up_scores import MadeUpScore, make_vectors, plan

from apps.recommender.job.batch import run_job
from apps.recommender.job.executor import StoppedError
from apps.recommender.job.executors import executor_named
from apps.recommender.job.manifest import Journal
from apps.recommender.job.shards import Shard, ShardFile
from common.errors import UserError
from common.files import directory_hashes

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None,
    reason="Ray is not installed: pip install 'bizlm[ray]'",
)
EXECUTORS = ["local", pytest.param("ray", marks=[pytest.mark.slow, needs_ray])]
# Ray's, one for each worker.
MACHINE = {"num_cpus": 1, "object_store_memory": 100 << 20}
# A machine that is lost is missed after seconds, and no worker is started that nobody asked for.
QUICK = {
    "RAY_health_check_period_ms": "500",
    "RAY_prestart_worker_first_driver": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
}
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_vectors(tmp_path_factory.mktemp("inputs") / "vectors.npy", 95)


@pytest.fixture(scope="module")
def undisturbed(vectors: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The files of a job to which nothing happens."""
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    run_job(plan(out, vectors), MadeUpScore(vectors))
    return directory_hashes(out)


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in QUICK.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three machines on which Ray runs, for it takes many seconds to start; this process joined."""
    import ray
    from ray.cluster_utils import Cluster

    from apps.recommender.job.ray_executor import _start

    head = {"include_dashboard": False, "include_log_monitor": False, "no_monitor": True}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(made_up_scores.__file__).parent))
        cluster = Cluster(initialize_head=True, head_node_args=MACHINE | head)
        try:
            _complete(cluster)
            patch.setenv("RAY_ADDRESS", cluster.address)
            _start(3)
            yield cluster
        finally:
            ray.shutdown()
            cluster.shutdown()


def _complete(cluster: Cluster) -> None:
    while len(cluster.worker_nodes) < 2:
        cluster.add_node(**MACHINE)


@pytest.fixture(scope="module", params=EXECUTORS)
def running(request: pytest.FixtureRequest) -> str:
    """The name of an executor; Ray runs already."""
    if request.param == "ray":
        request.getfixturevalue("cluster")
    return str(request.param)


@pytest.fixture
def without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Ray runs in this process: a job starts one, or joins a cluster."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    if "ray" in sys.modules:
        sys.modules["ray"].shutdown()


@pytest.mark.usefixtures("without_ray")
@pytest.mark.parametrize("executor", EXECUTORS)
def test_the_same_bytes_though_a_worker_dies(
    vectors: Path, undisturbed: dict[str, str], tmp_path: Path, executor: str
) -> None:
    score = MadeUpScore(vectors, trouble="die", once=tmp_path / "died")
    outcome = run_job(plan(tmp_path / "out", vectors), score, executor, workers=2)
    assert (tmp_path / "died").exists()
    assert (outcome.users, outcome.kept) == (95, 0)
    assert directory_hashes(tmp_path / "out") == undisturbed


def test_a_shard_that_kills_every_worker_is_named(
    vectors: Path, tmp_path: Path, running: str
) -> None:
    with pytest.raises(StoppedError, match="shard 2: its worker died twice") as caught:
        run_job(plan(tmp_path / "out", vectors), MadeUpScore(vectors, trouble="die"), running, 2)
    assert caught.value.exit_code == 3


def test_a_full_disk_of_a_worker_is_told_as_one_here(
    vectors: Path, tmp_path: Path, running: str
) -> None:
    score = MadeUpScore(vectors, trouble="disk full")
    with pytest.raises(StoppedError, match="No space left on device"):
        run_job(plan(tmp_path / "out", vectors), score, running)


def test_a_fault_in_the_code_shows_where_it_is(vectors: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"made_up_scores\.py(.|\n)*of all things"):
        run_job(plan(tmp_path / "out", vectors), MadeUpScore(vectors, trouble="bug"))


@dataclass(frozen=True)
class CountThreads:
    """Says in `rows` in how many ways a worker may use more than one thread."""

    def __call__(self, shard: Shard) -> ShardFile:
        several = sum(os.environ.get(name) != "1" for name in THREADS)
        return ShardFile(shard.number, len(shard), several, 0, "")


def test_a_worker_computes_on_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in THREADS:
        monkeypatch.setenv(name, "8")
    shards = [Shard(0, 0, 5), Shard(1, 5, 9)]
    answers = list(executor_named("local")(CountThreads(), shards, 2))
    assert sorted((file.shard, file.users, file.rows) for file in answers) == [(0, 5, 0), (1, 4, 0)]
    assert os.environ["OMP_NUM_THREADS"] == "8"


def test_workers_end_with_a_killed_parent_whatever_they_do(vectors: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = psutil.Popen([sys.executable, made_up_scores.__file__, out, vectors, "600"])
    while len(workers := _workers(process)) < 2:
        assert process.status() != psutil.STATUS_ZOMBIE, "it ended before its workers started"
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not psutil.wait_procs(workers, timeout=60)[1]


def _workers(process: psutil.Process) -> list[psutil.Process]:
    return [child for child in process.children() if "spawn_main" in " ".join(child.cmdline())]


def test_an_unknown_executor_is_told() -> None:
    with pytest.raises(UserError, match="no executor 'spark'") as caught:
        executor_named("spark")
    assert "local, ray" in str(caught.value)


@needs_ray
@pytest.mark.slow
@pytest.mark.parametrize("dies", ["worker", "machine"])
def test_on_three_machines_a_loss_changes_no_byte(
    vectors: Path,
    undisturbed: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cluster: Cluster,
    dies: str,
) -> None:
    import ray

    _complete(cluster)
    lost = next(iter(cluster.worker_nodes))
    add, machines = Journal.add, []

    def lose(journal: Journal, written: ShardFile) -> None:
        add(journal, written)
        if lost in cluster.worker_nodes and written.shard >= 3:
            machines.append(sum(one["Alive"] for one in ray.nodes()))
            if dies == "machine":
                cluster.remove_node(lost, allow_graceful=False)

    monkeypatch.setattr(Journal, "add", lose)
    trouble = "die" if dies == "worker" else ""
    score = MadeUpScore(vectors, seconds=0.5, trouble=trouble, once=tmp_path / "died")
    run_job(plan(tmp_path / "out", vectors), score, "ray", workers=3)
    assert machines[0] == 3
    assert (tmp_path / "died").exists() == (dies == "worker")
    assert (lost in cluster.worker_nodes) == (dies == "worker")
    assert directory_hashes(tmp_path / "out") == undisturbed


@needs_ray
@pytest.mark.usefixtures("without_ray")
def test_a_cluster_that_is_not_there_is_told(
    vectors: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{closed.getsockname()[1]}")
        with pytest.raises(StoppedError, match="cannot join the Ray cluster") as caught:
            run_job(plan(tmp_path / "out", vectors), MadeUpScore(vectors), "ray")
    assert "RAY_ADDRESS=127.0.0.1:" in str(caught.value)


def test_without_ray_the_extra_is_named(
    vectors: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match="Ray is not installed") as caught:
        run_job(plan(tmp_path / "out", vectors), MadeUpScore(vectors), "ray")
    assert "bizlm[ray]" in str(caught.value)
