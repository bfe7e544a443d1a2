"""Where releases are kept for all machines: an object store, or a directory that they share."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from common.errors import UserError
from common.files import NO_SPACE

# Of what is copied at a time; between two of them a transfer can be ended.
CHUNK_BYTES = 4 << 20
# What a store adds to an error changes each time, and helps nobody here.
REQUEST = re.compile(r"\s*\(Request ID.*", re.DOTALL)


class UnreachableError(UserError):
    """The place does not answer, or refuses."""


class StoppedError(Exception):
    """A transfer was ended because the process ends."""


class Place:
    """Files below a URL, as pyarrow's file systems know it.

    Whoever reads sees a file whole or not at all: object stores promise it, and in a directory
    files are written beside their names and renamed.

    Args:
        url: `s3://bucket/prefix`, `gs://…`, `file:///…` or a path. Of S3 the credentials and the
            address come from the environment (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL` …), the
            usual files or the machine's role.
        stopping: ends transfers once it is set.

    Attributes:
        url: the address as it may be shown, without its query.

    Raises:
        UserError: no such kind of address, or there are credentials in it.
        UnreachableError: it does not answer.
    """

    def __init__(self, url: str, stopping: threading.Event | None = None) -> None:
        from pyarrow import ArrowInvalid, fs

        self.url = check_address(url).partition("?")[0]
        self._stopping = stopping or threading.Event()
        try:
            self._files, root = fs.FileSystem.from_uri(_as_uri(url))
        except ArrowInvalid as error:
            raise UserError(
                f"no address of a store: {error}",
                where=self.url,
                hint="Give s3://bucket/prefix, gs://bucket/prefix, or a directory.",
            ) from None
        except OSError as error:
            raise self._unreachable(error) from None
        self._root = root.rstrip("/")
        self._is_directory = self._files.type_name == "local"

    def read(self, name: str) -> bytes | None:
        """All of a small file; None: there is none."""
        try:
            with self._files.open_input_stream(self._path(name)) as stream:
                return bytes(stream.read())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreachable(error) from None

    def write(self, name: str, data: bytes) -> None:
        """Write a small file in one step."""
        with self._writing(name) as stream:
            stream.write(data)

    def size(self, name: str) -> int | None:
        """Bytes of a file; None: there is none."""
        try:
            found = self._files.get_file_info(self._path(name))
        except OSError as error:
            raise self._unreachable(error) from None
        return int(found.size) if found.is_file else None

    def put(self, name: str, path: Path) -> None:
        """Copy a file there."""
        with path.open("rb") as source, self._writing(name) as target:
            self._copy(source, target)

    def get(self, name: str, path: Path) -> None:
        """Copy a file from there; `path` is new."""
        try:
            with (
                self._files.open_input_stream(self._path(name)) as source,
                path.open("xb") as target,
            ):
                self._copy(source, target)
        except FileNotFoundError:
            raise UserError(f"{name} is missing", where=self.url) from None
        except OSError as error:
            if error.filename is not None or error.errno in NO_SPACE:
                # Of this machine's disk, and not of the place.
                raise
            raise self._unreachable(error) from None

    @contextmanager
    def _writing(self, name: str) -> Iterator[Any]:
        path = self._path(name)
        try:
            if self._is_directory:
                final = Path(path)
                final.parent.mkdir(parents=True, exist_ok=True)
                temporary = final.with_name(f".{final.name}.{uuid4().hex}.tmp")
                try:
                    with temporary.open("wb") as file:
                        yield file
                        file.flush()
                        os.fsync(file.fileno())
                    temporary.replace(final)
                finally:
                    temporary.unlink(missing_ok=True)
            else:
                with self._files.open_output_stream(path) as stream:
                    yield stream
        except OSError as error:
            raise self._unreachable(error) from None

    def _copy(self, source: Any, target: Any) -> None:
        while chunk := source.read(CHUNK_BYTES):
            if self._stopping.is_set():
                raise StoppedError
            target.write(chunk)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _unreachable(self, error: OSError) -> UnreachableError:
        return UnreachableError(
            f"the store of releases does not answer: {REQUEST.sub('', str(error))}", where=self.url
        )


def check_address(url: str) -> str:
    """The address, if it names a place and is fit to be shown: one with a password in it is not.

    Raises:
        UserError: it holds credentials, or no bucket.
    """
    scheme, separator, rest = url.partition("://")
    path, _, query = rest.partition("?")
    if separator and "@" in path.partition("/")[0] + unquote(query):
        raise UserError(
            f"{scheme}://…: credentials do not belong into an address, where others can read them",
            hint="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use a role or ~/.aws.",
        )
    if not url or (separator and scheme != "file" and (path[:1] in {"", "/"} or "//" in path)):
        raise UserError(
            "no address of a store: its bucket, or a part of its prefix, is empty",
            where=f"{scheme}{separator}{path}",
            hint="Give s3://bucket/prefix, gs://bucket/prefix, or a directory.",
        )
    return url


def _as_uri(url: str) -> str:
    scheme, separator, _ = url.partition("://")
    if not separator:
        return str(Path(url).absolute())
    if scheme != "s3":
        return url
    # Small files go in one request instead of three.
    return f"{url}{'&' if '?' in url else '?'}allow_delayed_open=true"
