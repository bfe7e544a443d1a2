"""Two real servers, one of two workers, whose releases come from one S3 bucket."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import httpx
from object_store import BUCKET, needs_moto, object_store
from processes import run as run_process
from sample import Demo
from server import running

from common.releases.registry import Registry
from common.releases.release import write_release


def _again(registry: Registry) -> str:
    """What serves once more, as another release."""
    source = registry.open().directory

    def fill(directory: Path) -> None:
        shutil.copytree(source, directory, dirs_exist_ok=True)
        (directory / "manifest.json").unlink()
        (directory / "note.txt").write_text("the second\n", encoding="utf-8")

    manifest = registry.open().manifest
    kept = {k: v for k, v in manifest.items() if k not in {"files", "release_id", "content"}}
    return write_release(registry.releases, fill, kept).release_id


@needs_moto
def test_a_promotion_on_one_machine_is_served_by_the_other(
    demo: Demo, tmp_path: Path, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    here = shutil.copytree(demo.store, tmp_path / "here", symlinks=True)
    url = f"s3://{BUCKET}/bizlm"
    registry = Registry(here, "customer_service")
    with object_store():
        place = ("--to", url, "--store", here)
        pushed = run_process("-m", "apps.customer_service", "releases", "push", *place)
        assert pushed.returncode == 0, pushed.stderr
        with (
            running(here, "--releases-from", url) as first,
            running(tmp_path / "there", "--workers", "2", "--releases-from", url) as second,
        ):

            def serving(address: str) -> str:
                reply = httpx.get(f"{address}/readyz", timeout=30)
                assert reply.status_code == 200
                return str(reply.json()["reasons"]["release_id"])

            assert serving(first) == serving(second) == registry.current_id()
            assert "bizlm_releases_unfollowed 0.0" in httpx.get(f"{second}/metrics").text
            other = _again(registry)
            body = {"release_id": other}
            reply = httpx.post(f"{first}/v1/releases/promotions", json=body, timeout=60)
            assert reply.status_code == 200, reply.text
            eventually(lambda: serving(second) == other)
            answer = httpx.post(f"{second}/v1/answers", json={"question": "Hello?"}, timeout=60)
            assert answer.status_code == 200, answer.text
