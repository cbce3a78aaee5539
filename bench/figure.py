"""What was measured, and how people and scripts read it."""

import json
import statistics
from dataclasses import asdict, dataclass, field


@dataclass
class Figure:
    """One measured value beside its baseline from the same run."""
    group: str
    name: str
    value: float
    unit: str
    baseline: str = ""        # what it is compared with, in words
    baseline_value: float = None
    ratio: float = None       # value by baseline
    wanted: str = ""          # "≥ 0.6 L", "≤ 8 ms"; empty: only told
    is_met: bool = None
    detail: dict = field(default_factory=dict)


def against(group, name, value, unit, baseline, baseline_value, at_least=None, at_most=None, **detail):
    """A figure that is judged by its ratio to the baseline."""
    ratio = value / baseline_value
    wanted, is_met = _judge(ratio, at_least, at_most, " ×")
    return Figure(group, name, value, unit, baseline, baseline_value, ratio, wanted, is_met, detail)


def plain(group, name, value, unit, at_least=None, at_most=None, baseline="", baseline_value=None, **detail):
    """A figure that is judged as it is; a baseline only stands beside it."""
    wanted, is_met = _judge(value, at_least, at_most, f" {unit}")
    ratio = value / baseline_value if baseline_value else None
    return Figure(group, name, value, unit, baseline, baseline_value, ratio, wanted, is_met, detail)


def _judge(value, at_least, at_most, unit):
    if at_least is not None:
        return f"≥ {at_least:g}{unit}", value >= at_least
    if at_most is not None:
        return f"≤ {at_most:g}{unit}", value <= at_most
    return "", None


def median(values):
    return statistics.median(values)


def number(value):
    """Three digits that matter."""
    if value is None:
        return ""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def table(figures):
    """Markdown, which is also readable as it stands."""
    rows = [("figure", "measured", "baseline", "ratio", "wanted", "")]
    for each in figures:
        beside = f"{number(each.baseline_value)} {each.baseline}".strip() if each.baseline else ""
        mark = {True: "yes", False: "**no**", None: ""}[each.is_met]
        rows.append((f"{each.group}: {each.name}", f"{number(each.value)} {each.unit}", beside,
                     f"{each.ratio:.2f}" if each.ratio is not None else "", each.wanted, mark))
    widths = [max(len(row[i]) for row in rows) for i in range(6)]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def write_json(path, about, figures):
    path.write_text(json.dumps({**about, "figures": [asdict(each) for each in figures]}, indent=2,
                               ensure_ascii=False) + "\n")
