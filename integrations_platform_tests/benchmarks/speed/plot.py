"""The tools beside one another as a picture: CPU against the floor, on a scale of powers of ten."""

from __future__ import annotations

from math import floor, log10
from xml.sax.saxutils import escape

from integrations_platform_tests.benchmarks.speed.figures import OURS, Results
from integrations_platform_tests.benchmarks.speed.goals import times
from integrations_platform_tests.benchmarks.speed.page import COLUMNS, compared

_LEFT, _WIDTH, _LINE, _TOP = 190, 560, 24, 44
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#24292f}.small{font-size:11px;fill:#57606a}.ours{font-weight:600}"
    ".axis{stroke:#d0d7de}.floor{stroke:#24292f;stroke-dasharray:4 3}.stem{stroke-width:2;stroke:#8c959f}"
    ".dot{fill:#8c959f}.stem.ours{stroke:#0969da}.dot.ours{fill:#0969da}"
    ".end{text-anchor:end}rect{fill:#fff}"
)


def svg(results: Results) -> str:
    """A line for every tool in every case; left of the dashed line is cheaper than a plain copy."""
    shown = {(each.case, each.tool): each for each in compared(results) if each.ratio}
    ratios = [each.ratio or 1.0 for each in shown.values()] or [1.0]
    low, high = floor(log10(min(*ratios, 0.9))), floor(log10(max(*ratios, 1.0))) + 1

    def across(ratio: float) -> float:
        return _LEFT + _WIDTH * (log10(ratio) - low) / (high - low)

    parts, down = [], _TOP
    for case in COLUMNS:
        tools = sorted((tool for at, tool in shown if at == case), key=lambda name: (name != OURS, name))
        parts.append(f'<text x="12" y="{down + 4}" class="small">{escape(case)}</text>')
        for tool in tools:
            down += _LINE
            found = shown[case, tool]
            ratio, ours = found.ratio or 1.0, " ours" if tool == OURS else ""
            label = f"{'&gt; ' if found.cut_off else ''}{times(ratio)}"
            beside, anchor = (10, "start") if ratio >= 1 else (-10, "end")
            parts += [
                f'<text x="{_LEFT - 12}" y="{down + 4}" text-anchor="end" class="{ours.strip()}">{escape(tool)}</text>',
                f'<line x1="{across(1):.1f}" x2="{across(ratio):.1f}" y1="{down}" y2="{down}" class="stem{ours}"/>',
                f'<circle cx="{across(ratio):.1f}" cy="{down}" r="5" class="dot{ours}"/>',
                f'<text x="{across(ratio) + beside:.1f}" y="{down + 4}" class="small {anchor}">{label}</text>',
            ]
        down += _LINE + 14
    axis = []
    for power in range(low, high + 1):
        place = _LEFT + _WIDTH * (power - low) / (high - low)
        named = ' class="floor"' if power == 0 else ' class="axis"'
        axis += [
            f'<line x1="{place:.1f}" x2="{place:.1f}" y1="{_TOP - 14}" y2="{down - 18}"{named}/>',
            f'<text x="{place:.1f}" y="{_TOP - 22}" text-anchor="middle" class="small">{10.0**power:g} ×</text>',
        ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDTH + 90}" height="{down + 14}" role="img" '
        f'aria-label="CPU of client and server, divided by that of a plain copy"><style>{_STYLE}</style>'
        f'<rect width="100%" height="100%"/>{"".join(axis)}{"".join(parts)}'
        f'<text x="{_LEFT}" y="{down + 4}" class="small">CPU seconds of client and server, divided by those of '
        "psql COPY | psql COPY in the same repetition</text></svg>\n"
    )
