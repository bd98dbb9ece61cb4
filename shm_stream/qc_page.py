"""Looks and behaviour of the quality report. Without the script it is a plain page with everything on it."""

from __future__ import annotations

STYLE = """\
:root { color-scheme: light dark; --text: #1d2329; --dim: #626c77; --line: #dfe4e8; --page: #f6f7f8; --card: #fff;
  --bad: #c4320a; --half: #a15c07; --look: #8a6a00; --fine: #4d7c5b; --mark: #d9480f; --focus: #2f6fde;
  --curve: #8597ad; --chip: #eef1f4; --well: #f2f4f6 }
@media (prefers-color-scheme: dark) {
  :root { --text: #e3e7eb; --dim: #98a2ad; --line: #2c343b; --page: #12161a; --card: #1a2026; --bad: #ff8f6b;
    --half: #f0b263; --look: #e5c45c; --fine: #84bf95; --mark: #ff9c66; --focus: #7aa7ff; --curve: #667d99;
    --chip: #252d34; --well: #14191e }
}
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 78rem; padding: 2rem 1.5rem 5rem; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif }
h1 { font-size: 1.5rem; margin: 0; overflow-wrap: anywhere } .facts, small, figcaption { color: var(--dim) }
body > p { margin: .25rem 0 1.25rem; color: var(--dim) }
nav { position: sticky; top: 0; z-index: 1; display: flex; flex-wrap: wrap; gap: .4rem; align-items: center;
  padding: .75rem 0; margin-bottom: .5rem; background: var(--page); border-bottom: 1px solid var(--line) }
nav button, nav input, nav select { font: inherit; font-size: .9rem; color: inherit; background: var(--card);
  border: 1px solid var(--line); border-radius: 999px; padding: .25rem .8rem; height: 2.1rem }
nav button[aria-pressed=true] { background: var(--text); color: var(--page); border-color: var(--text) }
nav button b { font-weight: 400; opacity: .65; margin-left: .2rem }
nav input { flex: 1 1 12rem; min-width: 9rem; max-width: 20rem } nav .gap { flex: 1 }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px }
article { background: var(--card); border: 1px solid var(--line); border-left: 4px solid var(--fine);
  border-radius: 10px; padding: .85rem 1.1rem; margin: 0 0 .9rem; scroll-margin-top: 6.5rem }
article.failed { border-left-color: var(--bad) } article.partial { border-left-color: var(--half) }
article.look { border-left-color: var(--look) }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: .2rem .9rem }
h2 { font-size: 1.02rem; font-weight: 600; margin: 0; overflow-wrap: anywhere }
.state { font-size: .85rem; font-weight: 600; color: var(--fine) } .failed .state { color: var(--bad) }
.partial .state { color: var(--half) } .look .state { color: var(--look) }
header .facts { font-size: .9rem; font-variant-numeric: tabular-nums }
.reason { margin: .35rem 0 0; overflow-wrap: anywhere }
.tags { display: flex; flex-wrap: wrap; gap: .35rem; list-style: none; margin: .5rem 0 0; padding: 0 }
.tags li { background: var(--chip); border-radius: 6px; padding: .05rem .55rem; font-size: .87rem }
.tags b, figcaption b { font-weight: 400; color: var(--dim); font-variant-numeric: tabular-nums }
.tags .note { background: none; border: 1px solid var(--line) }
.time { display: grid; grid-template-columns: 6.5rem minmax(0, 1fr); gap: .3rem .8rem; align-items: center;
  margin-top: .7rem }
.label:first-child { align-self: start } .label { font-size: .85rem; line-height: 1.3 }
.label small { display: block; font-size: .8rem }
.strip { display: flex; gap: 3px } .strip .frame { flex: 1 1 0; min-width: 0 }
.strip .frame:only-child { max-width: 9rem } .strip .frame:only-child img { margin: 0 }
.frame img { display: block; max-width: 100%; margin: 0 auto; border-radius: 2px }
.strip .frame img { max-height: 6rem } .strip .frame img + img { margin-top: 3px }
.curve { height: 2rem; background: var(--well); border-radius: 3px; overflow: hidden }
svg { display: block; width: 100%; height: 100% } path { fill: var(--curve) }
line { stroke: var(--mark); stroke-width: 1.5px; vector-effect: non-scaling-stroke }
.checked { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: .75rem; margin-top: .8rem }
figure { margin: 0 } figure .frame { display: flex; gap: 3px } figure .frame img { min-width: 0; margin: 0 }
figure .frame img { max-width: calc(50% - 2px) }
figcaption { font-size: .85rem; margin-top: .2rem }
details { margin-top: .6rem } summary { color: var(--dim); font-size: .85rem; cursor: pointer; width: max-content }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .1rem 1rem; margin: .5rem 0 0;
  font-size: .85rem } dt { color: var(--dim) } dd { margin: 0; overflow-wrap: anywhere }
[hidden] { display: none !important } kbd { font: inherit; border: 1px solid var(--line); border-radius: 4px;
  padding: 0 .3rem }
@media (max-width: 44rem) { .time { grid-template-columns: minmax(0, 1fr) } .strip .frame:nth-child(even)
  { display: none } body { padding: 1rem } }
@media print {
  :root { color-scheme: light; --text: #000; --dim: #555; --line: #ccc; --page: #fff; --card: #fff; --chip: #eee;
    --well: #f4f4f4; --bad: #a00; --half: #850; --look: #760; --fine: #363; --mark: #c30; --curve: #8597ad }
  body { max-width: none; padding: 0; font-size: 11px } nav, .keys, details { display: none }
  article { break-inside: avoid } * { print-color-adjust: exact; -webkit-print-color-adjust: exact }
}
"""

