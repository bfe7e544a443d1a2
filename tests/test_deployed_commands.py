"""What `deploy/` starts exists: verbs, options, ports, the paths that are probed."""

from __future__ import annotations

import importlib
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from processes import ROOT

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
PROBED = {"/healthz", "/readyz"}


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every command that starts a server: where it stands, and its words from the module on."""
    for unit in UNITS:
        [line] = re.findall(r"^ExecStart=.* -m (.*)$", unit.read_text(encoding="utf-8"), re.M)
        yield unit.name, shlex.split(line)
    image = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    yield "Dockerfile", json.loads(re.findall(r"^CMD (.*)$", image, re.M)[0])
    for name, service in compose()["services"].items():
        yield f"compose.yaml {name}", service["command"]
    for container in containers():
        yield "kubernetes", container["args"]


def compose() -> Any:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


def manifests() -> list[Any]:
    files = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    return [one for path in files for one in yaml.safe_load_all(path.read_text(encoding="utf-8"))]


def containers() -> list[Any]:
    deployments = [one for one in manifests() if one["kind"] == "Deployment"]
    return [one for each in deployments for one in each["spec"]["template"]["spec"]["containers"]]


def port_of(command: list[str]) -> int:
    return int(command[command.index("--port") + 1])


@pytest.mark.parametrize(
    ("place", "command"), [*commands()], ids=[place for place, _ in commands()]
)
def test_a_command_is_understood_and_asks_for_keys(place: str, command: list[str]) -> None:
    module, verb, *options = command
    app = importlib.import_module(f"{module}.cli").app
    group: Any = typer.main.get_command(app)
    # Files that are only there where it is deployed are not looked for.
    serve = group.commands[verb]
    parser = serve.make_parser(serve.context_class(serve))
    _, left, _ = parser.parse_args(args=list(options))
    assert left == []
    assert "--api-key-file" in options
    if "--workers" in options:
        assert int(options[options.index("--workers") + 1]) > 1


def test_ports_and_probes_are_those_of_the_server() -> None:
    for service in compose()["services"].values():
        port = port_of(service["command"])
        assert service["ports"] == [f"127.0.0.1:{port}:{port}"]
        assert f"http://127.0.0.1:{port}/readyz" in service["healthcheck"]["test"][-1]
        assert service["read_only"] and service["cap_drop"] == ["ALL"]
    for container in containers():
        [port] = container["ports"]
        assert port["containerPort"] == port_of(container["args"])
        probes = [
            container[f"{name}Probe"]["httpGet"] for name in ("startup", "readiness", "liveness")
        ]
        assert {probe["path"] for probe in probes} <= PROBED
        assert {probe["port"] for probe in probes} == {port["name"]}
        rights = container["securityContext"]
        assert rights["readOnlyRootFilesystem"] and not rights["allowPrivilegeEscalation"]
        assert container["resources"].keys() == {"requests", "limits"}


def test_what_kubernetes_selects_is_what_is_deployed() -> None:
    by_kind = {one["kind"]: one["spec"] for one in manifests()}
    deployment = by_kind["Deployment"]
    labels = deployment["template"]["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"] == labels
    assert by_kind["Service"]["selector"] == labels
    assert by_kind["PodDisruptionBudget"]["selector"]["matchLabels"] == labels
    assert deployment["template"]["spec"]["securityContext"]["runAsNonRoot"]
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    volumes = {one["name"] for one in deployment["template"]["spec"]["volumes"]}
    assert {one["name"] for one in containers()[0]["volumeMounts"]} == volumes


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_understands_its_units(unit: Path, tmp_path: Path) -> None:
    # The program that it starts is nowhere but where it is deployed.
    text = re.sub(
        r"^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text(encoding="utf-8"), flags=re.M
    )
    copied = tmp_path / unit.name
    copied.write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", str(copied)], capture_output=True, text=True, check=False
    )
    ours = [line for line in done.stderr.splitlines() if unit.name in line]
    assert not ours
