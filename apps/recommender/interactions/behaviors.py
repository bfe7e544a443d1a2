"""Which behaviour each name in a shop's export stands for, and how much it weighs."""

from __future__ import annotations

import difflib
import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import ValidationInfo, model_validator
from pydantic.functional_validators import ModelWrapValidatorHandler

from apps.recommender.schema import BEHAVIORS, Behavior, Interaction
from common.errors import UserError

if TYPE_CHECKING:
    import polars as pl

LONGEST_NAME = 64
DEFAULT = "click"
# What was shown is kept beside what was done, under this name.
SHOWN = "shown"


@dataclass(frozen=True)
class Meaning:
    """What a name stands for; of weight 0: met, and not liked.

    `is_opinion`: the weight says how the item was liked, rather than how much the event counts.
    """

    behavior: Behavior
    weight: float = 1.0
    is_opinion: bool = False

    @property
    def liking(self) -> float:
        """What it says of the item: 0 not liked, 1 nothing, above 1 liked."""
        return self.weight if self.is_opinion else 1.0

    def __str__(self) -> str:
        """As it is said: `click × 3`."""
        if self.weight == 0:
            return "not liked"
        return self.behavior if self.weight == 1 else f"{self.behavior} × {self.weight:g}"


# By what it stands for, the names that shops and public data sets use. Weights are of an order
# that shops agree on: more than a click, less than a purchase (3 clicks, `TARGET_WEIGHTS`).
KNOWN: Mapping[Meaning, tuple[str, ...]] = {
    Meaning("browse"): (
        *("browse", "view", "viewed", "page view", "pv", "product view", "view item", "detail"),
        *("read", "watch", "listen", "play", "浏览", "查看", "观看", "阅读", "播放"),
    ),
    Meaning("browse", 0.5): (
        *("remove from cart", "cart remove", "unfavorite", "unlike", "remove from wishlist"),
        *("移出购物车", "取消收藏", "取消点赞"),
    ),
    Meaning("click"): (
        *("click", "clicked", "click item", "select item", "open", "rating", "rate", "rated"),
        *("点击", "点开", "打开", "评分", "打分"),
    ),
    Meaning("click", 2.0, is_opinion=True): (
        *("like", "liked", "thumbs up", "upvote", "点赞", "喜欢"),
    ),
    Meaning("click", 2.0): (
        *("favorite", "favourite", "fav", "bookmark"),
        *("wishlist", "add to wishlist", "save", "saved", "follow", "collect"),
        *("收藏", "关注", "加入收藏", "心愿单"),
    ),
    Meaning("click", 3.0): (
        *("add to cart", "cart", "cart add", "add to basket", "begin checkout", "checkout"),
        *("加购", "加入购物车", "加购物车", "购物车", "结算"),
    ),
    Meaning("comment"): ("comment", "review", "reviewed", "reply", "评论", "评价", "留言"),
    Meaning("share"): ("share", "shared", "forward", "repost", "分享", "转发"),
    Meaning("purchase"): (
        *("purchase", "purchased", "buy", "bought", "order", "ordered", "transaction", "pay"),
        *("paid", "sale", "购买", "下单", "支付", "付款", "成交", "买"),
    ),
    Meaning("browse", 0.0, is_opinion=True): (
        *("dislike", "disliked", "thumbs down", "downvote", "not interested", "hide", "skip"),
        *("return", "returned", "refund", "refunded"),
        *("点踩", "踩", "不喜欢", "不感兴趣", "屏蔽", "退货", "退款"),
    ),
}


def _key(name: str) -> str:
    """Names are compared without case, spaces and punctuation."""
    return "".join(c for c in unicodedata.normalize("NFKC", name).casefold() if c.isalnum())


_BY_KEY = {_key(name): meaning for meaning, names in KNOWN.items() for name in names}
_NAMES = {_key(name): name.replace(" ", "_") for names in KNOWN.values() for name in names}


