"""The pieces of an HTML page that stands alone: its style, tables, notes. No script, no load.

Rule. Text goes in through `text` (or `cell`), which escapes; what is markup already is `Html`.
"""

from collections.abc import Iterable, Sequence
from html import escape
from typing import NewType

Html = NewType("Html", str)

# Heads of more letters than this do not fit a telephone: the table says that it scrolls.
HEAD_LETTERS_MAX = 45

STYLE = """
:root { --ink:#1c2733; --soft:#52606d; --line:#dfe5ea; --tint:#f5f8fa; --accent:#2b7a8c;
  --good:#2f7a55; --bad:#b3402d; --amber:#f0c36d; }
* { box-sizing:border-box }
html { -webkit-text-size-adjust:100% }
body { margin:0; background:#fff; color:var(--ink); line-height:1.55; font-size:16px;
  font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif }
main { max-width:1060px; margin:0 auto; padding:44px 28px 72px }
h1,h2,.lead,.law,.big { font-family:"Iowan Old Style","Palatino Linotype",Palatino,"Book Antiqua",
  "Source Serif 4","Noto Serif","Liberation Serif",Georgia,serif }
h1 { font-size:2.3rem; line-height:1.15; margin:.15em 0 .3em; font-weight:600;
  letter-spacing:-.01em }
h2 { font-size:1.45rem; font-weight:600; margin:2.6em 0 .35em; padding-top:1.1em;
  border-top:1px solid var(--line) }
h3 { font-size:.95rem; margin:1.8em 0 .5em; font-weight:650 }
p { max-width:44em; margin:.5em 0 }
.kicker { color:var(--accent); font-size:.78rem; letter-spacing:.09em; text-transform:uppercase;
  font-weight:650; margin:0 }
.lead { font-size:1.22rem; line-height:1.45; max-width:38em; margin:.2em 0 1em }
.note { color:var(--soft); font-size:.92rem }
.law { border-left:3px solid var(--accent); padding:.15em 0 .15em 1em; margin:1.5em 0;
  font-size:1.08rem; font-style:italic; max-width:42em; color:#33414e }
.verdict { border-radius:8px; padding:15px 20px; margin:1.2em 0; max-width:none;
  background:#edf6f1; border:1px solid #cfe5d8 }
.verdict b { color:var(--good) }
.verdict.failed { background:#fdf1ee; border-color:#f0cdc5 }
.verdict.failed b { color:var(--bad) }
.alarm { border:2px solid var(--bad); border-radius:8px; padding:4px 20px 14px; margin:1.4em 0;
  background:#fffaf9 }
.alarm h2 { color:var(--bad); border:0; margin:.4em 0 .2em; padding:0 }
.facts { display:flex; flex-wrap:wrap; gap:4px 26px; color:var(--soft); font-size:.9rem;
  margin:.8em 0 0; padding:0 }
.facts div { display:flex; gap:7px } .facts dt { color:var(--soft) }
.facts dd { margin:0; color:var(--ink); font-variant-numeric:tabular-nums }
.tiles { display:grid; grid-template-columns:repeat(auto-fit,minmax(150px,1fr)); gap:1px;
  background:var(--line); border:1px solid var(--line); border-radius:8px; overflow:hidden;
  margin:1.4em 0 }
.tiles div { background:#fff; padding:13px 16px 11px }
.big { font-size:1.75rem; line-height:1.1; display:block; font-variant-numeric:lining-nums }
.tiles span:last-child { color:var(--soft); font-size:.84rem; line-height:1.3; display:block;
  margin-top:5px }
.scroll { margin:1em 0 }
.scroll,.plot { overflow-x:auto; -webkit-overflow-scrolling:touch;
  /* A shadow at the edge behind which there is more; the first two travel along and cover it. */
  background:linear-gradient(to right,#fff 35%,#fff0) left/44px 100% no-repeat local,
    linear-gradient(to left,#fff 35%,#fff0) right/44px 100% no-repeat local,
    linear-gradient(to right,#1c27333d,#1c273300) left/15px 100% no-repeat scroll,
    linear-gradient(to left,#1c27333d,#1c273300) right/15px 100% no-repeat scroll }
table { border-collapse:collapse; font-size:.88rem; width:100%; line-height:1.4 }
th { text-align:left; font-weight:600; color:var(--soft); font-size:.8rem; vertical-align:bottom;
  border-bottom:1.5px solid #c6cfd7; padding:6px 14px 6px 0; white-space:nowrap }
td { border-bottom:1px solid var(--line); padding:6px 14px 6px 0; vertical-align:top }
th:last-child,td:last-child { padding-right:2px }
.n { text-align:right; font-variant-numeric:tabular-nums; white-space:nowrap }
.w { white-space:nowrap }
.p { min-width:15em }
.s { min-width:11em; overflow-wrap:anywhere }
td.yes { color:var(--good); font-weight:650; white-space:nowrap }
td.no { color:var(--bad); font-weight:700; white-space:nowrap }
tr.bad td { background:#fdf1ee } tr.hit td { background:#fdf6e6 }
tr.gap td { color:var(--soft); font-style:italic; text-align:center; padding:4px }
code,pre,.mono { font-family:ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono",monospace }
code { font-size:.88em; overflow-wrap:anywhere }
pre { background:var(--tint); border:1px solid var(--line); border-radius:8px; padding:13px 16px;
  font-size:.78rem; line-height:1.5; overflow-x:auto; margin:.5em 0 1em }
pre mark { background:#fbe3ab; color:inherit; border-radius:3px; padding:0 2px }
figure { margin:1.2em 0 } figcaption { color:var(--soft); font-size:.88rem; max-width:50em }
.plot svg { display:block; width:100%; min-width:700px; height:auto }
svg text { font-family:inherit !important }
th.mono { font-family:inherit }
.grid { display:grid; grid-template-columns:repeat(auto-fill,minmax(305px,1fr)); gap:26px 26px }
.grid figure { margin:0; min-width:0 } .grid svg { width:100%; height:auto; display:block }
.grid figcaption { display:flex; justify-content:space-between; gap:10px; margin-bottom:4px;
  align-items:baseline }
.grid figcaption b { color:var(--ink); font-size:.98rem } .grid figcaption span { font-size:.8rem }
.ends { margin:0; color:var(--soft); font-size:.8rem; text-align:right;
  font-variant-numeric:tabular-nums }
.key { display:flex; flex-wrap:wrap; gap:4px 20px; font-size:.86rem; color:var(--soft);
  margin:.7em 0 1.2em }
.key i { display:inline-block; width:22px; height:9px; margin-right:7px; border-radius:2px }
.pair { display:grid; grid-template-columns:repeat(auto-fit,minmax(330px,1fr)); gap:0 26px }
.pair > * { min-width:0 }
.story { list-style:none; padding:0; margin:1em 0; max-width:52em }
.story li { display:grid; grid-template-columns:6.2em 1fr; gap:14px; padding:5px 0;
  border-bottom:1px solid var(--line) }
.story time { color:var(--soft); font-variant-numeric:tabular-nums; text-align:right }
details { margin:.6em 0 } summary { cursor:pointer; color:var(--accent); font-size:.92rem }
footer { margin-top:3.5em; border-top:1px solid var(--line); padding-top:1em; color:var(--soft);
  font-size:.88rem }
@media (max-width:640px) { main { padding:26px 16px 48px } h1 { font-size:1.75rem }
  .lead { font-size:1.08rem } .story li { grid-template-columns:5em 1fr; gap:10px }
  .pair,.grid { grid-template-columns:minmax(0,1fr) }
  .claims tr { display:grid; grid-template-columns:4em minmax(0,1fr) 3.4em 4em; padding:5px 0;
    border-bottom:1px solid var(--line) }
  .claims th,.claims td { border:0; padding:1px 8px 1px 0 } .claims th.mono { display:none }
  .claims td.mono { grid-area:2/2/3/5; color:var(--soft); font-size:.76rem }
  th,td { padding-right:9px } }
@media (max-width:756px) { .wide::before { content:"more to the right →"; display:block;
    position:sticky; left:0; width:max-content; color:var(--soft); font-size:.78rem;
    font-style:italic } .scroll.wide table { min-width:720px } }
@media print { main { max-width:none; padding:0 } .scroll,.plot { overflow:visible } }
"""


