"""A study's results as one HTML file that opens offline: no script, nothing loaded from anywhere."""

from __future__ import annotations

from html import escape
from typing import Any

from acutance.measuring.opinion import plots
from acutance.measuring.opinion.results import SIGNIFICANT
from acutance.measuring.opinion.text import number, ordered, p_value

STYLE = """
:root { --paper:#fbfbfa; --ink:#1d1d1d; --soft:#666; --line:#e2e2df; --fill:#f1f1ee; --dot:#1f5f8b;
 --s1:#8f4a3f; --s2:#c98f7d; --s3:#d6d3cb; --s4:#8fb3c9; --s5:#2f6f97; --on:#fff; color-scheme: light dark;
 font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif }
@media (prefers-color-scheme:dark) { :root { --paper:#181818; --ink:#ececec; --soft:#a3a3a3; --line:#353535;
 --fill:#222; --dot:#7db8dd; --s1:#b0604f; --s2:#8a5a4e; --s3:#5a5955; --s4:#4d748a; --s5:#5aa0c8 } }
* { box-sizing:border-box } body { margin:0; background:var(--paper); color:var(--ink) }
main { max-width:60rem; margin:0 auto; padding:3rem 1.5rem 5rem }
h1 { font-size:2.2rem; line-height:1.15; letter-spacing:-.02em; margin:0 0 .3rem }
h2 { margin:3.2rem 0 .6rem; font-size:1.45rem; letter-spacing:-.01em } h3 { margin:2rem 0 .4rem; font-size:1.05rem }
p { max-width:44rem } .soft, figcaption { color:var(--soft) } figcaption, .note { font-size:.92rem }
.facts { display:flex; flex-wrap:wrap; gap:.6rem 2.4rem; margin:1.4rem 0; padding:0; list-style:none }
.facts b { display:block; font-size:1.5rem; font-weight:600; line-height:1.2; font-variant-numeric:tabular-nums }
.wide { overflow-x:auto } table { border-collapse:collapse; font-variant-numeric:tabular-nums; font-size:.95rem }
th, td { padding:.42rem .8rem; text-align:right; border-bottom:1px solid var(--line); white-space:nowrap }
th { font-weight:600; text-align:right } th:first-child, td:first-child { text-align:left; padding-left:0 }
thead th { color:var(--soft); font-weight:500 } .matrix td, .matrix th:not(:first-child) { text-align:center }
.matrix td { font-size:.88rem } .matrix .yes { background:var(--fill); font-weight:600 }
.matrix .self { color:var(--line) }
figure { margin:1rem 0; overflow-x:auto } svg { width:100%; min-width:36rem; height:auto; display:block }
text { font-size:15px; fill:var(--ink) } .strong { font-weight:600 } text.soft { fill:var(--soft); font-size:13px }
.grid { stroke:var(--line) } .whisker { stroke:var(--dot); stroke-width:3; stroke-linecap:round; opacity:.55 }
.dot { fill:var(--dot) } .s1 { fill:var(--s1) } .s2 { fill:var(--s2) } .s3 { fill:var(--s3) } .s4 { fill:var(--s4) }
.s5 { fill:var(--s5) } .on1, .on5 { fill:var(--on); font-size:13px } .on2, .on3, .on4 { fill:#1d1d1d; font-size:13px }
@media (prefers-color-scheme:dark) { .on2, .on3, .on4 { fill:#fff } .on5 { fill:#111 } }
@media print { main { max-width:none; padding:0 } h2 { break-after:avoid } figure, table { break-inside:avoid } }
"""
HOW_SCORES = (
    "A version's MOS is the mean of all its scores. Its 95 % interval is Student's t over the raters' own means "
    "(one rater's scores depend on each other), so it speaks of other raters and these pictures. Two versions are "
    "compared by the paired two-sided Wilcoxon signed-rank test over every rater and picture that scored both, as "
    "Ledig et al. 2017 did; p-values are corrected for the number of tests by Holm's method within a test set. "
    "Repeated showings count for consistency only."
)
HOW_PAIRS = (
    "Scores are log strengths of the Bradley-Terry model with mean 0: a version one point above another is "
    "preferred in 73 % of comparisons. Intervals are 95 %, from the Fisher information, and take choices as "
    "independent. Repeated showings count for consistency only."
)
HOW_RATERS = (
    "<b>with others</b>: correlation with the mean of all others. <b>far off</b>: share of scores far from the "
    "others' (more than 2 standard deviations, or &radic;20 where scores are not spread normally). A rater with more "
    "than 5 % of them, as many above as below, is called erratic, the screening of Recommendation ITU-R BT.500. "
    "Nobody is left out: where somebody is flagged, the table of scores has a column without them."
)


def html(found: dict[str, Any]) -> str:
    """The report of ``results``."""
    scores = found["kind"] == "scores"
    parts = [_head(found), *(_group(group, scores) for group in found["groups"]), _agreement(found), _raters(found)]
    how = HOW_SCORES if scores else HOW_PAIRS
    parts.append(f"<h2>How it was computed</h2><p>{how}</p>{_receipt(found)}")
    title = escape(found["title"])
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head><body><main>{''.join(parts)}</main></body></html>\n"
    )


def _head(found: dict[str, Any]) -> str:
    facts = {
        "raters": len(found["raters"]), "answers": f"{found['ratings']:,}", "pictures": found["pictures"],
        "versions": len(found["versions"]), "Krippendorff's alpha": number(found["alpha"]),
    }  # fmt: skip
    rows = "".join(f"<li><b>{value}</b>{escape(name)}</li>" for name, value in facts.items())
    what = "Opinion scores, 1 (bad) to 5 (excellent)" if found["kind"] == "scores" else "Choices between two"
    return f'<h1>{escape(found["title"])}</h1><p class="soft">{what}</p><ul class="facts">{rows}</ul>'


