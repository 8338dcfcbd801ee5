/** Colours that charts and words share. Series have the order of charts/series.ts. */
export const LIGHT = `
  --paper: #ffffff; --ground: #f6f6f3; --ink: #1c1d21; --muted: #5c606b; --rule: #dddcd6; --grid: #e7e6e1; --axis: #b4b4ae;
  --accent: #b3470f; --good: #2f6f4f; --bad: #a8321f;
  --series-0: #1f5fd0; --series-1: #0e8aa8; --series-2: #2c8a4b; --series-3: #7c46c9;
  --series-4: #b97a00; --series-5: #d0402b; --series-6: #b93a86;
  --part-0: #bb5216; --part-1: #33658a; --part-2: #8d8f97;
  --on-part-0: #ffffff; --on-part-1: #ffffff; --on-part-2: #16171a;
  --phase-0: #8d8f97; --phase-1: #2b6f77; --phase-2: #33658a; --phase-3: #bb5216; --phase-4: #6d5a94; --phase-5: #b08a2e;
  --on-phase-0: #16171a; --on-phase-1: #ffffff; --on-phase-2: #ffffff; --on-phase-3: #ffffff; --on-phase-4: #ffffff;
  --on-phase-5: #16171a;`

export const DARK = `
  --paper: #1c1d21; --ground: #131417; --ink: #ecebe6; --muted: #a3a6b0; --rule: #34363d; --grid: #2b2d33; --axis: #5a5d66;
  --accent: #f0935a; --good: #7cc79d; --bad: #f08f7d;
  --series-0: #7aa8ff; --series-1: #4cc7e0; --series-2: #6fd08e; --series-3: #bd98ff;
  --series-4: #f0bb4a; --series-5: #ff8a75; --series-6: #f28cc6;
  --part-0: #e8824a; --part-1: #6fa3cc; --part-2: #8f929c;
  --on-part-0: #16171a; --on-part-1: #16171a; --on-part-2: #16171a;
  --phase-0: #8f929c; --phase-1: #5fb3bb; --phase-2: #6fa3cc; --phase-3: #e8824a; --phase-4: #ab97d6; --phase-5: #d8b55c;
  --on-phase-0: #16171a; --on-phase-1: #16171a; --on-phase-2: #16171a; --on-phase-3: #16171a; --on-phase-4: #16171a;
  --on-phase-5: #16171a;`

/** Rules that dim all series but the one whose legend is pointed at. */
const FOCUS = [0, 1, 2, 3, 4, 5, 6]
  .map(
    n =>
      `#depth:has(.legend [data-color="${n}"]:hover) svg[role=img] :is([stroke^="var(--series"], [fill^="var(--series"])` +
      `:not([stroke="var(--series-${n})"], [fill="var(--series-${n})"]) { opacity: .12 }`,
  )
  .join('\n')

