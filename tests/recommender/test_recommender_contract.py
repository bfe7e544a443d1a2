"""What the server's own description promises, held by every operation."""

from __future__ import annotations

import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import CHECKS
from shop import Shop, serving

from apps.recommender.server import build_app

CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
)
EXAMPLES = 25


def test_every_operation_keeps_to_its_description() -> None:
    seen = set()
    with serving(build_app(Shop())) as address:
        description = schemathesis.openapi.from_url(f"{address}/openapi.json")
        for found in description.get_all_operations():
            operation = found.ok()
            seen.add(operation.path)
            _try(operation)
    assert {"/v1/users", "/v1/recommendations", "/healthz", "/readyz"} <= seen


def _try(operation: schemathesis.APIOperation) -> None:
    cases = st.one_of(
        operation.as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode
    )

    @given(case=cases)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def check(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=CHECKS.get_by_names(CHECKED))

    check()
