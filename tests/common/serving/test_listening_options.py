"""Where a server listens and who may ask it, from the command line to the server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from common.cli import new_app, run
from common.groups_cli import grouped
from common.serving import run as listening
from common.serving.keys.writing import add_key
from common.serving.listening_cli import AccessOptions, Port


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a verb `serve`; gives what its server and its application were told."""

    def run_serve(*arguments: str) -> dict[str, Any]:
        told: dict[str, Any] = {}

        def note(make_app: Any, host: str, port: int, **others: Any) -> None:
            told.update(others, **make_app(), host=host, port=port)

        app = new_app("test")

        @app.command()
        @grouped
        def serve(*, access: AccessOptions, port: Port = 8000) -> None:
            access.listen(dict, port)

        monkeypatch.setattr(listening, "serve", note)
        monkeypatch.setattr(sys, "argv", ["test", *arguments])
        with pytest.raises(SystemExit) as caught:
            run(app)
        assert caught.value.code == 0
        return told

    return run_serve


def test_a_server_is_for_this_machine_alone_unless_told_otherwise(serve: Any) -> None:
    told = serve()
    assert (told["host"], told["port"]) == ("127.0.0.1", 8000)
    assert told["api_keys"] is None and not told["has_api_keys"]
    assert "elsewhere.example" not in told["known_hosts"]


def test_a_server_gets_its_address_its_keys_and_its_names(serve: Any, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    key = add_key(keys, "shop")
    names = ("--allow-host", "one.example", "--allow-host", "two.example")
    told = serve("--host", "0.0.0.0", "--port", "9000", "--api-key-file", str(keys), *names)
    assert (told["host"], told["port"]) == ("0.0.0.0", 9000)
    assert told["api_keys"].check(key).name == "shop"
    assert told["has_api_keys"]
    assert {"one.example", "two.example"} <= told["known_hosts"]
