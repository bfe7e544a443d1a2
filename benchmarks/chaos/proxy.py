"""A line to a server that can be cut: a TCP proxy on a free port of this machine."""

from __future__ import annotations

import select
import socket
import threading
from contextlib import suppress
from typing import Self

CHUNK = 1 << 16
LOOK_SECONDS = 0.05


class Proxy:
    """Forwards to a port of this machine, until something is done to the line.

    Args:
        port: of the server behind it.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(LOOK_SECONDS)
        self._over = threading.Event()
        self._silent = self._is_cut = self._loses_answers = False
        self._accepting = threading.Thread(target=self._accept, daemon=True)

    @property
    def address(self) -> str:
        """As Redis writes it."""
        return f"redis://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._accepting.join()
        self._listener.close()

    def hold(self) -> None:
        """Forward nothing; connections stay, as where packets are dropped."""
        self._silent = True

    def cut(self) -> None:
        """Break all connections, and let none come about."""
        self._is_cut = True

    def lose_answers(self) -> None:
        """Hand on what is asked, and break the connection in place of the answer."""
        self._loses_answers = True

    def restore(self) -> None:
        """Forward as before."""
        self._silent = self._is_cut = self._loses_answers = False

    def _accept(self) -> None:
        while not self._over.is_set():
            with suppress(TimeoutError):
                theirs, _ = self._listener.accept()
                threading.Thread(target=self._forward, args=(theirs,), daemon=True).start()

    def _forward(self, theirs: socket.socket) -> None:
        with theirs, suppress(OSError):
            if self._is_cut:
                return
            with socket.create_connection(("127.0.0.1", self._port)) as ours:
                other = {theirs: ours, ours: theirs}
                while not self._over.is_set() and not self._is_cut:
                    readable, _, _ = select.select(list(other), [], [], LOOK_SECONDS)
                    if self._silent:
                        self._over.wait(LOOK_SECONDS)
                        continue
                    for end in readable:
                        chunk = end.recv(CHUNK)
                        if not chunk or (end is ours and self._loses_answers):
                            return
                        other[end].sendall(chunk)