def page(title: str, body: Html) -> str:
    """The whole document."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def text(*parts: object) -> Html:
    """Text, escaped."""
    return Html(escape("".join(str(part) for part in parts)))


def tag(name: str, content: Html, css: str = "") -> Html:
    """An element."""
    attribute = f' class="{css}"' if css else ""
    return Html(f"<{name}{attribute}>{content}</{name}>")


def join(*parts: Html | str) -> Html:
    """Elements one after the other."""
    return Html("\n".join(part for part in parts if part))


def row(cells: Iterable[tuple[object, str]], css: str = "") -> Html:
    """A row of (value, class): "n" for numbers, which stand to the right."""
    attribute = f' class="{css}"' if css else ""
    return Html(f"<tr{attribute}>{''.join(tag('td', text(v), kind) for v, kind in cells)}</tr>")


def gap(columns: int, words: str) -> Html:
    """A row that says what was left out."""
    return Html(f'<tr class="gap"><td colspan="{columns}">{escape(words)}</td></tr>')


def grid(heads: Sequence[tuple[str, str]], rows: Sequence[Html], css: str = "") -> Html:
    """A table of (title, class) and rows; it scrolls by itself where the page is narrow."""
    wide = sum(len(name) + 2 for name, _ in heads) > HEAD_LETTERS_MAX
    attribute = f' class="{css}"' if css else ""
    head = "".join(tag("th", text(name), kind) for name, kind in heads)
    return Html(
        f'<div class="scroll{" wide" if wide else ""}"><table{attribute}>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )
