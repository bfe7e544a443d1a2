"""A round as a job of NVFlare, in its own simulator: two sites and a server."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from branches import SECRET, WORDS, Federation

from common.errors import Exit
from common.files import directory_hashes, read_json
from common.tuning.federated.flare.job import PACKAGE

pytestmark = [pytest.mark.slow]

# Between them they have all intents; each verb of each is a process that imports for seconds.
SITES = ("south", "web")


def _simulate(job: Path, workspace: Path) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("nvflare", reason="nvflare is not installed")
    return subprocess.run(
        [
            sys.executable, "-m", "nvflare.cli", "simulator", job, "-w", workspace,
            "-c", ",".join(SITES), "-t", str(len(SITES)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip


def _site_file(federation: Federation, workspace: Path, stores: Path) -> None:
    local = workspace / "local"
    local.mkdir(parents=True)
    tables = [
        f"[{branch}]\nquestions = {json.dumps(str(federation.file(branch)))}\n"
        f"store = {json.dumps(str(stores / f'var-{branch}'))}\n"
        for branch in SITES
    ]
    (local / "bizlm.toml").write_text("\n".join(tables))
    # NVFlare's own list of what a job may be made of has nobody else's classes.
    allowed = {"format_version": 2, "class_allow_list": [PACKAGE]}
    (local / "resources.json").write_text(json.dumps(allowed))


def test_a_job_ends_with_the_same_joint_model_as_the_files(
    federation: Federation, tmp_path: Path
) -> None:
    directory = federation.init("carried", parties=SITES)
    job, workspace = tmp_path / "job", tmp_path / "workspace"
    done = federation.run("federate", "job", directory, job)
    assert done.returncode == 0, done.stderr
    _site_file(federation, workspace, federation.root)
    done = _simulate(job, workspace)
    assert done.returncode == 0, done.stdout + done.stderr
    server, web = (
        workspace / site / "simulate_job" / f"app_{site}" / "round" for site in ("server", "web")
    )
    assert read_json(server / "joint" / "classes.json")["intents"] == sorted(WORDS)
    # Every branch has it too, beside its own contribution and nobody else's.
    assert directory_hashes(web / "joint") == directory_hashes(server / "joint")
    assert {path.stem for path in (web / "contributions").iterdir()} == {"web"}
    for path in (path for path in (workspace / "server").rglob("*") if path.is_file()):
        assert SECRET.encode() not in path.read_bytes().lower(), path
    # The same contributions, as files: what was learned in the job is sent again.
    for verb in ("join", "contribute"):
        for branch in SITES:
            done = federation.run(*federation.words(verb, directory, branch))
            assert done.returncode == 0, done.stderr
            assert verb == "join" or "has learned already" in done.stderr
    done = federation.run("federate", "aggregate", directory)
    assert done.returncode == 0, done.stderr
    assert directory_hashes(directory / "joint") == directory_hashes(server / "joint")


def test_a_site_that_cannot_join_ends_the_job_and_tells_why_at_home_alone(
    federation: Federation, tmp_path: Path
) -> None:
    directory = federation.init("failed", parties=SITES)
    job, workspace = tmp_path / "job", tmp_path / "workspace"
    assert federation.run("federate", "job", directory, job).returncode == 0
    _site_file(federation, workspace, tmp_path)
    site_file = workspace / "local" / "bizlm.toml"
    site_file.write_text(site_file.read_text().replace("south.csv", "elsewhere.csv"))
    done = _simulate(job, workspace)
    assert done.returncode != 0
    server = (workspace / "server" / "log.txt").read_text()
    assert "join: south: it failed there" in server
    assert "elsewhere.csv" not in server
    assert "elsewhere.csv" in (workspace / "south" / "log.txt").read_text()


def test_a_job_is_written_once(federation: Federation, tmp_path: Path) -> None:
    directory = federation.init("twice")
    (tmp_path / "job").mkdir()
    done = federation.run("federate", "job", directory, tmp_path / "job")
    assert done.returncode == Exit.BAD_INPUT
    assert "Name another" in done.stderr
