"""Which sites may show the chat, and what their visitors may ask."""

from __future__ import annotations

import pytest

from apps.customer_service.widget.visiting import read_visitors
from common.errors import UserError
from common.serving.visitors import Visitors, read_origins


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("https://shop.example", "https://shop.example"),
        ("https://Shop.example/", "https://shop.example"),
        ("https://shop.example:443", "https://shop.example"),
        ("https://shop.example:8443", "https://shop.example:8443"),
        ("https://*.shop.example", "https://*.shop.example"),
        ("https://商店.example", "https://xn--czrs0t.example"),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("http://[::1]:9000", "http://[::1]:9000"),
    ],
)
def test_an_origin_is_read_as_browsers_write_it(given: str, read: str) -> None:
    assert read_origins([given, given]) == (read,)


@pytest.mark.parametrize(
    "given",
    [
        "shop.example",
        "*",
        "https://shop.example/help",
        "https://user@shop.example",
        "https://shop.example?x=1",
        "https://shop.example:port",
        "https://shop.example; script-src *",
        "ftp://shop.example",
        "",
    ],
)
def test_what_is_no_origin_is_refused(given: str) -> None:
    with pytest.raises(UserError, match="no origin of a site"):
        read_origins([given])


def test_a_site_that_could_be_changed_on_its_way_is_refused() -> None:
    with pytest.raises(UserError, match="changed on its way"):
        read_origins(["http://shop.example"])


def test_without_keys_only_sites_of_this_machine_may_show_the_chat() -> None:
    assert read_visitors((), 30, has_keys=False) is None
    assert read_visitors(["http://localhost:9000"], 30, has_keys=False)
    assert read_visitors(["https://shop.example"], 30, has_keys=True)
    with pytest.raises(UserError, match="without keys"):
        read_visitors(["https://shop.example", "http://localhost"], 30, has_keys=False)


def test_a_path_stands_for_itself_and_one_with_a_slash_for_all_below() -> None:
    visitors = Visitors(("https://shop.example",), 30, ("/v1/answers", "/v1/talks/"))
    asked = ("/v1/answers", "/v1/answers/5/explanation", "/v1/talks/5", "/v1/talks", "/v1/faqs")
    assert [visitors.may_ask(path) for path in asked] == [True, False, True, False, False]
