"""A brief as one HTML file, which needs nothing from elsewhere; and in a few lines of text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from apps.finance_monitor.alerts.notifications import usual
from apps.finance_monitor.alerts.operations import Case
from apps.finance_monitor.brief.day import Brief, Extremes, Line, Move
from apps.finance_monitor.brief.style import STYLE
from apps.finance_monitor.brief.wording import WORDS, Language, Words
from apps.finance_monitor.exposure.wording import MOST_SHOWN
from apps.finance_monitor.surges.alert import Evidence, Spread, Told
from apps.finance_monitor.surges.keys import MARKET, TOPIC, kind_of, name_of
from common.records.text import CHINESE

CHART_HEIGHT, BAR = 40, 10


def to_html(brief: Brief, language: Language) -> str:
    """The whole page."""
    return _Page(brief, language).html()


def to_text(brief: Brief, language: Language) -> tuple[str, str]:
    """A title, and a few lines for who cannot see the page."""
    page = _Page(brief, language)
    return page.title, "\n".join(page.lines())


class _Page:
    def __init__(self, brief: Brief, language: Language) -> None:
        self._brief = brief
        self._language = language
        self._words: Words = WORDS[language]
        self._zone = ZoneInfo(brief.timezone)

    @property
    def title(self) -> str:
        name = f"{self._brief.watchlist}: " if self._brief.watchlist else ""
        return f"{name}{self._words.title}, {self._brief.day:%Y-%m-%d}"

    @property
    def summary(self) -> str:
        counts = self._brief.model_dump(include={"stories", "copies", "negative", "positive"})
        return self._words.summary.format(**counts)

    def lines(self) -> list[str]:
        words, found = self._words, [self.summary]
        open_ = [case for case in self._brief.alerts if not case.muted_by]
        found += [f"- {self._name(case.alert.key)}: {self._surge(case)}" for case in open_]
        if not open_:
            found.append(words.calm)
        for label, moves in ((words.rose, self._brief.rose), (words.fell, self._brief.fell)):
            if moves:
                found.append(f"{label}: {words.comma.join(self._topic(m.topic) for m in moves)}")
        if self._brief.silent:
            names = words.comma.join(one.source for one in self._brief.silent)
            found.append(f"{words.silent}: {names}")
        return found

    def html(self) -> str:
        words = self._words
        tag = "zh-CN" if self._language == "zh" else "en"
        body = "\n".join(
            [
                f'<header><p class="small">{escape(self._date())}</p>',
                f"<h1>{escape(self._brief.watchlist or words.title)}</h1>",
                f"<p>{escape(self.summary)}</p></header>",
                self._section(words.alerts, map(self._alert, self._brief.alerts), words.calm),
                self._moves(),
                self._section(words.extremes, map(self._extreme, self._brief.extremes), ""),
                self._silent(),
            ]
        )
        return (
            f'<!doctype html>\n<html lang="{tag}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            '<meta name="color-scheme" content="light dark">'
            f"<title>{escape(self.title)}</title><style>{STYLE}</style></head>"
            f"<body>\n{body}\n</body></html>\n"
        )

    def _date(self) -> str:
        return f"{self._words.day.format(self._brief.day)} · {self._brief.timezone}"

    def _section(self, title: str, parts: Iterable[str], none: str) -> str:
        shown = "\n".join(parts) or f'<p class="calm">{escape(none)}</p>'
        return f"<section><h2>{escape(title)}</h2>\n{shown}</section>"

    def _alert(self, case: Case) -> str:
        alert, words = case.alert, self._words
        when = (
            words.ended.format(start=self._time(alert.starts_at), end=self._time(alert.ends_at))
            if alert.ends_at
            else words.since.format(time=self._time(alert.starts_at))
        )
        notes = [words.severity[alert.severity], when]
        if alert.indirect:
            notes.append(words.indirect.format(names=alert.indirect))
        if case.muted_by:
            notes.append(words.explained.format(name=self._name(case.muted_by)))
        # What explains it tells the same stories.
        told = [] if case.muted_by else alert.evidence
        lines = f"<ol>{''.join(map(self._story, told))}</ol>" if told else ""
        exposed = ""
        if alert.exposed:
            names = [f"{one.company} {one.strength:.0%}" for one in alert.exposed[:MOST_SHOWN]]
            named = words.exposed.format(names=words.comma.join(names))
            exposed = f'<p class="small">{escape(named)}</p>'
        return (
            f'<article class="alert" data-severity="{alert.severity}">'
            f'<p class="severity">{escape(" · ".join(notes))}</p>'
            f"<h3>{_quoted(self._name(alert.key))}</h3><p>{escape(self._surge(case))}</p>"
            f"{lines}{exposed}</article>"
        )

    def _surge(self, case: Case) -> str:
        alert = case.alert
        return self._words.surge.format(
            observed=alert.observed, usual=usual(alert), share=f"{alert.share:.0%}"
        )

    def _story(self, line: Evidence) -> str:
        facts = self._facts(line.published_at, line.source, line.outlets, line.sources, line.spread)
        otherwise = self._otherwise(line.otherwise)
        return f"<li>{_headline(line.headline, line.url)}{facts}{otherwise}</li>"

    def _line(self, line: Line | None) -> str:
        if line is None:
            return f'<span class="small">{escape(self._words.no_story)}</span>'
        facts = self._facts(line.published_at, line.source, line.stories, line.sources, line.spread)
        return f"{_headline(line.headline, line.url)}{facts}{self._otherwise(line.otherwise)}"

    def _otherwise(self, stories: Sequence[Told]) -> str:
        """What says the opposite in like words."""
        return "".join(
            f'<p class="small otherwise">{escape(self._words.otherwise)} '
            f"{_headline(one.headline, one.url)}{self._facts(one.published_at, one.source)}</p>"
            for one in stories
        )

    def _facts(
        self,
        at: datetime,
        source: str | None,
        count: int = 1,
        sources: Sequence[str] = (),
        spread: Sequence[Spread] = (),
    ) -> str:
        words, facts = self._words, [self._time(at)]
        if source:
            facts.append(words.first.format(source=source) if count > 1 else source)
        if count > 1:
            facts.append(words.outlets.format(count=count))
        if len(sources) > 1:
            facts.append(words.comma.join(sources[1:]))
        return f' <span class="small">{escape(" · ".join(facts))} {_spread(spread)}</span>'

    def _moves(self) -> str:
        words = self._words
        moves = [(words.rose, move) for move in self._brief.rose]
        moves += [(words.fell, move) for move in self._brief.fell]
        if not moves:
            return self._section(words.moves, (), words.steady)
        figures = "\n".join(self._move(label, move) for label, move in moves)
        legend = f'<p class="small">{escape(words.legend)}</p>'
        return self._section(words.moves, [legend, f'<div class="moves">{figures}</div>'], "")

    def _move(self, label: str, move: Move) -> str:
        words, topic = self._words, self._topic(move.topic)
        told = words.usual.format(stories=move.stories, usual=f"{move.usual:g}")
        about = words.chart.format(topic=topic, stories=move.stories, negative=move.negative)
        return (
            f"<figure><figcaption><strong>{_quoted(topic)}</strong> {escape(label)}"
            f'<span class="small">{escape(told)}</span></figcaption>'
            f"{_chart(move.days, about)}</figure>"
        )

    def _extreme(self, one: Extremes) -> str:
        words = self._words
        return (
            f"<article><h3>{_quoted(one.name or words.everything)}</h3><dl>"
            f'<dt data-label="negative">{escape(words.worst)}</dt><dd>{self._line(one.worst)}</dd>'
            f'<dt data-label="positive">{escape(words.best)}</dt><dd>{self._line(one.best)}</dd>'
            "</dl></article>"
        )

    def _silent(self) -> str:
        words = self._words
        told = [
            words.was_silent.format(source=one.source, usual=f"{one.usual:g}")
            for one in self._brief.silent
        ]
        rows = "".join(f"<li>{escape(one)}</li>" for one in told)
        return self._section(words.silent, [f"<ul>{rows}</ul>"] if told else (), words.all_heard)

    def _name(self, key: str) -> str:
        if key == MARKET:
            return self._words.market
        return self._topic(name_of(key)) if kind_of(key) == TOPIC else name_of(key)

    def _topic(self, topic: str) -> str:
        return self._words.topics.get(topic, topic)

    def _time(self, at: datetime) -> str:
        local = at.astimezone(self._zone)
        return f"{local:%H:%M}" if local.date() == self._brief.day else f"{local:%m-%d %H:%M}"


def _headline(text: str, url: str | None) -> str:
    if url and url.startswith(("http://", "https://")):
        return f'<a href="{escape(url)}" rel="noopener noreferrer">{_quoted(text)}</a>'
    return _quoted(text)


def _quoted(text: str) -> str:
    """Text from outside, in a language and a direction of its own."""
    language = "zh" if CHINESE.search(text) else "en"
    return f'<span lang="{language}" dir="auto">{escape(text)}</span>'


def _spread(points: Sequence[Spread]) -> str:
    """The stories of a line up to each hour, as steps."""
    if len(points) < 2:
        return ""
    begin, last = points[0], points[-1]
    length = (last.at - begin.at).total_seconds()
    path = [f"M0 {14 - 12 * begin.stories / last.stories:.1f}"]
    for point in points[1:]:
        x = 60 * (point.at - begin.at).total_seconds() / length
        path.append(f"H{x:.1f}V{14 - 12 * point.stories / last.stories:.1f}")
    return (
        '<svg class="spread" viewBox="0 0 60 16" aria-hidden="true">'
        f'<path d="{"".join(path)}"/></svg>'
    )


def _chart(days: Sequence[tuple[int, int]], about: str) -> str:
    """Bars by day: all stories in grey, the negative ones in red before them."""
    top = max(1, *(stories for stories, _ in days))

    def bars(counts: Iterable[int]) -> str:
        return "".join(
            f"M{BAR * day + 1} {CHART_HEIGHT}V{CHART_HEIGHT * (1 - count / top):.1f}"
            f"h{BAR - 2}V{CHART_HEIGHT}Z"
            for day, count in enumerate(counts)
            if count
        )

    return (
        f'<svg class="chart" viewBox="0 0 {BAR * len(days)} {CHART_HEIGHT}" role="img"'
        f' aria-label="{escape(about)}"><path class="all" d="{bars(all_ for all_, _ in days)}"/>'
        f'<path class="negative" d="{bars(negative for _, negative in days)}"/></svg>'
    )
