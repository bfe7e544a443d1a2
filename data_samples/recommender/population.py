"""The shop's items and its readers, as the simulation knows them.

A reader has a language, two to four interests of the 25 below and a taste for some categories; one
interest gives way to another in the course of the 120 days.
"""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

HERE = Path(__file__).parent
START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 120
NEWS = {"news", "longread"}
# The tags that speak for an interest. An item counts fully for that of its first such tag, half
# for the others.
INTERESTS = {
    "gardening": "gardening,plants,botany,vegetables,园艺,植物,蔬菜",
    "space": "space,astronomy,rockets,航天,天文,火箭",
    "detection": "detective fiction,crime,mystery,forensics,推理,悬疑,刑侦,法医",
    "money": "personal finance,investing,pensions,retirement,理财,投资,基金,养老",
    "imperial China": "Song dynasty,Chinese history,imperial China,宋代,宋史,中国历史",
    "football": "football,women's sport,足球",
    "cycling": "cycling,electric bikes,racing,骑行,自行车",
    "parenting": "parenting,babies,childhood,育儿,亲子",
    "learning machines": "machine learning,AI,language models,人工智能,机器学习,大模型",
    "tea and coffee": "tea,coffee,茶,咖啡",
    "building": "architecture,houses,housing,concrete,建筑,古建",
    "cooking": "cooking,food,baking,bread,烹饪,美食,烘焙,点心",
    "poetry": "poetry,诗歌,古诗,诗词",
    "travel": "travel,railways,islands,旅行,火车,铁路",
    "the mind": "psychology,mental health,sleep,memory,心理,睡眠",
    "wildlife": "birds,wildlife,ecology,观鸟,自然,野生动物",
    "science fiction": "science fiction,time travel,科幻",
    "music": "music,classical music,jazz,音乐,古典音乐,民乐",
    "enterprise": "business,startups,management,商业,创业,管理",
    "climate and energy": "climate,energy,electric cars,batteries,气候,新能源,能源",
    "the sea": "sea,oceans,sailing,shipwrecks,海洋,航海",
    "running and mountains": "running,hiking,mountains,mountaineering,跑步,登山,徒步,山野",
    "programming": "programming,software,databases,编程,软件,数据库",
    "pictures": "painting,photography,museums,art,绘画,摄影,博物馆",
    "love and family": "love story,family saga,letters,marriage,爱情,家族,婚姻",
}


@dataclass
class Item:
    """One line of items.jsonl, with how well it does and what it speaks to."""

    item_id: str
    category: str
    price: float
    created: datetime
    language: str
    available: bool
    appeal: float
    affinity: dict[str, float]

    @property
    def is_news(self) -> bool:
        """Whether it is read rather than bought."""
        return self.category in NEWS

    def pull(self, now: datetime) -> float:
        """What draws everyone: appeal, and novelty that lasts days for news, months for books."""
        age = (now - self.created).total_seconds() / 86400
        lasting, days = {"news": (0.08, 7), "longread": (0.3, 20)}.get(self.category, (0.5, 60))
        return self.appeal * (lasting + math.exp(-age / days))


@dataclass
class Reader:
    """One reader; only the first five fields are known to the shop."""

    user_id: str
    language: str
    member_since: datetime
    city_tier: int
    device: str
    chinese_share: float
    early: dict[str, float]
    late: dict[str, float]
    turning_day: float
    taste: dict[str, float]
    seen: set[str] = field(default_factory=set)
    bought: set[str] = field(default_factory=set)

    def interests(self, now: datetime) -> dict[str, float]:
        """Weights that sum to one, on their way from the early to the late ones."""
        day = (now - START).total_seconds() / 86400
        turned = 1 / (1 + math.exp(-(day - self.turning_day) / 7))
        names = sorted(self.early.keys() | self.late.keys())
        return {
            name: (1 - turned) * self.early.get(name, 0) + turned * self.late.get(name, 0)
            for name in names
        }

    def liking(self, item: Item, now: datetime) -> float:
        """From 0 to 1: how much the item is about what interests this reader now."""
        interests = self.interests(now)
        largest = max(interests.values())
        return max(
            strength * interests.get(name, 0) / largest for name, strength in item.affinity.items()
        )


def load_items(rng: random.Random) -> list[Item]:
    """Read items.jsonl; how well each will do is drawn here."""
    interest_of = {tag: name for name, tags in INTERESTS.items() for tag in tags.split(",")}
    items = []
    for line in (HERE / "items.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        affinity: dict[str, float] = {}
        for tag in row["tags"]:
            if tag in interest_of:
                affinity.setdefault(interest_of[tag], 0.5 if affinity else 1.0)
        row["created"] = datetime.fromisoformat(row.pop("created_at"))
        known = {name: row[name] for name in Item.__dataclass_fields__ if name in row}
        items.append(Item(**known, appeal=rng.lognormvariate(0, 0.7), affinity=affinity))
    return items


def draw_reader(number: int, items: list[Item], rng: random.Random) -> Reader:
    """Draw the reader of this number; one in five joins while the days run."""
    chinese_share = rng.choices([0.01, 0.99, rng.uniform(0.3, 0.7)], [40, 40, 20])[0]
    count = rng.choices([2, 3, 4], [4, 4, 2])[0]
    names = rng.sample(sorted(INTERESTS), count + 1)
    weights = sorted((rng.uniform(0.3, 1) for _ in range(count)), reverse=True)
    early = dict(zip(names, weights, strict=False))
    given_up = rng.randrange(count)
    late = dict(zip(names[:given_up] + names[given_up + 1 :], weights, strict=True))
    joined = START + timedelta(
        days=rng.uniform(0, DAYS - 8) if rng.random() < 0.2 else rng.uniform(-900, 0)
    )
    categories = sorted({item.category for item in items})
    return Reader(
        user_id=f"user-{number:03}",
        language="zh" if rng.random() < chinese_share else "en",
        member_since=joined.replace(microsecond=0),
        city_tier=rng.choices([1, 2, 3], [4, 3, 3])[0],
        device=rng.choices(["web", "app"], [7, 3])[0],
        chinese_share=chinese_share,
        early={name: weight / sum(early.values()) for name, weight in early.items()},
        late={name: weight / sum(late.values()) for name, weight in late.items()},
        turning_day=rng.uniform(10, 130),
        taste={name: rng.lognormvariate(0, 0.6) for name in categories},
    )
