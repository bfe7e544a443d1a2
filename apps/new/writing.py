"""An application of one's own: a skeleton's files under its name."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from common.errors import UserError
from common.files import write_atomically

Kind = Literal["classify", "retrieve", "rank"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SKELETONS = Path(__file__).with_name("skeletons")
PACKAGE = "apps.new.skeletons"
# Has all files; those of another kind stand in their place.
BASIS: Kind = "classify"
TEST = "test_application.py"
NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Written:
    """Where a new application stands.

    Attributes:
        module: what `python -m` runs.
        top: the directory to run it from.
    """

    module: str
    top: Path
    package: Path
    test: Path


def write_application(name: str, kind: Kind, into: Path) -> Written:
    """Write a package `name` into a directory, and its test beside the topmost package.

    Raises:
        UserError: the name cannot be one, is taken, or would hide another package; or there is no
            such directory, or nothing can be written into it.
    """
    _check_name(name)
    if not into.is_dir():
        raise UserError("no such directory", where=str(into), hint=f"Make it: mkdir {into}")
    package, top = into.resolve() / name, _top(into.resolve())
    module = ".".join(package.relative_to(top).parts)
    if "." not in module:
        _check_not_hidden(name, top)
    test = top / "tests" / name / f"test_{name}.py"
    for path in (package, package.with_suffix(".py"), test.parent):
        if path.exists():
            raise UserError("already there; nothing is written", where=str(path))
    for path in _files(kind):
        target = test if path.name == TEST else package / path.name
        try:
            write_atomically(target, _renamed(path.read_text(encoding="utf-8"), kind, module))
        except OSError as error:
            raise UserError(f"cannot be written: {error.strerror}", where=str(target)) from None
    return Written(module, top, package, test)


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        raise UserError(
            f"{name!r} cannot be the name of an application",
            hint="Take a word of small letters, digits and _, like clinic_triage.",
        )
    ours = {path.name for path in SKELETONS.parents[1].iterdir()} | {"apps", "common", "tests"}
    if name in ours:
        raise UserError(f"{name!r} is a name of bizlm's own", hint="Take another.")


def _check_not_hidden(name: str, top: Path) -> None:
    """See that no other module would be hidden, or hide this one."""
    found = None if name in sys.modules else importlib.util.find_spec(name)
    place = found and (found.origin or next(iter(found.submodule_search_locations or ()), None))
    if name in sys.modules or (place and not Path(place).is_relative_to(top)):
        raise UserError(f"there is a Python module {name!r} already", hint="Take another name.")


def _top(directory: Path) -> Path:
    """The directory above the topmost package that `directory` is in, or itself."""
    while (directory / "__init__.py").exists():
        directory = directory.parent
    return directory


def _files(kind: Kind) -> list[Path]:
    """The files of a kind, and those of the basis that it lacks."""
    found = {
        path.name: path
        for one in (BASIS, kind)
        for path in (SKELETONS / one).iterdir()
        if path.is_file()
    }
    return [found[name] for name in sorted(found)]


def _renamed(text: str, kind: Kind, module: str) -> str:
    for one in {BASIS, kind}:
        text = text.replace(f"{PACKAGE}.{one}", module)
        for quoted in ('name="{}"', 'name = "{}"'):
            text = text.replace(quoted.format(one), quoted.format(module.rpartition(".")[2]))
    return text
