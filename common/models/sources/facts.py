"""What is true of a pretrained model and is not in its weights: it lies beside them.

`config_sentence_transformers.json` holds the prompts, as sentence-transformers writes them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from common.errors import UserError
from common.files import read_json, write_json

FACTS = "config_sentence_transformers.json"
# Beside the `model` of a release that was written before models had such a file.
RELEASE_FACTS = "model.json"
# Whoever writes prompts calls what is searched by one of these.
QUERY, PASSAGES = "query", ("document", "passage", "corpus")


def read_prompts(directory: Path) -> tuple[str, str] | None:
    """What the model was trained to see before a query and a passage; None: it says nothing.

    Raises:
        UserError: the file is not what it should be.
    """
    if (directory / FACTS).is_file():
        prompts = read_json(directory / FACTS).get("prompts", {})
        if not isinstance(prompts, dict):
            raise UserError("prompts: not an object", where=str(directory / FACTS))
        passage = next((prompts[name] for name in PASSAGES if prompts.get(name)), "")
        return str(prompts.get(QUERY) or ""), str(passage)
    beside = directory.parent / RELEASE_FACTS
    if directory.name == "model" and beside.is_file():
        known = read_json(beside)
        return str(known.get("query_prefix", "")), str(known.get("passage_prefix", ""))
    return None


def write_prompts(directory: Path, query: str, passage: str, *, default: bool = False) -> None:
    """Write them beside the model; what else stands in the file stays.

    Args:
        default: whoever encodes with the model and names no prompt gets the query's.
    """
    path = directory / FACTS
    facts: dict[str, Any] = read_json(path) if path.is_file() else {"similarity_fn_name": "cosine"}
    prompts = {"prompts": {QUERY: query, PASSAGES[0]: passage}}
    write_json(path, facts | prompts | ({"default_prompt_name": QUERY} if default else {}))