KEYS = """\
<p class="keys" hidden><kbd>j</kbd> <kbd>k</kbd> next, previous shot · <kbd>Enter</kbd> its settings · <kbd>/</kbd>
search · <kbd>1</kbd> to <kbd>5</kbd> filter · <kbd>Esc</kbd> all shots</p>
"""

SCRIPT = """\
const all = selector => [...document.querySelectorAll(selector)], one = selector => document.querySelector(selector);
const cards = all("article"), buttons = all("nav button[data-state]"), list = one("main");
const search = one("#search"), kind = one("#kind"), sort = one("#sort");
let state = "all";
const words = new Map(cards.map(card => [card, [card.dataset.name, card.querySelector(".reason")?.textContent,
  card.querySelector(".tags")?.textContent].join(" ").toLowerCase()]));
const wanted = card => (state === "all" || card.dataset.state === state)
  && (!kind.value || card.dataset.kinds.split(" ").includes(kind.value))
  && search.value.toLowerCase().split(/\\s+/).every(word => words.get(card).includes(word));
function show() {
  let count = 0;
  for (const card of cards) { card.hidden = !wanted(card); count += !card.hidden; }
  for (const button of buttons) button.setAttribute("aria-pressed", button.dataset.state === state);
  one("#none").hidden = count > 0;
}
function choose(chosen) { state = chosen; show(); }
for (const button of buttons) button.onclick = () => choose(button.dataset.state);
search.oninput = kind.onchange = show;
const natural = new Intl.Collator(undefined, { numeric: true });
sort.onchange = () => {
  const byName = (a, b) => natural.compare(a.dataset.name, b.dataset.name);
  list.append(...(sort.value === "name" ? [...cards].sort(byName) : cards));
};
function step(by) {
  const seen = all("article").filter(card => !card.hidden);
  const at = seen.indexOf(document.activeElement.closest("article"));
  const next = seen[at < 0 ? (by > 0 ? 0 : seen.length - 1) : Math.min(Math.max(at + by, 0), seen.length - 1)];
  next?.focus({ preventScroll: true }); next?.scrollIntoView({ block: "start" });
}
function reset() { search.value = kind.value = ""; document.activeElement.blur(); choose("all"); }
document.onkeydown = event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") return reset();
  if (event.target.matches("input, select")) return;
  const card = event.target.matches("article") ? event.target.querySelector("details") : null;
  if (event.key === "j") step(1);
  else if (event.key === "k") step(-1);
  else if (event.key === "/") { event.preventDefault(); search.focus(); }
  else if (event.key === "Enter" && card) card.open = !card.open;
  else if (/^[1-5]$/.test(event.key)) buttons[event.key - 1]?.click();
};
for (const hidden of all("nav, .keys")) hidden.hidden = false;
show();
"""
