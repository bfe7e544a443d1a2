"""The features of the second stage, and when the sentence of each is true of an item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

# A difference of logarithms of prices that passes for the same price: a fifth.
SAME_PRICE = 0.2


class Feature(NamedTuple):
    """A feature, and a sentence for where it speaks for an item.

    The sentence is true where the value is above 0 and above the mean of the user's candidates
    (`high`), where it is about 0 (`near`), or is not to be used for a single item (`never`).
    """

    name: str
    english: str
    chinese: str
    true_where: Literal["high", "near", "never"] = "high"


FEATURES = (
    Feature(
        "text_score",
        "It matches your interests.",
        "内容与您关注的话题相符。",
    ),
    Feature("text_gap", "Few items match your interests better.", "很少有比它更符合您兴趣的。"),
    Feature("neighbour_score", "People with similar taste chose this.", "与您喜好相近的人选了它。"),
    Feature(
        "neighbour_share",
        "A favourite of people with similar taste.",
        "在与您喜好相近的人当中格外受欢迎。",
    ),
    Feature(
        "company_share",
        "Customers who chose what you chose often choose this.",
        "和您选过同样内容的人，也常选它。",
    ),
    Feature("similar_last", "Similar to what you viewed last.", "与您刚看过的内容相近。"),
    Feature(
        "similar_last_3",
        "Similar to what you viewed recently.",
        "与您最近看的几项相近。",
    ),
    Feature(
        "similar_last_10",
        "In line with what you have viewed lately.",
        "与您近来看的内容一脉相承。",
    ),
    Feature(
        "similar_best",
        "Very similar to something in your history.",
        "与您看过的某一项非常相近。",
    ),
    Feature("similar_bought", "Similar to something you bought.", "与您买过的东西相近。"),
    Feature("events_1_day", "Popular today.", "今天很多人选了它。"),
    Feature("events_7_days", "Popular this week.", "这一周很多人选了它。"),
    Feature("events_30_days", "Popular this month.", "这个月很多人选了它。"),
    Feature("events_all", "Chosen by many people.", "选过它的人很多。"),
    Feature("events_forgetting", "Popular right now.", "近期很受欢迎。"),
    Feature("events_forgetting_slowly", "A long-standing favourite.", "长期以来一直受欢迎。"),
    Feature("liking", "Rated highly by those who chose it.", "选过它的人评价都不错。"),
    Feature("trend", "Gaining popularity.", "关注它的人越来越多。"),
    Feature("purchases_30_days", "Bought often this month.", "这个月买的人不少。"),
    Feature("purchase_share", "People who view it often buy it.", "看过它的人常常会买。"),
    Feature("age", "Its age suits what you usually choose.", "上架时间符合您的习惯。", "never"),
    Feature("price", "Its price suits most buyers.", "价格合适。", "never"),
    Feature("price_to_history", "In your usual price range.", "价格在您常看的范围内。", "near"),
    Feature("price_to_bought", "Priced like what you have bought.", "价格与您买过的相当。", "near"),
    Feature("category_share", "You often choose this category.", "您常选这个类别。"),
    Feature("tag_overlap", "You often choose items with these tags.", "您常选带这些标签的内容。"),
    Feature("language_share", "In a language you read.", "是您常用的语言。"),
    Feature("times_met", "You have viewed it before.", "您之前看过它。"),
    Feature(
        "user_events", "It suits readers as active as you.", "适合和您一样活跃的用户。", "never"
    ),
    Feature("user_pace", "It suits how often you come by.", "适合您的浏览频率。", "never"),
    Feature(
        "user_idle", "It suits how long you have been away.", "适合有阵子没来的用户。", "never"
    ),
    Feature("user_purchase_share", "It suits how you shop.", "适合您的购买习惯。", "never"),
)

# Of two items alike in all else, the one with more of these is never ranked lower. The trees are
# bound to it: from some hundred queries they would else learn chance.
RISING = frozenset(
    feature.name
    for feature in FEATURES
    if feature.true_where == "high" and feature.name not in {"trend", "purchase_share", "times_met"}
)


def is_true(values: NDArray[np.float32], features: Sequence[Feature]) -> NDArray[np.bool_]:
    """Where each feature's sentence is true of an item.

    A feature can raise a score by being low; its sentence would then be wrong.

    Args:
        values: [rows, places, features], NaN where not known.
        features: in the order of the last axis.
    """
    known = ~np.isnan(values)
    count = np.maximum(known.sum(1, keepdims=True), 1)
    mean = np.where(known, values, 0).sum(1, keepdims=True) / count
    high = known & (values > np.maximum(mean, 0))
    near = known & (np.abs(values) < SAME_PRICE)
    kind = np.array([feature.true_where for feature in features])
    return np.where(kind == "high", high, np.where(kind == "near", near, False))
