from __future__ import annotations

import gc
import os
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import databases
import httpx
import pytest
from processes import wait_for
from tiny import write_tiny_model
from turns import in_turns

if TYPE_CHECKING:
    from fastapi import FastAPI

# Before torch is imported: two thread pools that spin against each other are slower than one.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"
# Feeds, help desks and receivers of tests are on this machine.
os.environ["BIZLM_ALLOW_ADDRESS"] = "127.0.0.1 ::1"
# So nobody's certificates are read, which each client of httpx would do anew: 30 ms.
os.environ.pop("SSL_CERT_FILE", None)
os.environ["SSL_CERT_DIR"] = os.devnull

# A machine that is busy answers late; a server that hangs fails a test all the same.
PATIENCE_SECONDS = 60.0
for default in ("connect", "read", "write", "pool"):
    # The one object that all calls without a timeout of their own share.
    setattr(signature(httpx.get).parameters["timeout"].default, default, PATIENCE_SECONDS)

MANY_MODULES = 100


def pytest_collection_finish() -> None:
    """What is imported by now stays: a search for garbage need not pass all of it each time."""
    gc.collect()
    gc.freeze()


def pytest_make_parametrize_id(val: object) -> str | None:
    """Bytes name no test: an archive holds when it was made, and each worker makes its own."""
    return f"{len(val)}-bytes" if isinstance(val, bytes) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    place = {path: at for at, path in enumerate(in_turns((item.path for item in items), slow))}
    items.sort(key=lambda item: place[item.path])


def pytest_sessionfinish() -> None:
    databases.servers.close()


@pytest.fixture(scope="session")
def modules_passed() -> list[int]:
    """How many modules there were whenever what was imported was left out of the searches."""
    return [len(sys.modules)]


@pytest.fixture(autouse=True)
def what_is_imported_stays(modules_passed: list[int]) -> Iterator[None]:
    """Also what a test imports: each model that is loaded, and each training, searches for garbage.

    With all of transformers in it, a search takes most of a second.
    """
    yield
    if len(sys.modules) > modules_passed[-1] + MANY_MODULES:
        gc.collect()
        gc.freeze()
        modules_passed.append(len(sys.modules))


@pytest.fixture(autouse=True)
def same_threads() -> Iterator[None]:
    """A server sizes torch's threads for itself; what is computed next must not differ for it."""
    yield
    if "torch" in sys.modules and (threads := os.environ.get("OMP_NUM_THREADS")):
        sys.modules["torch"].set_num_threads(int(threads))


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT of two layers and 32 dimensions that reads letters."""
    return write_tiny_model(tmp_path_factory.mktemp("tiny-model"))


@pytest.fixture(scope="module")
def few_trees() -> Iterator[None]:
    """The trees of five folds are most of what the recommender's training takes."""
    from apps.recommender.ranking.ranker import FEW_ROUNDS, train_ranker

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(train_ranker.__kwdefaults__, "rounds", FEW_ROUNDS)
        yield


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Wait for another thread to bring a state about."""
    return wait_for


@pytest.fixture
def served(eventually: Callable[[Callable[[], bool]], None]) -> Callable[..., Any]:
    """Run an application on a free loopback port for the length of a `with` block."""
    import uvicorn

    @contextmanager
    def run(app: FastAPI) -> Iterator[str]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            server = uvicorn.Server(
                uvicorn.Config(
                    app,
                    log_config=None,
                    access_log=False,
                    lifespan="on",
                    timeout_graceful_shutdown=5,
                )
            )
            thread = threading.Thread(target=server.run, args=([listener],))
            thread.start()
            eventually(lambda: server.started or not thread.is_alive())
            try:
                yield f"http://127.0.0.1:{port}"
            finally:
                server.should_exit = True
                thread.join()

    return run
