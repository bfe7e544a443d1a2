"""What holds for every kind of pretrained model: it is tuned, kept, opened and carried on alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from processes import run
from toy import KINDS, WORDS, outputs, run_apart, tune
from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel

from common.errors import UserError
from common.models.sources.bundled import Source
from common.models.sources.facts import write_prompts

POOLINGS = ("cls", "lasttoken", "max")
# Of each family one, where every run is a process of its own.
CARRIED = ("encoder, lasttoken", "pair scorer", "generator")
NAMES = ("encoder", *(f"encoder, {pooling}" for pooling in POOLINGS), "pair scorer", "generator")
# Opens what was written in a process of its own, with what anybody has.
OPEN = """
import json, sys
kind, directory, inputs = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
if kind == "pair scorer":
    from sentence_transformers import CrossEncoder
    found = CrossEncoder(directory, device="cpu").predict([tuple(pair) for pair in inputs]).tolist()
elif kind == "generator":
    from transformers import AutoModelForCausalLM, AutoTokenizer
    tokenizer = AutoTokenizer.from_pretrained(directory)
    model = AutoModelForCausalLM.from_pretrained(directory, dtype="float32")
    found = []
    for conversation in inputs:
        ids = tokenizer.apply_chat_template(
            conversation[:-1], add_generation_prompt=True, return_tensors="pt", return_dict=False
        )
        found.append(model(ids).logits[0, -1].tolist())
else:
    from sentence_transformers import SentenceTransformer
    found = SentenceTransformer(directory, device="cpu").encode(inputs).tolist()
