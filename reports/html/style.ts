import { html } from './html.ts';
import { CHART_STYLE } from './style-charts.ts';
import { COMPARISON_STYLE } from './style-comparison.ts';
import { FINDING_STYLE } from './style-findings.ts';

/**
 * One style for all documents: a calm page of text, colour only where something is wrong or right, and the same in the
 * dark. Contrasts are at least 4.5 to 1 for text. Nothing is fetched: the fonts are the reader's own.
 */
export const STYLE = html`<style>
:root {
  color-scheme: light dark;
  --paper: #fbfaf7; --card: #ffffff; --ink: #1d2126; --soft: #5b636d; --line: #e3e0d9; --code: #f3f1ec;
  --fail: #a8231c; --fail-tint: #fbeae8; --unknown: #7d5300; --unknown-tint: #faf0da; --pass: #1c6b3f;
  --pass-tint: #e6f3ea;
  --ink-blue: #2f5f8f; --blue-tint: #cfdeec; --window: rgb(125 83 0 / .11);
  --series-1: #2f5f8f; --series-2: #b4541a; --series-3: #1d7f74; --series-4: #7d3f98; --series-5: #7a6a00;
  --series-6: #b83a6a; --series-7: #5a6fd0; --series-8: #4d7a1f;
}
@media screen and (prefers-color-scheme: dark) {
  :root:not(.printed) {
    --paper: #14171a; --card: #1b1f23; --ink: #e4e6e8; --soft: #a0a8b1; --line: #2d3339; --code: #20252a;
    --fail: #ff8f85; --fail-tint: #3a1d1c;
    --unknown: #e8bd62; --unknown-tint: #352a13; --pass: #7fd19f; --pass-tint: #17301f;
    --ink-blue: #8ab8e6; --blue-tint: #26394b; --window: rgb(232 189 98 / .13);
    --series-1: #8ab8e6; --series-2: #f0a070; --series-3: #62cdbd; --series-4: #d09be6; --series-5: #d8c65c;
    --series-6: #f58fb4; --series-7: #a5b2f7; --series-8: #a6d470;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 68rem; padding: clamp(1rem, 4vw, 3rem) clamp(1rem, 4vw, 2.5rem) 4rem;
  background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", sans-serif;
  overflow-wrap: anywhere;
}
h1, h2, h3 { line-height: 1.2; text-wrap: balance; font-weight: 650; }
h1 { font-size: clamp(1.5rem, 1.1rem + 2vw, 2.25rem); margin: .25rem 0 .5rem; letter-spacing: -.015em; }
h2 { font-size: 1.2rem; margin: 3rem 0 .75rem; }
h3 { font-size: 1rem; margin: 0; }
p { margin: .4rem 0; max-width: 75ch; }
a { color: var(--ink-blue); }
code, pre, .mono {
  font-family: ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; font-size: .875em;
}
.note, .soft, .eyebrow, dt, thead th, figcaption { color: var(--soft); }
.note, .soft { font-size: .925rem; }
.eyebrow { font-size: .875rem; margin: 0; }
.why { font-size: 1.125rem; margin: .75rem 0 0; }
.hero { border-left: .3rem solid var(--line); padding-left: clamp(.9rem, 2vw, 1.4rem); }
.hero.fail {
  border-color: var(--fail); } .hero.unknown { border-color: var(--unknown);
  } .hero.pass { border-color: var(--pass);
}
.badge {
  display: inline-block; padding: .05em .55em .1em; border-radius: .4em; font-size: .8125rem; font-weight: 600;
  white-space: nowrap; color: var(--soft); background: var(--code);
}
h1 .badge {
  font-size: .6em; text-transform: uppercase; letter-spacing: .04em; vertical-align: .22em;
  margin-right: .3em;
}
.fail.badge { color: var(--fail); background: var(--fail-tint); }
.unknown.badge { color: var(--unknown); background: var(--unknown-tint); }
.pass.badge { color: var(--pass); background: var(--pass-tint); }
.numbers {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(6rem, 1fr)); gap: 1.1rem 1.25rem;
  margin: 1.75rem 0 0;
}
.numbers div { display: flex; flex-direction: column-reverse; justify-content: flex-end; }
.numbers dd { margin: 0; font-size: 1.5rem; line-height: 1.25; font-weight: 600; font-variant-numeric: tabular-nums; }
.numbers .some { color: var(--fail); }
dt { font-size: .8125rem; }
.list {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); gap: .6rem 2rem;
  margin: 1rem 0;
}
.list dd { margin: 0; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: .6rem; background: var(--card); }
table { border-collapse: collapse; width: 100%; font-size: .9375rem; }
th, td { text-align: left; vertical-align: top; padding: .6rem .8rem; border-top: 1px solid var(--line); }
.prose .narrow { width: 1%; min-width: 6.5rem; }
.prose thead .narrow { white-space: normal; }
.prose td.text { min-width: 11rem; overflow-wrap: break-word; }
.data td { white-space: nowrap; }
.data td.text { white-space: normal; min-width: 8.5rem; overflow-wrap: break-word; }
.data td.text a, .nowrap, .prose td.narrow { white-space: nowrap; }
thead th { border-top: 0; font-size: .8125rem; font-weight: 500; white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td strong { font-weight: 600; }
td small { display: block; color: var(--soft); font-size: .875rem; max-width: 62ch; }
.finding {
  border: 1px solid var(--line); border-radius: .6rem; background: var(--card); padding: 1rem 1.1rem;
  margin: 0 0 1rem;
}
.finding header { display: flex; flex-wrap: wrap; gap: .3rem .75rem; align-items: baseline; }
.moments { list-style: none; margin: .75rem 0 0; padding: 0; display: grid; gap: .75rem; }
.moments li { display: grid; grid-template-columns: 7.5rem 1fr; gap: .15rem 1rem; }
.moments time { color: var(--soft); font-size: .8125rem; padding-top: .15rem; font-variant-numeric: tabular-nums; }
.moments b { color: var(--ink); font-weight: 600; display: block; }
.moments p { margin: 0; }
pre {
  margin: .5rem 0 0; padding: .7rem .85rem; border-radius: .45rem; background: var(--code);
  white-space: pre-wrap; line-height: 1.5;
}
.sides {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: .9rem;
  margin-top: .75rem;
}
.sides h4 { margin: 0; font-size: .875rem; font-weight: 600; }
.lanes { margin: .5rem 0 .75rem; font-size: .875rem; }
.lanes ol { list-style: none; margin: 0; padding: 0; }
.lanes li, .lane-heads { display: grid; grid-template-columns: 4.5rem repeat(var(--lanes), 1fr); gap: 0 .9rem; }
.lanes time { color: var(--soft); font-variant-numeric: tabular-nums; padding-top: .3rem; }
.lanes li span { border-left: .2rem solid var(--line); padding: .3rem .6rem; }
.lanes li i { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.lanes li .holds { border-color: var(--ink-blue); } .lanes li .waits { border-color: var(--unknown); }
.lanes li :is(.cancelled, .answered) { border-color: var(--fail); }
.lanes li .recorded { border-color: var(--pass); }
summary { cursor: pointer; color: var(--soft); font-size: .925rem; }
figure { margin: 0 0 .9rem; }
figcaption { display: flex; justify-content: space-between; gap: 1rem; font-size: .8125rem; margin-bottom: .2rem; }
figcaption b { color: var(--ink); font-weight: 600; }
figure svg { display: block; width: 100%; border-bottom: 1px solid var(--line); overflow: visible; }
.line {
  fill: none; stroke: var(--ink-blue); stroke-width: 1.5; vector-effect: non-scaling-stroke;
  stroke-linejoin: round;
}
svg .scale { stroke: var(--line); stroke-width: 2; } svg .range { stroke: currentColor; stroke-width: 3; }
svg .range { opacity: .45; } svg circle { fill: currentColor; } svg.trend .line { stroke: var(--line); }
:is(svg, circle).pass { color: var(--pass); } :is(svg, circle).unknown { color: var(--unknown); }
:is(svg, circle).fail { color: var(--fail); }
.matrix thead .number { writing-mode: vertical-rl; transform: rotate(180deg); text-align: left; padding: .8rem .15rem; }
.matrix td { padding: .3rem .8rem; } .matrix td.number { padding: .3rem .15rem; text-align: center; }
.matrix .badge { padding-inline: .4em; }
.matrix td.text { min-width: 0; white-space: nowrap; }
.after { margin: 1.5rem 0 .75rem; }
:focus-visible { outline: 2px solid var(--ink-blue); outline-offset: 2px; }
footer {
  margin-top: 3.5rem; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--soft);
  font-size: .875rem;
}
.contents ul { list-style: none; margin: 1.6rem 0 0; padding: 0; display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; font-size: .925rem; }
.folded > summary { padding: .6rem 0; }
.letter { display: none; color: var(--soft); font-size: .8125rem; }
${COMPARISON_STYLE}
${FINDING_STYLE}
${CHART_STYLE}
@media (max-width: 40rem) {
  .lanes li { display: block; }
  .lane-heads { display: none; }
  .lanes li i { position: static; clip-path: none; font-style: normal; font-weight: 600; }
  .lanes li span { display: block; }
  .letter { display: inline; }
  th, td { padding: .55rem .6rem; }
  .prose, .prose tbody, .prose tr, .prose td { display: block; width: auto; min-width: 0; }
  .prose thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .prose tr { padding: .7rem .8rem; border-top: 1px solid var(--line); }
  .prose tr:first-child { border-top: 0; }
  .prose td, .prose td.narrow, .prose td.text {
    border: 0; padding: .1rem 0; width: auto; min-width: 0; text-align: left;
  }
  .moments li { grid-template-columns: 1fr; }
  .moments b { display: inline; }
}
@media print {
  :root { --paper: #fff; --card: #fff; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  tr, .story li, .node { break-inside: avoid; }
  .scroll { overflow: visible; } .contents { display: none; }
  h2 { break-after: avoid; }
}
</style>`;
