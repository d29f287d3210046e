import { html } from './html.ts';

/** The charts, their keys, and the lanes of the faults, which share the charts' axis of time. */
export const CHART_STYLE = html`
.charts { border: 1px solid var(--line); border-radius: .6rem; background: var(--card); padding: 1rem 1.1rem .8rem; }
.chart, .fault-lanes { margin: 0 0 1.4rem; }
.chart figcaption, .fault-lanes figcaption { display: flex; flex-wrap: wrap; gap: 0 .6rem; font-size: .8125rem; }
.chart figcaption b, .fault-lanes figcaption b { color: var(--ink); font-weight: 600; font-size: .9rem; }
.at { margin-left: auto; color: var(--ink); font-weight: 600; font-variant-numeric: tabular-nums; }
.plot { min-width: 0; overflow: hidden; cursor: crosshair; }
:root:not(.drawn) .plot, .drawn .undrawn { display: none; }
.keys { list-style: none; margin: .15rem 0 0; padding: 0 0 0 52px; display: flex; flex-wrap: wrap; gap: 0 1.1rem; font-size: .8125rem; }
.keys i { display: inline-block; width: .8rem; height: .2rem; border-radius: .1rem; vertical-align: .22em; margin-right: .35rem; background: var(--key); }
.said { color: var(--soft); font-variant-numeric: tabular-nums; }
.numbers-of { padding-left: 52px; margin-top: .1rem; }
.numbers-of summary { font-size: .8125rem; }
.numbers-of table { font-size: .8125rem; } .numbers-of td, .numbers-of th { padding: .25rem .7rem; }
.u-hz .u-cursor-x { border-right: 1px solid var(--soft); }
.lane-of { margin-top: .3rem; padding: 0 10px 0 52px; }
.lane-of p { margin: 0; max-width: none; font-size: .75rem; line-height: 1.3; color: var(--soft); }
.track { position: relative; height: .55rem; background: var(--code); border-radius: .15rem; }
.track i { position: absolute; top: 0; bottom: 0; min-width: 2px; background: var(--unknown); border-radius: .1rem; opacity: .75; }
.track .tick { width: 2px; background: var(--fail); opacity: 1; }
.lane-cursor { position: absolute; top: -.2rem; bottom: -.2rem; width: 1px; background: var(--ink); }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.effects td { font-size: .875rem; padding: .5rem .6rem; } .effects th { padding-inline: .6rem; }
.effects td.text { min-width: 14rem; } .effects small { font-size: .8125rem; overflow-wrap: anywhere; }
.cycle { display: grid; gap: .35rem 0; margin: .8rem 0 1rem; font-size: .875rem; }
.node { border: 1px solid var(--line); border-left: .25rem solid var(--ink-blue); border-radius: .4rem; padding: .5rem .7rem; background: var(--paper); }
.node:first-child { border-left-color: var(--fail); }
.node span, .node small { display: block; } .node .badge { display: inline-block; } .node small { color: var(--soft); }
.edge { position: relative; margin-left: 1.2rem; padding: .15rem 0 .15rem 1rem; border-left: 2px solid var(--soft); }
.edge::after { content: ""; position: absolute; left: -6px; bottom: -5px; border: 5px solid transparent; border-top: 8px solid var(--soft); border-bottom: 0; }
.edge:last-child { border-left-style: dashed; } .edge:last-child::before { content: "↺ "; color: var(--soft); }
.edge:last-child::after { display: none; }
@media (min-width: 52rem) {
  .pair { grid-template: auto auto / minmax(0, 1fr) minmax(11rem, 1fr) minmax(0, 1fr); column-gap: .6rem; }
  .pair .node { grid-row: 1 / span 2; } .pair .node:nth-child(3) { grid-column: 3; }
  .pair .edge { margin: 0; border-left: 0; border-bottom: 2px solid var(--soft); padding: .1rem .2rem .4rem; text-align: center; align-self: end; }
  .pair .edge::after { left: auto; right: -6px; bottom: -6px; border: 5px solid transparent; border-left: 8px solid var(--soft); border-right: 0; }
  .pair .edge:last-child { grid-area: 2 / 2; }
  .pair .edge:last-child::before { display: none; }
  .pair .edge:last-child::after { display: block; right: auto; left: -6px; border: 5px solid transparent; border-right: 8px solid var(--soft); border-left: 0; }
}
@media print { .numbers-of { display: none; } .chart, .fault-lanes { break-inside: avoid; } }
@media (max-width: 40rem) { .charts { padding: .7rem .5rem; } .keys, .numbers-of { padding-left: .3rem; } }
`;
