"""What a brief says, in both languages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Language = Literal["en", "zh"]


@dataclass(frozen=True)
class Words:
    """The words of one language; braces are filled in."""

    title: str
    summary: str
    alerts: str
    calm: str
    surge: str
    since: str
    ended: str
    explained: str
    exposed: str
    indirect: str
    outlets: str
    first: str
    otherwise: str
    comma: str
    moves: str
    rose: str
    fell: str
    usual: str
    steady: str
    chart: str
    legend: str
    extremes: str
    everything: str
    worst: str
    best: str
    no_story: str
    silent: str
    was_silent: str
    all_heard: str
    market: str
    day: str
    severity: dict[str, str]
    topics: dict[str, str]


ENGLISH = Words(
    title="News brief",
    summary="{stories} stories, {copies} of them copies; {negative} negative, {positive} positive.",
    alerts="Alerts",
    calm="No alerts. Negative coverage was at its normal level.",
    surge="{observed} negative stories (usually {usual}), {share} of its news",
    since="since {time}",
    ended="{start} – {end}",
    explained="Not notified: explained by {name}",
    exposed="Indirectly exposed: {names}",
    indirect="indirect: concerns {names}",
    outlets="{count} reports",
    first="first {source}",
    otherwise="Told otherwise:",
    comma=", ",
    moves="Topics that moved",
    rose="rose",
    fell="fell",
    usual="{stories} stories, usually {usual}",
    steady="No topic was far from its usual.",
    chart="{topic}: stories by day, {stories} on the last, {negative} of them negative",
    legend="Red: negative stories by day. Grey: all stories. The day of this brief is last.",
    extremes="Worst and best",
    everything="All news",
    worst="Worst",
    best="Best",
    no_story="None.",
    silent="Silent sources",
    was_silent="{source}, usually {usual} stories a day",
    all_heard="Every source that usually writes was heard.",
    market="All news",
    day="{0:%A}, {0.day} {0:%B %Y}",
    severity={"notice": "Notice", "warning": "Warning", "critical": "Critical"},
    topics={
        "earnings": "Earnings",
        "deals": "Deals",
        "regulation": "Regulation",
        "credit": "Credit",
        "macro": "Economy",
        "products": "Products",
        "management": "Management",
        "markets": "Markets",
    },
)

CHINESE = Words(
    title="舆情日报",
    summary="共 {stories} 条消息，其中转载 {copies} 条；负面 {negative} 条，正面 {positive} 条。",
    alerts="告警",
    calm="当日无告警，负面消息处于常态范围。",
    surge="负面消息 {observed} 条（常态 {usual} 条），负面占比 {share}",
    since="始于 {time}",
    ended="{start} – {end}",
    explained="未单独通知：已归入“{name}”的告警",
    exposed="间接受影响：{names}",
    indirect="间接影响 {names}",
    outlets="{count} 条报道",
    first="{source} 首发",
    otherwise="另有相反说法：",
    comma="、",
    moves="主题升降",
    rose="上升",
    fell="下降",
    usual="{stories} 条，常态为 {usual} 条",
    steady="各主题均接近常态。",
    chart="{topic}：每日消息数，最后一日 {stories} 条，其中负面 {negative} 条",
    legend="红色：每日负面消息；灰色：全部消息；最右为当日。",
    extremes="最负面与最正面",
    everything="全部消息",
    worst="最负面",
    best="最正面",
    no_story="无。",
    silent="没有消息的来源",
    was_silent="{source}（平日每天约 {usual} 条）",
    all_heard="平日有消息的来源，当日都有消息。",
    market="全部消息",
    day="{0.year} 年 {0.month} 月 {0.day} 日",
    severity={"notice": "提示", "warning": "警告", "critical": "严重"},
    topics={
        "earnings": "业绩",
        "deals": "并购与订单",
        "regulation": "监管",
        "credit": "信用",
        "macro": "宏观",
        "products": "产品",
        "management": "管理层",
        "markets": "市场",
    },
)

WORDS: dict[Language, Words] = {"en": ENGLISH, "zh": CHINESE}
