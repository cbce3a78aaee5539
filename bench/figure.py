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
    """Markdown, which is also readable as it stands: latencies by load and neighbour, then all else a line each."""
    shares = [each for each in figures if each.group == "latency" and "answered_per_second" in each.detail]
    others = [each for each in figures if each not in shares]
    tables = ([_latencies(shares)] if shares else []) + ([_lines(others)] if others else [])
    return "\n\n".join(tables)


def _lines(figures):
    rows = [("figure", "measured", "baseline", "ratio", "wanted", "")]
    for each in figures:
        beside = f"{number(each.baseline_value)} {each.baseline}".strip() if each.baseline else ""
        rows.append((f"{each.group}: {each.name}", f"{number(each.value)} {each.unit}", beside,
                     f"{each.ratio:.2f}" if each.ratio is not None else "", each.wanted, _mark([each])))
    return _markdown(rows)


def _latencies(figures):
    rows = [("creates", "beside", "p50", "p99", "p99.9", "latest", "answered a second", "wanted", "")]
    situations = {}
    for each in figures:  # "2000/s, worker idle, p50"
        situations.setdefault(each.name.rpartition(", ")[0], []).append(each)
    for name, shares in situations.items():
        rate, _, beside = name.partition(", ")
        detail = shares[0].detail
        answered = number(detail["answered_per_second"])
        if detail["unanswered"]:
            answered += f", {detail['unanswered']:,} not within 4 s"
        wanted = "" if not shares[0].wanted else "≤ " + ", ".join(each.wanted.split()[1] for each in shares) + " ms"
        rows.append((rate, beside, *(f"{number(each.value)} ms" for each in shares), f"{number(detail['max_ms'])} ms",
                     answered, wanted, _mark(shares)))
    rows.append(("", "one page synced, alone", *(f"{number(each.baseline_value)} ms" for each in figures[:3]),
                 *[""] * 4))
    return _markdown(rows)


def _mark(figures):
    """What was missed by name, if it is one of several."""
    missed = [each for each in figures if each.is_met is False]
    if not missed:
        return "yes" if any(each.is_met for each in figures) else ""
    return "**no**" if len(figures) == 1 else "**" + ", ".join(each.name.rpartition(", ")[2] for each in missed) + "**"


def _markdown(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def write_json(path, about, figures):
    path.write_text(json.dumps({**about, "figures": [asdict(each) for each in figures]}, indent=2,
                               ensure_ascii=False) + "\n")
