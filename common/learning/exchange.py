"""Corrections as tables, and in the JSON of Argilla and of Label Studio, both ways."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, create_model

from common.errors import UserError
from common.files import read_json, write_json
from common.learning.schema import Feedback
from common.records.fields import Text, content_hash
from common.records.personal import prepare
from common.records.reader import read_records
from common.records.writing import write_table

Format = Literal["table", "argilla", "label-studio"]
# What the question to the annotator is called in either tool.
QUESTION = "wanted"
_TEXT = TypeAdapter[str](Text)


def flat(row: Feedback) -> dict[str, Any]:
    """One row of a table; what is wanted and given stands in columns of its own."""
    at = datetime.fromtimestamp(row.at, UTC).isoformat(timespec="seconds")
    given = {f"given_{name}": value for name, value in row.given.items()}
    kept = ("id", "kind", "text", "status", "trusted", "source", "release_id", "learned_in")
    values = {name: getattr(row, name) for name in kept}
    return {**values, "at": at, **row.wanted, **given}


def write_feedback(path: Path, rows: Sequence[Feedback], form: Format, label: str) -> None:
    """Write rows for people to look at, or to label.

    Args:
        label: the name in `wanted` and `given` of what is labelled.

    Raises:
        UserError: a table of a format that cannot be written.
    """
    if form == "table":
        write_table(path, [flat(row) for row in rows])
    else:
        to_task = _to_argilla if form == "argilla" else _to_label_studio
        write_json(path, [to_task(row, label) for row in rows])


Parts = Callable[[Mapping[str, Any]], Sequence[dict[str, Any]]]


def read_feedback(
    path: Path, form: Format, label: str, labels: Sequence[str], parts_of: Parts | None = None
) -> list[Feedback]:
    """Corrections that annotators made: each accepted, for it comes from the business itself.

    The same text with the same label has the same id: a file read twice changes nothing.

    Args:
        labels: names that `wanted` may have.
        parts_of: from what a row wants, the corrections that it comes to; raises UserError.

    Raises:
        UserError: bad rows, or JSON of another form.
    """
    if form == "table":
        fields: dict[str, Any] = dict.fromkeys(labels, (str | None, None))
        model = create_model("Correction", __base__=_Correction, **fields)
        records = read_records(path, model)
        found = [(one.text, _wanted(one, labels)) for one in records]
        places = list(records.places)
    else:
        from_task = _from_argilla if form == "argilla" else _from_label_studio
        tasks = read_json(path)
        if not isinstance(tasks, list):
            raise UserError("not a list of tasks", where=str(path))
        places = [f"{path}: record {number}" for number in range(1, len(tasks) + 1)]
        found = [
            _checked(from_task, task, label, place)
            for task, place in zip(tasks, places, strict=True)
        ]
    for (_, wanted), place in zip(found, places, strict=True):
        if not wanted and form == "table":
            raise UserError(f"none of {', '.join(labels)} is given", where=place)
    if parts_of is not None:
        found = [
            (text, part)
            for (text, wanted), place in zip(found, places, strict=True)
            for part in _parts(wanted, parts_of, place)
        ]
    now = time.time()
    return [
        Feedback(
            id=content_hash("import", text, json.dumps(wanted, sort_keys=True)),
            at=now,
            source="import",
            trusted=True,
            kind="correction",
            text=prepare(text),
            wanted=wanted,
            status="accepted",
            decided_by="import",
            decided_at=now,
        )
        for text, wanted in found
        if wanted
    ]


def _parts(wanted: Mapping[str, Any], parts_of: Parts, place: str) -> Sequence[dict[str, Any]]:
    try:
        return parts_of(wanted)
    except UserError as error:
        raise UserError(error.what, where=place, hint=error.hint) from None


class _Correction(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True)

    text: Text


def _wanted(one: BaseModel, labels: Sequence[str]) -> dict[str, Any]:
    values = {name: getattr(one, name) for name in labels}
    return {name: value for name, value in values.items() if value}


def _checked(from_task: Any, task: Any, label: str, place: str) -> tuple[str, dict[str, Any]]:
    try:
        text, value = from_task(task)
        text = _TEXT.validate_python(text)
    except (KeyError, TypeError, IndexError, AttributeError, ValidationError) as error:
        raise UserError(
            f"not of the form that is expected: {str(error).splitlines()[0]}",
            where=place,
            hint="Export a row to see the form: feedback export --format …",
        ) from None
    return text, {label: value} if value else {}


def _to_argilla(row: Feedback, label: str) -> dict[str, Any]:
    suggested = row.wanted.get(label) or row.given.get(label)
    return {
        "id": row.id,
        "fields": {"text": row.text},
        "metadata": {"kind": row.kind, "release_id": row.release_id},
        "suggestions": {QUESTION: {"value": suggested}} if suggested else {},
        "responses": {},
        "status": "pending",
    }


def _from_argilla(task: Mapping[str, Any]) -> tuple[str, str | None]:
    responses = task.get("responses", {}).get(QUESTION) or []
    value = responses[0]["value"] if responses else None
    return task["fields"]["text"], value


def _to_label_studio(row: Feedback, label: str) -> dict[str, Any]:
    suggested = row.wanted.get(label) or row.given.get(label)
    result = [_choice(suggested)] if suggested else []
    return {
        "data": {"text": row.text, "feedback_id": row.id, "kind": row.kind},
        "predictions": [{"model_version": row.release_id or "", "result": result}],
        "annotations": [],
    }


def _choice(value: str) -> dict[str, Any]:
    return {
        "from_name": QUESTION,
        "to_name": "text",
        "type": "choices",
        "value": {"choices": [value]},
    }


def _from_label_studio(task: Mapping[str, Any]) -> tuple[str, str | None]:
    # One who skipped a task may have chosen something before.
    made = [one for one in task.get("annotations", []) if not one.get("was_cancelled")]
    results = [one for done in made for one in done["result"]]
    chosen = [one["value"]["choices"][0] for one in results if one["from_name"] == QUESTION]
    return task["data"]["text"], chosen[0] if chosen else None
