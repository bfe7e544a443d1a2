"""Three branches and a coordinator, from the command line on."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from branches import BRANCHES, SECRET, WORDS, Federation
from command_line import ROOT
from safetensors.numpy import load_file, save_file

from apps.customer_service.federating.starting import of_release
from common.errors import Exit
from common.files import file_sha256, read_json, write_json
from common.records.writing import write_table
from common.releases.registry import Registry
from common.releases.release import Release
from common.tuning.federated.beginning import is_named


@pytest.fixture(scope="module")
def ended(federation: Federation) -> Path:
    """A round without masks that everybody contributed to, not aggregated."""
    return federation.contribute("plain")


def _copy(ended: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(ended, tmp_path / "round"))


# Said at the end of a command, however it ends.
LOADED = """
import sys
from apps.customer_service.cli import main
try:
    main()
finally:
    print("torch" in sys.modules, file=sys.stderr)
"""


def test_who_joins_does_not_wait_for_torch(federation: Federation) -> None:
    words = map(str, federation.words("join", federation.init("quick"), "north"))
    command = [sys.executable, "-c", LOADED, *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert "north takes part" in done.stdout
    assert done.stderr.split()[-1] == "False"


def test_no_text_leaves_a_branch(ended: Path) -> None:
    files = [path for path in ended.rglob("*") if path.is_file()]
    assert len([path for path in files if path.parent.name == "contributions"]) == 6
    for path in files:
        content = path.read_bytes().lower()
        for text in (SECRET, "lost my card", "why this fee", "need a loan", "raise limit"):
            assert text.encode() not in content, f"{text!r} in {path}"


def test_the_joint_model_knows_everybodys_labels(
    federation: Federation, ended: Path, tmp_path: Path
) -> None:
    directory = _copy(ended, tmp_path)
    done = federation.run("federate", "aggregate", directory, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["labels"]["intents"] == len(WORDS)
    # A branch takes it over, and names intents that only others have texts of.
    store = tmp_path / "var"
    done = federation.run(
        "federate", "adopt", directory, "--questions", federation.file("north"),
        "--max-wrong", 0.5, "--store", store, "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    release = Registry(store, "customer_service").open(json.loads(done.stdout)["release_id"])
    assert read_json(release.directory / "model.json")["intents"] == sorted(WORDS)
    # And the next round begins where this one ended.
    done = federation.run(
        "federate", "init", tmp_path / "next", "--parties", "north,south", "--after", directory
    )
    assert done.returncode == 0, done.stderr
    assert read_json(tmp_path / "next" / "round.json")["classes"]["intents"] == sorted(WORDS)


def test_a_poisoned_contribution_is_left_out(
    federation: Federation, ended: Path, tmp_path: Path
) -> None:
    directory = _copy(ended, tmp_path)
    _change(
        directory, "web", "pooled.", lambda values: (values.view(np.int64) * 1000).view(np.uint64)
    )
    done = federation.run("federate", "aggregate", directory, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert "above the bound" in found["judged"]["web"]["left_out"]
    assert not found["judged"]["north"]["left_out"]
    assert found["lost"] == {"intents": ["limit"]}
    assert found["labels"]["intents"] == len(WORDS) - 1


def test_rows_of_labels_that_a_party_did_not_name_are_looked_at(
    federation: Federation, ended: Path, tmp_path: Path
) -> None:
    directory = _copy(ended, tmp_path)
    _change(directory, "web", "intents.directions", lambda values: np.roll(values, 1, axis=0))
    done = federation.run("federate", "aggregate", directory, "--json")
    assert done.returncode == 0, done.stderr
    assert "labels for others" in json.loads(done.stdout)["judged"]["web"]["left_out"]


def test_who_starts_from_a_release_sends_its_model_along(tmp_path: Path) -> None:
    about = {"base": "minilm", "query_prefix": "", "passage_prefix": "", "faqs": [], "intents": []}
    (tmp_path / "model.json").write_text(json.dumps(about))
    save_file({"projection.weight": np.eye(4, dtype="f4")}, tmp_path / "heads.safetensors")
    start = of_release(cast(Release, SimpleNamespace(directory=tmp_path)))
    assert not is_named(start.source)


def test_what_was_learned_does_not_judge(
    federation: Federation, ended: Path, tmp_path: Path
) -> None:
    directory = _copy(ended, tmp_path)
    assert federation.run("federate", "aggregate", directory).returncode == 0
    words = federation.words("adopt", directory, "north")
    mine = [word for word in words if word not in ("--party", "north")]
    done = federation.run(*mine, "--validation", federation.file("north"))
    assert done.returncode == Exit.BAD_INPUT
    assert "learned from in this round" in done.stderr


def test_masked_and_plain_rounds_come_to_the_same(federation: Federation) -> None:
    masked = federation.contribute("masked", "--masked")
    # The same draws as the other round had, so that only masks differ.
    done = federation.run("federate", "aggregate", masked, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["labels"]["intents"] == len(WORDS)
    sent = load_file(masked / "contributions" / "north.safetensors")["projection.weight"]
    # Of a masked one every bit is noise; of a plain one most are zeros.
    assert abs(np.unpackbits(sent.view(np.uint8)).mean() - 0.5) < 0.02
    _change(masked, "web", "projection.", lambda values: values + np.uint64(2**41))
    done = federation.run("federate", "aggregate", masked)
    assert done.returncode == Exit.REFUSED
    assert "sketches are not those" in done.stderr


def test_who_drops_out_is_waited_for_or_dropped(federation: Federation) -> None:
    directory = federation.init("dropped")
    for branch in BRANCHES:
        federation.verb("join", directory, branch)
    for branch in ("north", "south"):
        federation.verb("contribute", directory, branch)
    done = federation.run("federate", "aggregate", directory)
    assert done.returncode == Exit.REFUSED
    assert "no contribution of this round from web" in done.stderr
    done = federation.run("federate", "drop", directory, "--party", "web")
    assert done.returncode == 0, done.stderr
    # What was sent under the old parties counts no more, and what was learned is sent again.
    done = federation.run("federate", "aggregate", directory)
    assert done.returncode == Exit.REFUSED
    for branch in ("north", "south"):
        done = federation.run(*federation.words("contribute", directory, branch))
        assert done.returncode == 0, done.stderr
        assert "has learned already" in done.stderr
    assert federation.run("federate", "aggregate", directory).returncode == 0


def test_a_contribution_that_was_cut_off_counts_as_none(
    federation: Federation, ended: Path, tmp_path: Path
) -> None:
    directory = _copy(ended, tmp_path)
    path = directory / "contributions" / "south.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    done = federation.run("federate", "aggregate", directory)
    assert done.returncode == Exit.REFUSED
    assert "south" in done.stderr
    federation.verb("contribute", directory, "south")
    assert federation.run("federate", "aggregate", directory).returncode == 0


def test_another_base_is_refused(federation: Federation, ended: Path, tmp_path: Path) -> None:
    directory = _copy(ended, tmp_path)
    path = directory / "contributions" / "south.json"
    write_json(path, read_json(path) | {"base": {"model.safetensors": "0" * 64}})
    done = federation.run("federate", "aggregate", directory)
    assert done.returncode == Exit.BAD_INPUT
    assert "another base model" in done.stderr
    (directory / "start" / "model" / "model.safetensors").write_bytes(b"other")
    done = federation.run(*federation.words("contribute", directory, "north"))
    assert done.returncode == Exit.BAD_INPUT


def test_other_files_than_it_joined_with_are_refused(
    federation: Federation, ended: Path, tmp_path: Path
) -> None:
    words = [*federation.words("contribute", ended, "north")]
    words[words.index(federation.file("north"))] = federation.file("web")
    done = federation.run(*words)
    assert done.returncode == Exit.BAD_INPUT
    assert "has not joined with these files" in done.stderr


def test_a_private_branch_tells_its_budget_and_public_labels_alone(
    federation: Federation, tmp_path: Path
) -> None:
    directory = federation.init(
        "private",
        "--set",
        "privacy_epsilon=8",
        "--set",
        "batch_size=4",
        "--set",
        "privacy_delta=1e-3",
    )
    public = tmp_path / "public.csv"
    said = [{"question": t, "intent": i} for i in ("card", "fee") for t in WORDS[i]]
    write_table(public, said)
    for verb in ("join", "contribute"):
        for branch in BRANCHES if verb == "join" else ("web",):
            done = federation.run(*federation.words(verb, directory, branch), "--public", public)
            assert done.returncode == 0, done.stderr
    assert read_json(directory / "parties" / "web.json")["classes"] == {"intents": ["card", "fee"]}
    sent = read_json(directory / "contributions" / "web.json")
    assert 0 < sent["privacy"]["epsilon"] <= 8


def test_a_stranger_and_a_wrong_start_are_told(federation: Federation, tmp_path: Path) -> None:
    directory = federation.init("told")
    words = [*federation.words("join", directory, "web")]
    words[words.index("web")] = "moon"
    done = federation.run(*words)
    assert done.returncode == Exit.BAD_INPUT
    assert "north, south, web" in done.stderr
    done = federation.run("federate", "init", tmp_path / "x", "--parties", "a,b", "--masked",
                          "--backbone", federation.model)  # fmt: skip
    assert done.returncode == Exit.BAD_INPUT
    assert "at least 3" in done.stderr
    done = federation.run("federate", "init", tmp_path / "x", "--parties", "a,b")
    assert "a round starts from one model" in done.stderr


def _change(directory: Path, branch: str, prefix: str, change: object) -> None:
    """Put other numbers into a contribution, and vouch for them."""
    path = directory / "contributions" / f"{branch}.safetensors"
    values = load_file(path)
    for name in [name for name in values if name.startswith(prefix)]:
        values[name] = change(values[name])  # type: ignore[operator]
    save_file(values, path)
    about = path.with_suffix(".json")
    write_json(about, read_json(about) | {"sha256": file_sha256(path)})
