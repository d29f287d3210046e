import { html } from './html.ts';

/** The tables of a comparison: a line a build, an axis a count. */
export const COMPARISON_STYLE = html`
.lanes-table td, .lanes-table th { border-top: 0; padding: .15rem .5rem; vertical-align: middle; white-space: nowrap; }
.lanes-table thead th { padding: .6rem .5rem; }
.lanes-table tbody tr:first-child > * { border-top: 1px solid var(--line); padding-top: .5rem; }
.lanes-table tbody tr:last-child > * { padding-bottom: .5rem; }
.lanes-table tbody th { font-weight: 600; white-space: normal; min-width: 8.5rem; max-width: 13rem; vertical-align: top; padding-top: .5rem; }
.lanes-table .of { font-size: .875rem; }
.lanes-table .difference { font-size: .875rem; }
.strip { display: block; color: var(--ink-blue); overflow: visible; } .strip.base { color: var(--soft); }
.strip .scale { stroke: var(--line); stroke-width: 1; } .strip .range { stroke: currentColor; stroke-width: 5; opacity: .28; }
.strip .middle { stroke: currentColor; stroke-width: 2; } .strip circle { fill: currentColor; fill-opacity: .75; }
@media (max-width: 40rem) { .lanes-table .of .soft { display: none; } .lanes-table tbody th { min-width: 6.5rem; font-size: .875rem; } }
.found h3 { margin: 1.2rem 0 .4rem; } .found ul { margin: 0; padding-left: 1.2rem; } .found li { margin: .25rem 0; max-width: 75ch; }
`;
