"""What is here, and the start page over all of it."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from apps.start.applications import Application, applications, serving
from apps.start.cli import app
from apps.start.processes import servers
from apps.start.server import _is_ready, build_app
from common.errors import UserError
from common.serving.middleware.browser import KnownHosts
from common.serving.run import HERE, known_hosts

ROOT = Path(__file__).parents[2]
# As one of the applications: it takes its port at once and is ready a little later.
READY = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/readyz" else 404)
        self.end_headers()
    def log_message(self, *_):
        pass
HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def _application(name: str) -> Application:
    return Application(name, name.title(), "does something", _free_port(), (), ("serve",), "f1")


def test_without_a_verb_one_sees_what_is_here(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["--store", str(tmp_path), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output) == {
        one.name: {"release_id": None, "before": None, "after": None} for one in applications()
    }
    text = CliRunner().invoke(app, ["--store", str(tmp_path)]).output
    assert "no release yet" in text
    assert "python -m apps.recommender --help" in text


def test_every_application_takes_the_arguments_it_is_started_with() -> None:
    for one in applications():
        for arguments in (one.demo, one.serve):
            command = [sys.executable, "-m", f"apps.{one.name}", arguments[0], "--help"]
            text = subprocess.run(
                command, capture_output=True, text=True, check=True, cwd=ROOT
            ).stdout
            assert all(part in text for part in arguments if part.startswith("--"))
        assert all(Path(part).exists() for part in one.serve if "/" in part)


def test_a_release_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "customer_service"
    (folder / "releases" / "broken").mkdir(parents=True)
    (folder / "current").symlink_to("releases/broken")
    with pytest.raises(UserError, match="not a release"):
        serving(applications()[0], tmp_path)


def test_the_page_follows_the_servers(
    served: Callable[..., Any], tmp_path: Path, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    names = ("ready", "starting", "ended")
    apps = [_application(name) for name in names]
    commands = (
        [sys.executable, "-c", READY, str(apps[0].port)],
        [sys.executable, "-c", "import time; time.sleep(600)"],
        [sys.executable, "-c", ""],
    )
    processes = [subprocess.Popen(command) for command in commands]
    try:
        processes[2].wait(30)
        with served(build_app(apps, processes, tmp_path, "127.0.0.1")) as address:

            def states() -> list[str]:
                found = httpx.get(f"{address}/v1/applications").raise_for_status().json()
                return [one["state"] for one in found["applications"]]

            eventually(lambda: states() == list(names))
            found = httpx.get(f"{address}/v1/applications").json()["applications"]
            assert found[0]["url"] == f"http://127.0.0.1:{apps[0].port}/"
            page = httpx.get(f"{address}/").text
            assert "/web/start.js" in page
            assert httpx.get(f"{address}/web/start.js").status_code == 200
            processes[0].kill()
            eventually(lambda: states()[0] == "ended")
    finally:
        for process in processes:
            process.kill()


def test_a_server_on_ipv6_is_asked_by_a_name_that_it_answers_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(HERE, "::1", "127.0.0.1")
    names = known_hosts("::1")
    asked: list[bytes] = []

    async def is_ready() -> bool:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            return await _is_ready("::1", server.sockets[0].getsockname()[1])

    assert asyncio.run(is_ready())
    host = next(one for one in asked[0].split(b"\r\n") if one.startswith(b"Host: "))
    scope: dict[str, Any] = {"type": "http", "headers": [(b"host", host.removeprefix(b"Host: "))]}
    assert KnownHosts._addressed(scope) in (names or ())


def test_the_servers_end_with_the_one_that_started_them(tmp_path: Path) -> None:
    # No release: each server refuses and ends, and is reaped.
    with servers(applications(), tmp_path, "127.0.0.1") as running:
        deadline = time.monotonic() + 60
        while any(process.poll() is None for process in running):
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert [process.returncode for process in running] == [2, 2, 2]


@pytest.mark.slow
def test_ctrl_c_ends_all(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from apps.start import processes as p;"
        "p._command = lambda a, _: [sys.executable, '-c', 'import time; time.sleep(600)'];"
        "from apps.start.applications import applications;\n"
        "with p.servers(applications(), Path(sys.argv[1]), '127.0.0.1') as running:\n"
        "    print(*(one.pid for one in running), flush=True)\n"
        "    time.sleep(600)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout
        pids = [int(pid) for pid in process.stdout.readline().split()]
        process.send_signal(signal.SIGINT)
        process.wait(60)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