print(json.dumps(found))
"""

# Opens what was written as base and adapter, which only we can.
OPEN_KEPT = """
import json, sys
kind, directory, inputs = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
sys.path[:0] = sys.argv[4:]
from pathlib import Path
from toy import KINDS, outputs
from common.models.sources.bundled import Source
opened = KINDS[kind][1](Source("written", Path(directory)))
print(json.dumps(outputs(kind, opened, inputs).tolist()))
"""
# Of what can be folded, and of what cannot, with the rates that a tiny model wants.
ADDED: dict[str, dict[str, Any]] = {
    "dora": {"strategy": "lora", "lora_variant": "dora", "learning_rate": 1e-2},
    "adalora": {"strategy": "adalora", "lora_rank": 4, "learning_rate": 3e-2},
    "ia3": {"strategy": "ia3", "learning_rate": 1e-1},
    "adapter": {"strategy": "adapter", "adapter_width": 8, "learning_rate": 1e-2},
    "prompt": {"strategy": "prompt", "learned_tokens": 4, "learning_rate": 1e-1},
    "prefix": {"strategy": "prefix", "learned_tokens": 4, "learning_rate": 1e-1},
    "int8": {"strategy": "lora", "quantised_base": "int8", "learning_rate": 1e-2},
    "int4": {"strategy": "lora", "quantised_base": "int4", "learning_rate": 1e-2},
    "lora, kept": {"strategy": "lora", "keep_adapter": True, "learning_rate": 1e-2},
}

# Only a causal model's base is held so.
QUANTISED = ("int8", "int4")


@pytest.fixture(scope="module")
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def model(kind: str, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("kind")
    if kind == "generator":
        torch.manual_seed(0)
        tokenizer = AutoTokenizer.from_pretrained(tiny_model)
        sizes = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64}
        # Its dropouts have names of their own, which no setting reaches.
        still = dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0.0)
        config = GPT2Config(vocab_size=len(tokenizer), eos_token_id=3, **sizes, **still)
        GPT2LMHeadModel(config).save_pretrained(directory)
        # No chat template, padding on the left, and `[SEP]` for the end.
        tokenizer.padding_side, tokenizer.eos_token = "left", "[SEP]"
        tokenizer.save_pretrained(directory)
        return directory
    for file in tiny_model.iterdir():
        (directory / file.name).write_bytes(file.read_bytes())
    if "," in kind:
        place = directory / "1_Pooling"
        place.mkdir()
        chosen = {"word_embedding_dimension": 32, "pooling_mode": kind.partition(", ")[2]}
        (place / "config.json").write_text(json.dumps(chosen))
        modules = [
            {"idx": n, "name": str(n), "path": path, "type": f"sentence_transformers.models.{name}"}
            for n, (path, name) in enumerate((("", "Transformer"), ("1_Pooling", "Pooling")))
        ]
        (directory / "modules.json").write_text(json.dumps(modules))
    write_prompts(directory, "", "")
    return directory


def _family(kind: str) -> str:
    return kind.partition(",")[0]


@pytest.mark.parametrize("kind", NAMES, indirect=True)
@pytest.mark.parametrize("strategy", ["full", "lora", "top-layers:1"])
def test_it_learns_and_is_the_same_when_opened_again(
    kind: str, model: Path, tmp_path: Path, strategy: str
) -> None:
    rate = 2e-3 if strategy == "full" else 1e-2
    tuned = tune(
        model, tmp_path / "work", kind=_family(kind), strategy=strategy, learning_rate=rate,
        epochs=12, dropout=0.0,
    )  # fmt: skip
    assert tuned.after["loss"] < 0.95 * tuned.before["loss"]
    _, load, save = KINDS[_family(kind)]
    save(tuned.pretrained, tmp_path / "written")
    again = load(Source("written", tmp_path / "written"))
    for name, tensor in tuned.module.network.state_dict().items():
        assert torch.equal(again.network.state_dict()[name], tensor), name
    assert again.max_length == tuned.pretrained.max_length


@pytest.mark.parametrize("kind", ["generator"], indirect=True)
def test_where_there_is_no_head_a_frozen_network_is_refused(
    kind: str, model: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="nothing would learn"):
        tune(model, tmp_path / "work", kind=kind, strategy="head")


@pytest.mark.parametrize("kind", ["pair scorer"], indirect=True)
@pytest.mark.parametrize("strategy", ["head", "lora"])
def test_the_head_of_a_pair_scorer_always_learns(
    kind: str, model: Path, tmp_path: Path, strategy: str
) -> None:
    before = KINDS[kind][1](Source("tiny", model)).network.state_dict()
    tuned = tune(model, tmp_path / "work", kind=kind, strategy=strategy, epochs=1)
    after = tuned.module.network.state_dict()
    assert not torch.equal(after["classifier.weight"], before["classifier.weight"])
    words = "bert.embeddings.word_embeddings.weight"
    assert torch.equal(after[words], before[words])


@pytest.mark.parametrize(
    ("kind", "added"),
    [
        *(("encoder", added) for added in ADDED if added not in QUANTISED),
        *(("pair scorer", added) for added in ("dora", "adapter")),
        *(("generator", added) for added in ("adalora", "prompt", "prefix", *QUANTISED)),
    ],
    indirect=["kind"],
)
def test_what_is_added_learns_and_is_the_same_in_a_fresh_process(
    kind: str, model: Path, tmp_path: Path, added: str
) -> None:
    if added in QUANTISED:
        pytest.importorskip("bitsandbytes")
    task, load, save = KINDS[kind]
    tuned = tune(model, tmp_path / "work", kind=kind, epochs=12, dropout=0.0, **ADDED[added])
    # A random network's scores hardly depend on the pair, and its words' vectors are short.
    at_most = 0.95 if kind == "encoder" else 1.0
    assert tuned.after["loss"] < at_most * tuned.before["loss"]
    assert 0 < tuned.trained_parameters < tuned.all_parameters / 2
    save(tuned.pretrained, tmp_path / "written")
    inputs = [task().input(word) for word in WORDS[:5]]
    expected = outputs(kind, tuned.pretrained, inputs)
    again = load(Source("written", tmp_path / "written"))
    torch.testing.assert_close(outputs(kind, again, inputs), expected, atol=1e-5, rtol=0)
    is_kept = added not in {"dora", "adalora", "ia3"}
    assert (tmp_path / "written" / "adapter.json").exists() == is_kept
    found = _opened_apart(kind, tmp_path / "written", inputs, is_kept=is_kept)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", ["generator"], indirect=True)
@pytest.mark.parametrize("added", ["prompt", "prefix"])
def test_early_stopping_restores_the_best_of_what_was_added(
    kind: str, model: Path, tmp_path: Path, added: str
) -> None:
    # Rates this high ruin the model after some epochs.
    ruinous = {**ADDED[added], "learning_rate": 30.0, "optimizer": "sgd", "gradient_clipping": 0}
    tuned = tune(
        model, tmp_path / "work", kind=kind, epochs=12, patience=2, dropout=0.0,
        schedule="constant_with_warmup", **ruinous,
    )  # fmt: skip
    losses = [entry["eval_loss"] for entry in tuned.history if "eval_loss" in entry]
    assert losses[-1] > min(losses)
    assert tuned.after["loss"] == pytest.approx(min(losses), rel=1e-5)


def _opened_apart(kind: str, directory: Path, inputs: list[Any], *, is_kept: bool) -> torch.Tensor:
    """What the model says in a fresh process."""
    tests = Path(__file__)
    places = [str(tests.parent), str(tests.parents[3])]
    script = OPEN_KEPT if is_kept else OPEN
    done = run("-c", script, kind, directory, json.dumps(inputs), *places)
    assert done.returncode == 0, done.stderr
    return torch.tensor(json.loads(done.stdout))


@pytest.mark.parametrize("kind", NAMES, indirect=True)
def test_anybody_can_open_it(kind: str, model: Path, tmp_path: Path) -> None:
    family = _family(kind)
    task, _, save = KINDS[family]
    tuned = tune(model, tmp_path / "work", kind=family, epochs=1)
    save(tuned.pretrained, tmp_path / "written")
    inputs = [task().input(word) for word in WORDS[:5]]
    found = _opened_apart(family, tmp_path / "written", inputs, is_kept=False)
    torch.testing.assert_close(found, outputs(family, tuned.pretrained, inputs), atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", CARRIED, indirect=True)
def test_a_killed_run_resumes_to_the_same_weights(kind: str, model: Path, tmp_path: Path) -> None:
    same = (f"kind={_family(kind)}", "strategy=lora", "learning_rate=0.01")
    whole = run_apart(model, tmp_path / "whole", *same)
    run_apart(model, tmp_path / "killed", "die_after=1", *same)
    resumed = run_apart(model, tmp_path / "killed", "--resume", *same)
    assert resumed["after"] == pytest.approx(whole["after"], rel=1e-6)
    for name, values in whole["weights"].items():
        assert resumed["weights"][name] == pytest.approx(values, rel=1e-5, abs=1e-7), name


@pytest.mark.parametrize(
    ("kind", "added"),
    [("encoder", "adalora"), ("pair scorer", "adapter"), ("generator", "prefix")],
    indirect=["kind"],
)
def test_a_killed_run_goes_on_with_what_was_added(
    kind: str, model: Path, tmp_path: Path, added: str
) -> None:
    same = (f"kind={kind}", *(f"{name}={value}" for name, value in ADDED[added].items()))
    whole = run_apart(model, tmp_path / "whole", *same)
    run_apart(model, tmp_path / "killed", "die_after=2", *same)
    resumed = run_apart(model, tmp_path / "killed", "--resume", *same)
    assert resumed["after"] == pytest.approx(whole["after"], rel=1e-6)
    for name, values in whole["weights"].items():
        assert resumed["weights"][name] == pytest.approx(values, rel=1e-5, abs=1e-7), name


@pytest.mark.parametrize("kind", CARRIED, indirect=True)
def test_two_processes_learn_what_one_does(kind: str, model: Path, tmp_path: Path) -> None:
    same = (
        *(f"kind={_family(kind)}", "group_by_length=false", "dropout=0.0", "gradient_clipping=0"),
        *("optimizer=sgd", "warmup=0"),
    )
    one = run_apart(model, tmp_path / "one", "batch_size=8", *same)
    two = run_apart(model, tmp_path / "two", "batch_size=4", *same, ranks=2)
    assert two["after"] == pytest.approx(one["after"], rel=1e-3)


@pytest.mark.parametrize("kind", CARRIED, indirect=True)
@pytest.mark.parametrize("strategy", ["full", "lora"])
def test_two_processes_that_share_the_weights_learn_what_one_does(
    kind: str, model: Path, tmp_path: Path, strategy: str
) -> None:
    same = (f"kind={_family(kind)}", "group_by_length=false", "dropout=0.0", "lora_dropout=0")
    same += (f"strategy={strategy}", "learning_rate=0.003", "gradient_clipping=0.1")
    one = run_apart(model, tmp_path / "one", "batch_size=8", *same)
    shared = ("batch_size=4", "sharded=true", f"written={tmp_path / 'written'}")
    two = run_apart(model, tmp_path / "two", *shared, *same, ranks=2)
    assert two["after"] == pytest.approx(one["after"], rel=1e-2)
    for name, values in one["weights"].items():
        assert two["weights"][name] == pytest.approx(values, rel=1e-2, abs=1e-3), name
    opened = KINDS[_family(kind)][1](Source("written", tmp_path / "written")).network.state_dict()
    # The toy encoder's names lead through its pooling.
    for name, values in two["weights"].items():
        own = name.removeprefix("network.").removeprefix("pooled.encoder.")
        if own in opened:
            assert opened[own].flatten()[:8].tolist() == pytest.approx(values), own
