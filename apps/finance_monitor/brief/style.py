"""How a brief looks, by day and by night, and on paper."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --page: light-dark(#fcfdfd, #10171b);
  --raised: light-dark(#fff, #172126); --ink: light-dark(#16242b, #e6edf0);
  --soft: light-dark(#556770, #9bb0ba); --line: light-dark(#dde5e9, #2a3a42);
  --track: light-dark(#c9d6dc, #3a4e58); --notice: light-dark(#8d6d06, #e9c46a);
  --warning: light-dark(#a85a00, #f0a04b); --critical: light-dark(#b3261e, #ff8a80);
  --positive: light-dark(#1b7a43, #6fd39b); }
* { box-sizing: border-box; }
body { max-width: 52rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; background: var(--page);
  color: var(--ink); overflow-wrap: anywhere;
  font: 1rem/1.55 system-ui, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif; }
h1, h2, h3, p, ol, ul, dl, dd, figure { margin: 0; padding: 0; }
h1 { font-size: 1.6rem; line-height: 1.3; } h2 { font-size: 1.2rem; } h3 { font-size: 1.05rem; }
ol, ul { list-style: none; display: grid; gap: .5rem; }
a { color: inherit; text-decoration-color: var(--soft); text-underline-offset: .2em; }
section { display: grid; grid-template-columns: minmax(0, 1fr); gap: .9rem; margin-top: 2.25rem; }
article { display: grid; grid-template-columns: minmax(0, 1fr); gap: .55rem; padding: 1rem 1.2rem;
  border: 1px solid var(--line); border-radius: 12px; background: var(--raised);
  break-inside: avoid; }
.alert { border-inline-start: 5px solid var(--severity); }
[data-severity="notice"] { --severity: var(--notice); }
[data-severity="warning"] { --severity: var(--warning); }
[data-severity="critical"] { --severity: var(--critical); }
.severity { font-size: .8125rem; font-weight: 650; color: var(--severity); }
.small { font-size: .8125rem; color: var(--soft); font-variant-numeric: tabular-nums; }
li > .small, dd > .small { display: block; }
.calm { color: var(--positive); }
dl { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: .5rem .9rem; }
dt { font-weight: 600; }
dt[data-label="negative"] { color: var(--critical); }
dt[data-label="positive"] { color: var(--positive); }
.moves { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: 1rem; }
figure { display: grid; gap: .4rem; padding: .8rem 1rem; border: 1px solid var(--line);
  border-radius: 12px; background: var(--raised); break-inside: avoid; }
figcaption > .small { display: block; }
.chart { display: block; width: 100%; height: 3.5rem; }
.chart .all { fill: var(--track); } .chart .negative { fill: light-dark(#c2503f, #f08a78); }
.spread { width: 3.75rem; height: 1rem; vertical-align: -.2rem; }
.spread path { fill: none; stroke: var(--severity, var(--soft)); stroke-width: 1.5; }
"""