def _table(head: list[str], rows: list[list[str]], kind: str = "") -> str:
    top = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    body = "".join("<tr>" + "".join(_cell(cell, n) for n, cell in enumerate(row)) + "</tr>" for row in rows)
    return f'<div class="wide"><table class="{kind}"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(cell: str, column: int) -> str:
    if column == 0:
        return f'<th scope="row">{cell}</th>'
    return cell if cell.startswith("<td") else f"<td>{cell}</td>"


def _group(group: dict[str, Any], scores: bool) -> str:
    flagged = any(row["without_flagged"] is not None for row in group["versions"])
    head = ["version", "MOS" if scores else "score", "95 % interval", "answers", *(["without flagged"] * flagged)]
    rows = [
        [escape(row["name"]), f"<b>{number(row['value'])}</b>", f"{number(row['low'])} to {number(row['high'])}",
         f"{row['count']:,}", *([number(row["without_flagged"])] * flagged)]
        for row in ordered(group)
    ]  # fmt: skip
    parts = [f"<h2>{escape(group['name'])}</h2>", f"<figure>{plots.means(group, scores)}</figure>", _table(head, rows)]
    if scores:
        parts += ["<h3>Distribution of scores</h3>", f"<figure>{plots.distributions(group)}</figure>", _tests(group)]
    else:
        parts.append(_wins(group))
    return "".join(parts)


def _tests(group: dict[str, Any]) -> str:
    """The significance matrix: row minus column, and the corrected p-value; shaded where it is below 0.05."""
    names = [row["name"] for row in ordered(group)]
    cells: dict[tuple[str, str], str] = {}
    for test in group["tests"]:
        if test["difference"] is None:
            continue
        kind = ' class="yes"' if test["p_holm"] < SIGNIFICANT else ""
        how = "exact" if test["exact"] else "normal approximation"
        title = f"p = {test['p']:.3g} uncorrected, {test['used']} of {test['pairs']} pairs differ, {how}"
        for a, b, sign in ((test["a"], test["b"], 1), (test["b"], test["a"], -1)):
            difference = f"{sign * test['difference']:+.2f}"
            cells[a, b] = (
                f'<td{kind} title="{title}">{difference}<br><span class="soft">{p_value(test["p_holm"])}</span>'
            )
            cells[a, b] += "</td>"
    blank = '<td class="self">&middot;</td>'
    rows = [[escape(a), *(cells.get((a, b), blank) for b in names)] for a in names]
    head = _table(["row minus column", *map(escape, names)], rows, "matrix")
    note = "Mean difference, and below it the p-value; shaded where it is below 0.05 after Holm's correction."
    return f'<h3>Which versions differ</h3>{head}<p class="soft note">{note}</p>'


def _wins(group: dict[str, Any]) -> str:
    names = [row["name"] for row in group["versions"]]
    rows = []
    for a, name in enumerate(names):
        games = [group["wins"][a][b] + group["wins"][b][a] for b in range(len(names))]
        shares = [f"{group['wins'][a][b] / games[b]:.0%}<br><span class='soft'>of {games[b]}</span>" if games[b]
                  else "&middot;" for b in range(len(names))]  # fmt: skip
        rows.append([escape(name), *shares])
    note = "<p class='note soft'>How often the row was preferred to the column.</p>"
    if group["steadied"]:
        note += (
            "<p class='note'>A version always or never won, so the model has no finite answer: half a win was added "
            "each way for every pair, as if each had been judged once more and shared.</p>"
        )
    return f"<h3>Who won against whom</h3>{_table(['', *map(escape, names)], rows, 'matrix')}{note}"


def _agreement(found: dict[str, Any]) -> str:
    level = "ordinal" if found["kind"] == "scores" else "nominal"
    words = [f"Krippendorff's alpha ({level}) over all raters is <b>{number(found['alpha'])}</b>: 1 is full agreement, "
             "0 what chance would give."]  # fmt: skip
    if found["kind"] == "pairs":
        words.append(f"The left picture was chosen in {found['left']:.0%}; far from 50 %, the side decided too.")
    return f"<h2>Agreement</h2><p>{' '.join(words)}</p>"


def _raters(found: dict[str, Any]) -> str:
    scores = found["kind"] == "scores"
    head = ["rater", "answers", *(["mean"] * scores), "with others", "same when repeated", *(["far off"] * scores),
            "seconds each", "remarks"]  # fmt: skip
    rows = []
    for rater in found["raters"]:
        again = rater["repeats"]
        same = f"{again['same']:.0%} of {again['count']}" if again["count"] else "-"
        far = "-" if rater["far"] is None else f"{rater['far']:.1%}"
        remarks = rater["flags"] + ([] if rater["finished"] else ["not finished"])
        rows.append([
            str(rater["rater"]), f"{rater['ratings']:,}", *([number(rater["mean"])] * scores),
            number(rater["with_others"]), same, *([far] * scores), number(rater["seconds"], 1), ", ".join(remarks),
        ])  # fmt: skip
    note = f'<p class="soft note">{HOW_RATERS}</p>' if scores else ""
    return f"<h2>Raters</h2>{_table(head, rows)}{note}"


def _receipt(found: dict[str, Any]) -> str:
    return (
        f'<p class="soft note">Study {found["identity"]}, made {escape(found["created"])}, seed {found["seed"]}; '
        f"{found['per_rater']:,} steps per rater, {found['repeated']} of them repeated, "
        f"{found['sessions']} session{'s' * (found['sessions'] != 1)}.</p>"
    )
