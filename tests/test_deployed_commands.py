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
KUSTOMIZATION = DEPLOY / "kubernetes" / "kustomization.yaml"
PROBED = {"/healthz", "/readyz"}


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every command that starts a server: where it stands, and its words from the module on."""
    for unit in UNITS:
        [line] = re.findall(r"^ExecStart=.* -m (.*)$", unit.read_text(encoding="utf-8"), re.M)
        yield unit.name, shlex.split(line)
    image = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    yield "Dockerfile", json.loads(re.findall(r"^CMD (.*)$", image, re.M)[0])
    for name, service in servers().items():
        yield f"compose.yaml {name}", service["command"]
    for container in containers():
        yield f"kubernetes {container['args'][0]}", container["args"]


def compose() -> Any:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


def servers() -> dict[str, Any]:
    """The services of the compose file that are ours."""
    services = compose()["services"].items()
    return {name: one for name, one in services if one["image"] == "bizlm"}


def manifests() -> list[Any]:
    files = sorted(set((DEPLOY / "kubernetes").glob("*.yaml")) - {KUSTOMIZATION})
    return [one for path in files for one in yaml.safe_load_all(path.read_text(encoding="utf-8"))]


def containers() -> list[Any]:
    return [one for each in of_kind("Deployment") for one in pod(each)["containers"]]


def of_kind(kind: str) -> list[Any]:
    return [one for one in manifests() if one["kind"] == kind]


def pod(workload: Any) -> Any:
    """The specification of the pods of a Deployment or a CronJob."""
    spec = workload["spec"]
    return (spec["jobTemplate"]["spec"] if "jobTemplate" in spec else spec)["template"]["spec"]


def port_of(command: list[str]) -> int:
    return int(command[command.index("--port") + 1])


def understood(command: list[str]) -> list[str]:
    """The options of a command, each of which its verb has."""
    module, verb, *options = command
    app = importlib.import_module(f"{module}.cli").app
    group: Any = typer.main.get_command(app)
    # Files that are only there where it is deployed are not looked for.
    found = group.commands[verb]
    parser = found.make_parser(found.context_class(found))
    _, left, _ = parser.parse_args(args=list(options))
    assert left == []
    return options


@pytest.mark.parametrize(
    ("place", "command"), [*commands()], ids=[place for place, _ in commands()]
)
def test_a_command_is_understood_and_asks_for_keys(place: str, command: list[str]) -> None:
    options = understood(command)
    assert "--api-key-file" in options
    if "--workers" in options:
        assert int(options[options.index("--workers") + 1]) > 1


def test_ports_and_probes_are_those_of_the_server() -> None:
    for service in servers().values():
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


def test_where_8_bits_are_made_there_is_the_memory_for_it() -> None:
    """Four GB, as docs/operations.md has it: the process that makes them takes three."""
    limits = [(one["command"], one["mem_limit"]) for one in servers().values()]
    limits += [(one["args"], one["resources"]["limits"]["memory"]) for one in containers()]
    for unit in UNITS:
        text = unit.read_text(encoding="utf-8")
        limits += zip([text], re.findall(r"^MemoryMax=(.*)$", text, re.M), strict=True)
    assert len(limits) == 9
    for command, limit in limits:
        assert "int8" not in command or int(re.findall(r"\d+", limit)[0]) >= 4, command


def test_what_kubernetes_selects_is_what_is_deployed() -> None:
    labels = {}
    for one in of_kind("Deployment"):
        spec, name = one["spec"], one["metadata"]["name"]
        labels[name] = spec["template"]["metadata"]["labels"]
        assert spec["selector"]["matchLabels"] == labels[name]
        # What holds the windows of a feed runs once; others answer while the next one begins.
        is_alone = name == "bizlm-finance-monitor"
        assert (spec["replicas"] == 1) == is_alone
        rolls = spec["strategy"].get("rollingUpdate")
        assert rolls == (None if is_alone else {"maxUnavailable": 0, "maxSurge": 1})
    selected = {one["metadata"]["name"]: one["spec"]["selector"] for one in of_kind("Service")}
    assert selected == labels
    for budget in of_kind("PodDisruptionBudget"):
        assert budget["spec"]["selector"]["matchLabels"] == labels[budget["metadata"]["name"]]


def test_what_kubernetes_runs_mounts_what_there_is_and_is_not_root() -> None:
    claims = {one["metadata"]["name"] for one in of_kind("PersistentVolumeClaim")}
    for workload in (*of_kind("Deployment"), *of_kind("CronJob")):
        own = pod(workload)
        assert own["securityContext"]["runAsNonRoot"]
        named = [volume.get("persistentVolumeClaim", {}) for volume in own["volumes"]]
        assert {one["claimName"] for one in named if one} <= claims
        for container in own["containers"]:
            mounted = {one["name"] for one in container["volumeMounts"]}
            assert mounted == {one["name"] for one in own["volumes"]}
            assert container["securityContext"]["readOnlyRootFilesystem"]


def test_a_night_s_lists_have_a_place_of_their_own_that_each_try_goes_on_in() -> None:
    (job,) = of_kind("CronJob")
    (container,) = pod(job)["containers"]
    options = understood(container["args"])
    place = options[options.index("--out") + 1]
    (variable,) = container["env"]
    assert place.endswith(f"$({variable['name']})")
    assert "job-name" in variable["valueFrom"]["fieldRef"]["fieldPath"]
    assert job["spec"]["concurrencyPolicy"] == "Forbid"


def test_releases_from_a_store_need_no_volume_that_many_mount() -> None:
    written = yaml.safe_load(KUSTOMIZATION.read_text(encoding="utf-8"))
    by_kind = {one["target"]["kind"]: yaml.safe_load(one["patch"]) for one in written["patches"]}
    claim = by_kind["PersistentVolumeClaim"]
    assert claim["$patch"] == "delete"
    deployment = next(
        one for one in of_kind("Deployment") if one["metadata"]["name"] == "bizlm-customer-service"
    )
    for change in by_kind["Deployment"]:
        *path, last = change["path"].strip("/").split("/")
        place: Any = deployment
        for step in path:
            place = place[int(step) if step.isdigit() else step]
        if change["op"] == "replace":
            assert place[int(last)]["name"] == change["value"]["name"]
        place[int(last) if last.isdigit() else last] = change["value"]
    own = pod(deployment)
    assert claim["metadata"]["name"] not in str(own["volumes"])
    assert own["containers"][0]["envFrom"] == [{"secretRef": {"name": "bizlm-releases"}}]
    validate(deployment)


def validate(manifest: Any) -> None:
    """As Kubernetes' own schema has it, nothing more in it."""
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    kubernetes_validate.validate(manifest, "1.30", strict=True)


@pytest.mark.parametrize(
    "manifest", manifests(), ids=lambda one: f"{one['kind']}-{one['metadata']['name']}"
)
def test_kubernetes_knows_its_manifests(manifest: Any) -> None:
    validate(manifest)


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
