"""Requests made up from a server's own description: none may break it or its promises."""

from __future__ import annotations

from collections.abc import Collection

import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import CHECKS

CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
)


def try_every_operation(
    address: str, *, examples: int = 25, endless: Collection[str] = ()
) -> set[str]:
    """Hold every operation to the description; gives the paths there are.

    Args:
        endless: paths of streams that end with the server, which are not tried.
    """
    seen = set()
    description = schemathesis.openapi.from_url(f"{address}/openapi.json")
    for found in description.get_all_operations():
        operation = found.ok()
        seen.add(operation.path)
        if operation.path not in endless:
            _try(operation, examples)
    return seen


def _try(operation: schemathesis.APIOperation, examples: int) -> None:
    cases = st.one_of(
        operation.as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode
    )

    @given(case=cases)
    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def check(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=CHECKS.get_by_names(CHECKED))

    check()
