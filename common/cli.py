"""What the command lines of all applications share: options, errors, exit codes."""

from __future__ import annotations

import difflib
import json
import logging
import os
import sys
from collections.abc import Collection, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from common.addresses import VARIABLE, allow
from common.console import say
from common.errors import Exit, UserError
from common.files import check_readable
from common.recorded_cli import RecordedCommand
from common.records.paths import STDIN, expand
from common.trouble import trouble_of

if TYPE_CHECKING:
    pass


def existing(value: Path | list[Path] | None) -> Path | list[Path] | None:
    """Of an option that names tables to read: seen before anything is imported or read.

    Where several are taken, a folder stands for all of its tables; `-` is stdin.

    Raises:
        UserError: one is missing or cannot be read.
    """
    if isinstance(value, list):
        return expand(value)
    if value == STDIN:
        return expand([value])[0]
    if value is not None:
        check_readable(value)
    return value


class BadRow(StrEnum):
    """What to do with rows that cannot be read."""

    fail = "fail"
    skip = "skip"


Store = Annotated[
    Path, typer.Option("--store", envvar="BIZLM_STORE", help="Where releases and runs are kept.")
]
Backbone = Annotated[
    str,
    typer.Option(
        "--backbone",
        envvar="BIZLM_BACKBONE",
        help="minilm, e5-small, smollm2, a hub id, a directory or a release.",
    ),
]
Device = Annotated[
    str, typer.Option("--device", envvar="BIZLM_DEVICE", help="auto, cpu, cuda, cuda:1, mps …")
]
# Of `train`, where they are settings: None leaves them to the settings file and the defaults.
DeviceSetting = Annotated[
    str | None,
    typer.Option("--device", envvar="BIZLM_DEVICE", help="auto (default), cpu, cuda, cuda:1 …"),
]
PrecisionSetting = Annotated[
    Literal["auto", "fp32", "bf16", "fp16"] | None,
    typer.Option(
        "--precision",
        envvar="BIZLM_PRECISION",
        help="auto (default): bf16 where the GPU or the CPU has it.",
    ),
]
SeedSetting = Annotated[
    int | None,
    typer.Option(
        "--seed",
        envvar="BIZLM_SEED",
        help="Random seed; the same seed repeats a run exactly. Default: 0.",
    ),
]
# Of what serves, or reads as a server does.
ServingPrecision = Annotated[
    Literal["auto", "fp32", "int8"],
    typer.Option(
        "--precision",
        envvar="BIZLM_SERVING_PRECISION",
        help="auto (as trained, fp32), or int8: smaller and faster on a CPU, if it answers alike.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object instead of tables.")]
Mapping = Annotated[
    list[str] | None, typer.Option("--map", help="field=column, for columns with other names.")
]

Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="A setting, e.g. epochs=3 or strategy=lora; the verb `settings` lists them all. "
        "May be repeated.",
    ),
]
Config = Annotated[
    Path | None, typer.Option("--config", help="Settings as a TOML file.", callback=existing)
]
Resume = Annotated[bool, typer.Option("--resume", help="Continue an interrupted run.")]
Promote = Annotated[
    bool | None,
    typer.Option(
        "--promote/--no-promote",
        help="Default: serve the release if it is no worse. --promote: also where the held-out "
        "records are too few to decide; --no-promote: only keep it.",
    ),
]
OnBadRow = Annotated[
    BadRow, typer.Option("--on-bad-row", help="fail, or skip and write the bad rows to a file.")
]

AllowAddress = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-address",
        help="A host that may be connected to though it is this machine, as 127.0.0.1 for a model "
        "that is served here, or answers a cloud's machines alone. May be repeated.",
        envvar=VARIABLE,
        callback=allow,
        is_eager=True,
    ),
]


class _App(typer.Typer):
    """Its verbs are recorded where they change something."""

    def command(self, name: str | None = None, **settings: Any) -> Any:
        return super().command(name, **{"cls": RecordedCommand, **settings})


def new_app(
    help_text: str, *, application: str | None = None, no_args_is_help: bool = True
) -> typer.Typer:
    """A typer application in the house's manner.

    Args:
        application: in whose audit log its verbs are; None: of a part of one.
    """
    return _App(
        name=application,
        help=help_text,
        no_args_is_help=no_args_is_help,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )


def run(app: typer.Typer) -> None:
    """Run `app` and exit: a user's mistake is shown without a traceback."""
    # What one joins here is said by our own lines; libraries speak when they fail.
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    # Whoever imports it, it tells of a kernel that it looked for and can do without.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        app()
    except UserError as error:
        say(f"Error: {error}")
        sys.exit(error.exit_code)
    except SystemExit as end:
        # typer turns Ctrl+C into this, without a word.
        if end.code == Exit.INTERRUPTED:
            say("Interrupted. Finished work is kept. Run the same command to continue;")
            say("  for train, add --resume.")
        raise
    except BrokenPipeError:
        # The reader of our output, such as `head`, has gone.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(Exit.DONE)
    except Exception as error:
        trouble = trouble_of(error)
        if trouble is None:
            raise
        say(f"Error: {trouble}")
        sys.exit(Exit.REFUSED)


def check_backbone(backbone: str) -> None:
    """Refuse a backbone that there is not, before anything heavy is imported or downloaded.

    Raises:
        UserError: as `common.models.sources.bundled.check`.
    """
    if backbone != "auto":
        from common.models.sources.bundled import check

        check(backbone)


def parse_mapping(pairs: Sequence[str] | None, fields: Collection[str]) -> dict[str, str]:
    """`field=column` pairs as a dict.

    Raises:
        UserError: no equals sign, or a field that no record has.
    """
    mapping = {}
    for pair in pairs or ():
        name, separator, column = pair.partition("=")
        if not separator or not column:
            raise UserError(f"--map {pair}: not of the form field=column")
        if name not in fields:
            near = difflib.get_close_matches(name, fields, n=1) or sorted(fields)
            raise UserError(f"--map {pair}: there is no field {name!r}", hint=", ".join(near))
        mapping[name] = column
    return mapping


def print_json(value: object) -> None:
    """One JSON object to stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")