/** The style sheet of the page: light, dark, narrow, printed. */
export const STYLE = `
:root { color-scheme: light dark; ${LIGHT} }
@media screen and (prefers-color-scheme: dark) { :root { ${DARK} } }
* { box-sizing: border-box }
html { -webkit-text-size-adjust: 100% }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif }
main, footer { max-width: 972px; margin: 0 auto; padding: 0 24px }
header { padding: 40px 0 8px }
.brand { margin: 0; color: var(--muted); font-size: 14px }
.logo { display: inline-block; margin-right: 6px; color: var(--accent); font-weight: 700; letter-spacing: .02em }
h1 { margin: 10px 0 4px; font-size: clamp(26px, 5vw, 38px); line-height: 1.15; letter-spacing: -.015em; overflow-wrap: anywhere }
.subtitle { margin: 0 0 24px; color: var(--muted) }
.verdict { margin: 0 0 20px; font-weight: 600 }
.verdict.poor, .verdict.broken { color: var(--bad, #b3261e) }
.tiles { display: grid; grid-template-columns: repeat(4, 1fr); gap: 12px; margin: 0 }
.tile { padding: 14px 16px 16px; background: var(--paper); border: 1px solid var(--rule); border-radius: 10px }
.tile dt { color: var(--muted); font-size: 13.5px }
.tile dd { margin: 0 }
.tile strong { display: block; margin: 2px 0 6px; font-size: 23px; line-height: 1.2; letter-spacing: -.01em;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere }
.tile span { display: block; color: var(--muted); font-size: 13px; line-height: 1.4; overflow-wrap: anywhere }
section { margin: 20px 0; padding: 22px 28px 26px; background: var(--paper); border: 1px solid var(--rule); border-radius: 10px }
h2 { margin: 0 0 4px; font-size: 20px; line-height: 1.3; letter-spacing: -.005em }
.lead { margin: 0 0 16px; max-width: 80ch; text-wrap: pretty; color: var(--muted); overflow-wrap: anywhere }
section > :last-child { margin-bottom: 0 }
.warning { color: var(--bad) }
.note { margin: 10px 0 0; color: var(--muted); font-size: 14px }
.notes { margin: 8px 0 0; padding-left: 20px; overflow-wrap: anywhere }
.chart { margin: 18px 0 0 }
figcaption { font-weight: 600; font-size: 15px }
figcaption span { margin-left: 6px; color: var(--muted); font-weight: 400; font-size: 14px }
.pair { display: grid; grid-template-columns: 1fr 1fr; align-items: end; gap: 26px 36px; margin-top: 26px }
.pair .chart { margin: 0; min-width: 0 }
.chart svg.half { max-width: 560px }
.chart svg[role=img] { display: block; width: 100%; height: auto; overflow: visible; font-family: inherit; margin-top: 8px }
.chart svg.narrow { display: none; max-width: 560px }
.legend { display: flex; flex-wrap: wrap; gap: 2px 18px; margin: 4px 0 0; padding: 0; list-style: none; color: var(--muted);
  font-size: 14px }
.legend li { display: flex; align-items: center; gap: 6px; cursor: default }
.legend svg { width: 12px; height: 12px; flex: none }
[data-tip].near { stroke: var(--ink); stroke-width: .25 }
${FOCUS}
.tip { position: fixed; z-index: 1; max-width: min(420px, calc(100vw - 16px)); padding: 6px 10px; background: var(--ink);
  color: var(--paper); border-radius: 6px; font-size: 13px; line-height: 1.35; overflow-wrap: anywhere; pointer-events: none }
.tip[hidden] { display: none }
.scroll { overflow-x: auto; margin-top: 14px }
.scroll:focus-visible, .command:focus-visible, summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
table { width: 100%; border-collapse: collapse; font-size: 14.5px; font-variant-numeric: tabular-nums }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
th, td { padding: 7px 14px 7px 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--rule); font-weight: 400 }
thead th { color: var(--muted); font-size: 13px; white-space: nowrap; vertical-align: bottom }
tbody tr:last-child > * { border-bottom: 0 }
.number { text-align: right; white-space: nowrap }
td.number:has(+ .words), th.number:has(+ .words) { padding-right: 28px }
tr > :last-child { padding-right: 0 }
td.words, th.words { overflow-wrap: break-word }
th small { display: block; color: var(--muted); font-size: .92em }
#repairs tbody th { min-width: 9em; max-width: 24em; overflow-wrap: anywhere }
#parts tbody tr:last-child > * { font-weight: 600 }
#matrices table { font-size: 13px }
#matrices th, #matrices td { padding-right: 12px; white-space: nowrap }
#matrices thead th { white-space: normal }
#matrices tr > :last-child { padding-right: 0 }
.sample { margin-top: 18px; padding-top: 16px; border-top: 1px solid var(--rule) }
.sample:first-of-type { margin-top: 0; padding-top: 0; border-top: 0 }
.asked { margin: 0 0 8px; font-weight: 600; overflow-wrap: anywhere }
.sides { display: grid; grid-template-columns: 1fr 1fr; gap: 12px }
.sides > div { padding: 10px 14px 12px; background: var(--ground); border-radius: 8px; border-left: 3px solid var(--part-2) }
.sides > div:last-child { border-left-color: var(--part-0) }
.sides h3 { margin: 0 0 2px; color: var(--muted); font-size: 13px; font-weight: 400 }
.cosine { float: right; font-variant-numeric: tabular-nums }
.answer { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere }
.command { margin: 0 0 18px; padding: 12px 16px; background: var(--ground); border-radius: 8px; white-space: pre-wrap;
  overflow-wrap: anywhere; font: 14px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace }
/* A word moves to the next line as a whole; one that is longer than a line is broken. */
.command span { display: inline-block; max-width: 100% }
.facts { display: flex; flex-wrap: wrap; gap: 8px 40px; margin: 0 }
.facts dt { color: var(--muted); font-size: 13.5px }
.facts dd { margin: 0; font-variant-numeric: tabular-nums }
details { margin-top: 16px }
#matrices details { margin-top: 6px }
summary { cursor: pointer; color: var(--accent); width: fit-content }
footer { padding-bottom: 40px; color: var(--muted); font-size: 14px }
@media screen and (max-width: 900px) {
  .tile { padding: 12px }
  .tile strong { font-size: 18px }
}
@media screen and (max-width: 719px) {
  main, footer { padding: 0 14px }
  header { padding-top: 24px }
  .tiles { grid-template-columns: 1fr 1fr }
  section { margin: 14px 0; padding: 18px 16px 20px }
  .chart svg.wide { display: none }
  .chart svg.narrow { display: block }
  .pair { grid-template-columns: 1fr }
  th, td { padding-right: 10px }
}
@media screen and (max-width: 560px) {
  .sides { grid-template-columns: 1fr }
}
@media print {
  @page { margin: 14mm }
  body { background: none; font-size: 10.5pt; -webkit-print-color-adjust: exact; print-color-adjust: exact }
  main, footer { max-width: none; padding: 0 }
  header { padding-top: 0 }
  .tile { padding: 8pt 9pt 10pt }
  .tile strong { font-size: 12pt }
  .tile span, .tile dt { font-size: 8.5pt }
  table { font-size: 9.5pt }
  section { margin: 14pt 0 0; padding: 0; background: none; border: 0; border-radius: 0 }
  .chart, .sample, .tile, tr, .command { break-inside: avoid }
  h2, .lead, figcaption, .legend { break-after: avoid }
  thead { display: table-header-group }
  .scroll { overflow: visible }
  details:not([open]), .tip { display: none }
  #matrices:has(details:not([open])) { display: none }
  #matrices table { font-size: 7.5pt }
}
`
