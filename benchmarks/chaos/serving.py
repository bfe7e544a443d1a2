"""Servers under load while something fails: what they acknowledged is stored, once."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from benchmarks.chaos.applications import APPLICATIONS, Application, name_of
from benchmarks.chaos.clock import Clock
from benchmarks.chaos.disk import slow, small_disk
from benchmarks.chaos.dropping import database, dropped
from benchmarks.chaos.rounds import BrokenError, Play, Scene
from benchmarks.chaos.running import Running, check_told_once, wait_for
from benchmarks.chaos.stores import furnish

ROUNDS = 4
# Acknowledged again after what failed is over.
AFTERWARDS = 5
HOUR, DAY = 3600, 86_400

Fault = Callable[[], AbstractContextManager[None]]


class Traffic:
    """Tells a server one thing after the other, until it is stopped."""

    def __init__(self, address: str, application: Application, numbers: Iterator[int]) -> None:
        self.acknowledged: list[str] = []
        self.refused: Counter[str] = Counter()
        self._address = address
        self._application = application
        self._numbers = numbers
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tell, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after what was said last."""
        self._over.set()
        self._thread.join()

    def _tell(self) -> None:
        with httpx.Client(base_url=self._address, timeout=60) as client:
            for name in map(name_of, self._numbers):
                try:
                    body = self._application.body(name)
                    reply = client.post(self._application.route, json=body)
                    if reply.is_success:
                        self.acknowledged.append(name)
                    else:
                        self.refused[str(reply.status_code)] += 1
                except httpx.TransportError as error:
                    self.refused[type(error).__name__] += 1
                if self._over.wait(0.03):
                    return


class Served:
    """A server in a store of its own; each round tells it more."""

    def __init__(
        self, application: Application, scene: Scene, store: Path, url: str | None = None
    ) -> None:
        self.application = application
        self.store = store
        self.url = url
        self.environment: dict[str, str] = {}
        self.all: list[str] = []
        self._scene = scene
        self._numbers = count()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self.running: Running | None = None

    def start(self) -> str:
        """Its address, once it answers."""
        where = ("--database", self.url) if self.url else ()
        self.running = Running(
            *(
                f"apps.{self.application.name}",
                "serve",
                "--store",
                self.store,
                "--port",
                self._port,
            ),
            *self.application.options(self._scene),
            *where,
            environment=self.environment,
            afresh=bool(self.environment),
        )
        return self.running.address()

    def stop(self) -> None:
        """End it, whatever became of it."""
        if self.running and not self.running.is_over:
            self.running.terminate()
            self.running.wait()

    def round(self, fault: Fault, rng: random.Random) -> dict[str, Any]:
        """Tell it things, let something fail, and look for them.

        Raises:
            BrokenError: something that was acknowledged is lost or doubled, or a failure is told
                with a traceback, again and again.
        """
        assert self.running
        address = f"http://127.0.0.1:{self._port}"
        before, known = self.running, len(self.running.log)
        traffic = Traffic(address, self.application, self._numbers)
        traffic.start()
        try:
            time.sleep(rng.uniform(0.1, 0.8))
            with fault():
                pass
            far = len(traffic.acknowledged) + AFTERWARDS
            wait_for(lambda: len(traffic.acknowledged) >= far, "it never took anything again", 60)
        finally:
            traffic.stop()
        self.all += traffic.acknowledged
        self._settle()
        log = self.running.log if before is not self.running else self.running.log[known:]
        return {
            "acknowledged": len(traffic.acknowledged),
            "refused": dict(traffic.refused),
            "lines told": check_told_once(log),
        }

    def _settle(self) -> None:
        missing: list[str] = []

        def is_there() -> bool:
            found = self.application.stored(self.store, self.url)
            missing[:] = [name for name in self.all if not found[name]]
            if twice := [name for name, times in found.items() if times > 1]:
                raise BrokenError(f"{len(twice)} are there twice: {twice[:3]}")
            return not missing

        try:
            wait_for(is_there, "", 30)
        except BrokenError as error:
            lost = f"{len(missing)} of {len(self.all)} acknowledged are lost: {missing[:3]}"
            words = self.running.last_words() if self.running else ""
            raise BrokenError(str(error) or f"{lost}; {words}") from None

    @contextmanager
    def killed(self) -> Iterator[None]:
        """Killed, and started again."""
        assert self.running
        self.running.kill()
        yield
        self.start()


def _killing(served: Served, rng: random.Random, stack: ExitStack) -> Fault:
    return served.killed


def _filling(served: Served, rng: random.Random, stack: ExitStack) -> Fault:
    disk = stack.enter_context(small_disk(served.store))
    return partial(_for_a_while, rng, disk.full)


def _slowing(served: Served, rng: random.Random, stack: ExitStack) -> Fault:
    return partial(_for_a_while, rng, lambda: slow(served.running.pid if served.running else 0))


def _dropping(served: Served, rng: random.Random, stack: ExitStack) -> Fault:
    served.url = stack.enter_context(database())
    return partial(_for_a_while, rng, lambda: dropped(str(served.url)))


def _jumping(served: Served, rng: random.Random, stack: ExitStack) -> Fault:
    clock = Clock(served.store.parent)
    served.environment = clock.environment

    @contextmanager
    def jumped() -> Iterator[None]:
        clock.jump(rng.choice((-DAY, -HOUR, HOUR, DAY, rng.randrange(-DAY, DAY))))
        yield
        clock.jump(0)

    return partial(_for_a_while, rng, jumped)


@contextmanager
def _for_a_while(rng: random.Random, fault: Fault) -> Iterator[None]:
    with fault():
        time.sleep(rng.uniform(0.3, 2.0))
    yield


Preparing = Callable[[Served, random.Random, ExitStack], Fault]
FAULTS: dict[str, Preparing] = {
    "kill": _killing,
    "full disk": _filling,
    "slow disk": _slowing,
    "clock": _jumping,
    "dropped database": _dropping,
}


def _play(
    application: Application, prepare: Preparing, scene: Scene, rng: random.Random
) -> Iterator[dict[str, Any]]:
    place = scene.place(f"{application.name}-server")
    (place / "var").mkdir()
    served = Served(application, scene, place / "var")
    with ExitStack() as stack:
        fault = prepare(served, rng, stack)
        furnish(scene, served.store, application.name)
        stack.callback(served.stop)
        served.start()
        for _ in range(ROUNDS):
            yield served.round(fault, rng)


def plays() -> Iterator[tuple[str, str, Play]]:
    """Fault, target, and how it is played."""
    for fault, prepare in FAULTS.items():
        for name, application in APPLICATIONS.items():
            if application.has_database or fault != "dropped database":
                yield fault, f"{name} serve", partial(_play, application, prepare)