@dataclass(frozen=True)
class Behaviors:
    """The known names, and a shop's own, which go first.

    Attributes:
        own: the name as the shop writes it → `behaviour:weight`, as `--behavior` takes it.
    """

    own: Mapping[str, str] = field(default_factory=dict)

    def find(self, name: str) -> Meaning | None:
        """What a name stands for; None where it is not known."""
        key = _key(name)
        for own, written in self.own.items():
            if _key(own) == key:
                return _meaning(written)
        return _BY_KEY.get(key)

    def read(self, name: str) -> Meaning:
        """What a name stands for.

        Raises:
            ValueError: it is not known; says the nearest that is, and how to name it.
        """
        if (found := self.find(name)) is not None:
            return found
        names = _NAMES | {_key(own): own for own in self.own}
        near = difflib.get_close_matches(_key(name), names, n=1)
        nearest = f"; the nearest known is {names[near[0]]!r}" if near else ""
        raise ValueError(
            f"the behavior {name!r} is not known{nearest}; "
            f"say what it stands for: --behavior {name}=click (or {', '.join(BEHAVIORS)}, dislike)"
        )

    def said(self, counts: Mapping[str, int]) -> str:
        """What was read under other names: "view as browse (120)"; nothing where none was.

        Args:
            counts: how often each name occurs.
        """
        parts = []
        for name, count in sorted(counts.items(), key=lambda pair: -pair[1]):
            meaning = self.read(name)
            if str(meaning) != name:
                parts.append(f"{name} as {meaning} ({count:,})")
        return ", ".join(parts)


def names_in(frame: pl.DataFrame) -> dict[str, int]:
    """How often each name occurs in `called` of an `InteractionTable`."""
    import polars as pl

    counts = frame["called"].value_counts().with_columns(pl.col("called").cast(pl.String))
    return dict(counts.rows())


def parse_behaviors(
    pairs: Sequence[str] | None, kept: Mapping[str, str] | None = None
) -> Behaviors:
    """`name=behaviour` or `name=behaviour:weight` pairs, over those that a release keeps.

    Raises:
        UserError: not of that form, no behaviour of ours, or a weight below 0.
    """
    own = dict(kept or {})
    for pair in pairs or ():
        name, separator, written = (part.strip() for part in pair.partition("="))
        if not separator or not _key(name) or len(name) > LONGEST_NAME:
            raise UserError(
                f"--behavior {pair}: not of the form name=behavior or name=behavior:weight",
                hint=f"For example --behavior add_to_bag=click:3; {LONGEST_NAME} letters at most.",
            )
        try:
            if _key(name) == SHOWN:
                raise ValueError(f"{SHOWN!r} is no behavior; give such rows the label 0")
            _meaning(written)
        except ValueError as error:
            raise UserError(f"--behavior {pair}: {error}") from None
        own = {n: w for n, w in own.items() if _key(n) != _key(name)} | {name: written}
    return Behaviors(own)


def _meaning(written: str) -> Meaning:
    """Of `behaviour:weight`; a known name stands for what it is known for."""
    name, _, number = written.partition(":")
    known = _BY_KEY.get(_key(name))
    if known is None:
        raise ValueError(f"there is no behavior {name!r}; take {', '.join(BEHAVIORS)} or dislike")
    if not number:
        return known
    try:
        weight = float(number)
    except ValueError:
        weight = math.nan
    if not 0 <= weight < math.inf:
        raise ValueError(f"the weight {number!r} is no number from 0 (not liked) up")
    return Meaning(known.behavior, weight, known.is_opinion or weight == 0)


class InteractionRow(Interaction):
    """One row of a file, whose behaviour may have any known name.

    The validation context holds the `Behaviors` under `behaviors`; without, it is the known names.
    """

    _called: str = DEFAULT
    _liking: float = 1.0

    @property
    def called(self) -> str:
        """The behaviour as the file names it, in small letters."""
        return self._called

    @property
    def liking(self) -> float:
        """What the behaviour says of the item: 0 not liked, 1 nothing, above 1 liked."""
        return self._liking

    @model_validator(mode="wrap")
    @classmethod
    def _by_its_name(
        cls,
        values: object,
        handler: ModelWrapValidatorHandler[InteractionRow],
        info: ValidationInfo,
    ) -> InteractionRow:
        if not isinstance(values, dict):
            return handler(values)
        behaviors: Behaviors = (info.context or {}).get("behaviors") or Behaviors()
        written = values.get("behavior")
        called = DEFAULT if written is None else str(written).strip().lower() or DEFAULT
        meaning = behaviors.read(called)
        made = handler({**values, "behavior": meaning.behavior})
        made.weight *= 1.0 if meaning.is_opinion else meaning.weight
        made._liking = meaning.liking
        made._called = called
        return made
