"""Requests made up from a server's own description: none may break it or its promises."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path

import httpx
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import CHECKS

from common.serving.keys.scopes import NEEDS, SCOPES, Scope
from common.serving.keys.writing import add_key

# `make fuzz`: so many for each operation, others in each run.
FUZZED = int(os.environ.get("BIZLM_FUZZ_EXAMPLES", "0"))
CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
)


def try_every_operation(
    address: str, *, examples: int = 12, endless: Collection[str] = (), key: str | None = None
) -> set[str]:
    """Hold every operation to the description; gives the paths there are.

    Args:
        endless: paths of streams that end with the server, which are not tried.
        key: of a server that has keys, one that may do all.
    """
    seen = set()
    headers = {"X-API-Key": key} if key else {}
    description = schemathesis.openapi.from_url(f"{address}/openapi.json", headers=headers)
    for found in description.get_all_operations():
        operation = found.ok()
        seen.add(operation.path)
        if operation.path not in endless:
            _try(operation, examples, headers)
    return seen


def make_keys(path: Path) -> dict[Scope, str]:
    """A file of keys: one for each scope."""
    return {scope: add_key(path, scope, [scope]) for scope in SCOPES}


def hold_scopes(address: str, keys: Mapping[Scope, str], endless: Collection[str] = ()) -> None:
    """No route answers without a key, or one that lacks its scope, but those that need none."""
    needs = {route.replace(":path}", "}"): need for route, need in NEEDS.items()}
    headers = {scope: {"X-API-Key": key} for scope, key in keys.items()}
    described = httpx.get(f"{address}/openapi.json", headers=headers["ask"]).json()["paths"]
    for path, operations in described.items():
        for method in map(str.upper, operations):
            need, url = needs[f"{method} {path}"], address + re.sub(r"{[^}]*}", "anything", path)
            body = {"json": {}} if method in {"POST", "PUT"} else {}
            if need == "nothing":
                assert httpx.request(method, url, **body).status_code != 401, path
                continue
            for sent in ({}, {"X-API-Key": "bizlm_wrong"}):
                assert httpx.request(method, url, headers=sent, **body).status_code == 401, path
            for scope in SCOPES:
                if path in endless and need == scope:
                    continue
                told = httpx.request(method, url, headers=headers[scope], **body)
                if need in {"any key", scope}:
                    assert told.status_code not in {401, 403}, path
                else:
                    assert (told.status_code, told.json()["scope"]) == (403, need), path


def _try(operation: schemathesis.APIOperation, examples: int, headers: dict[str, str]) -> None:
    cases = st.one_of(
        operation.as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode
    )

    @given(case=cases)
    @settings(
        max_examples=max(examples, FUZZED),
        deadline=None,
        derandomize=not FUZZED,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def check(case: schemathesis.Case) -> None:
        case.call_and_validate(headers=headers, checks=CHECKS.get_by_names(CHECKED))

    check()


def ask_what_balancers_and_browsers_ask(address: str, *, pages: Collection[str] = ("/",)) -> None:
    """HEAD and OPTIONS of every route, the probes and the page among them."""
    paths: dict[str, set[str]] = {
        path: {method.upper() for method in operations}
        for path, operations in httpx.get(f"{address}/openapi.json").json()["paths"].items()
    }
    paths |= {path: {"GET"} for path in ("/metrics", "/openapi.json", *pages)}
    for path in paths:
        concrete = re.sub(r"{[^}]*}", "anything", path)
        # A path with a fixed name may be that of a thing with this name, too.
        methods = {name for other in paths if _fits(other, concrete) for name in paths[other]}
        told = httpx.options(f"{address}{concrete}")
        assert told.status_code == 204, path
        allowed = set(told.headers["allow"].split(", "))
        head = {"HEAD"} if "GET" in methods else set()
        assert allowed == methods | head | {"OPTIONS"}, path
        assert "access-control-allow-origin" not in told.headers
        if "GET" in methods:
            found = httpx.head(f"{address}{concrete}")
            assert found.status_code not in {405, 500}, path
            assert not found.content
        missing = next(name for name in ("DELETE", "PATCH", "PUT") if name not in methods)
        wrong = httpx.request(missing, f"{address}{concrete}")
        assert wrong.status_code == 405, path
        assert set(wrong.headers["allow"].split(", ")) == allowed
    assert httpx.options(f"{address}/nowhere").status_code in {404, 405}
    for path in ("/healthz", "/", "/openapi.json"):
        if path in paths:
            got, head_ = httpx.get(f"{address}{path}"), httpx.head(f"{address}{path}")
            assert head_.headers["content-length"] == got.headers["content-length"]


def _fits(template: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"{[^}]*}", "[^/]+", template), path) is not None
