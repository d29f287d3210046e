import { html } from './html.ts';

/** What the findings of a report need beside the common style: lanes, states, and bars that compare. */
export const FINDING_STYLE = html`
.cause { padding: 0; }
.cause > summary {
  cursor: pointer; list-style: none; padding: 1rem 1.1rem; display: grid; grid-template-columns: 4.5rem 1fr;
  gap: .1rem 1rem; align-items: baseline;
}
.cause > summary::-webkit-details-marker { display: none; }
.cause > summary h3 { text-wrap: pretty; color: var(--ink); }
.cause > summary > .soft { grid-column: 2; }
.cause > summary > .soft::after { content: " ▸"; }
.cause[open] > summary > .soft::after { content: " ▾"; }
.often { font-size: 1.35rem; font-weight: 600; color: var(--fail); font-variant-numeric: tabular-nums; grid-row: 1 / span 2; }
.told { padding: 0 1.1rem 1.1rem; border-top: 1px solid var(--line); }
.told > p:first-child { margin-top: .9rem; }
.told h4 { margin: 1.4rem 0 .3rem; font-size: .875rem; font-weight: 600; }
.plain { list-style: none; margin: 0; padding: 0; display: grid; gap: .35rem; }
.contrast { gap: .8rem; }
.told pre { margin-top: .35rem; }
.bar { display: block; height: .4rem; margin-top: .2rem; max-width: 28rem; background: var(--code); border-radius: .2rem; }
.bar i { display: block; height: 100%; border-radius: inherit; background: var(--soft); }
.bar.victims i { background: var(--fail); }
.story { margin: 1.2rem 0 0; --lane: 1.35rem; --time: 5rem; }
.story figcaption { margin-bottom: .3rem; }
.lanes-head {
  display: grid; grid-template-columns: var(--time) repeat(var(--lanes), var(--lane)); height: 6.2rem; align-items: end;
  font-size: .75rem; color: var(--soft); padding-left: .45rem; margin-bottom: .25rem;
}
.lanes-head span {
  writing-mode: vertical-rl; transform: rotate(180deg); white-space: nowrap; overflow: hidden; text-overflow: ellipsis;
  max-height: 6rem; justify-self: center; line-height: 1.1;
}
.story ol { list-style: none; margin: 0; padding: 0; font-size: .875rem; }
.story li {
  display: grid; grid-template-columns: var(--time) calc(var(--lanes) * var(--lane)) 1fr; border-left: .3rem solid transparent;
  padding-left: .15rem; min-height: 1.7rem;
}
.story time { color: var(--soft); text-align: right; padding: .18rem .6rem 0 0; font-variant-numeric: tabular-nums; white-space: nowrap; }
.cells { display: grid; grid-template-columns: repeat(var(--lanes), var(--lane)); }
.lane { position: relative; background: linear-gradient(var(--line), var(--line)) center / 1px 100% no-repeat; }
.lane.busy { background: linear-gradient(var(--blue-tint), var(--blue-tint)) center / .45rem 100% no-repeat; }
.lane i {
  position: absolute; left: 50%; top: .85rem; width: .55rem; height: .55rem; border-radius: 50%; transform: translate(-50%, -50%);
  background: var(--card); border: 2px solid var(--soft);
}
.lane i.proof { width: .75rem; height: .75rem; background: var(--fail); border-color: var(--fail); }
.link { position: absolute; left: 0; right: 0; top: .85rem; border-top: 1px solid var(--soft); }
.link-right { left: 50%; } .link-left { right: 50%; }
.what { padding: .18rem .4rem .18rem .6rem; min-width: 0; }
.what b { font-weight: 600; margin-right: .25rem; }
.story li.proves .what { background: var(--fail-tint); }
.story li.proves + li.proves .what { border-top: 1px solid var(--card); }
.story li.violation { border-top: 2px solid var(--fail); }
.story .refused { color: var(--unknown); } .story .failed { color: var(--fail); }
.state { display: inline-block; padding: 0 .4em; border-radius: .3em; font-size: .8125rem; background: var(--code); color: var(--ink); }
.story li.s-scheduled, .story li.s-queued { border-left-color: var(--line); }
.story li.s-running, .story li.s-deferred { border-left-color: var(--ink-blue); }
.story li.s-success { border-left-color: var(--pass); }
.story li.s-failed, .story li.s-up_for_retry { border-left-color: var(--fail); }
.story li.s-skipped { border-left-color: var(--unknown); }
.state.s-running, .state.s-deferred { background: var(--blue-tint); }
.state.s-success { background: var(--pass-tint); color: var(--pass); }
.state.s-failed, .state.s-up_for_retry { background: var(--fail-tint); color: var(--fail); }
.state.s-skipped { background: var(--unknown-tint); color: var(--unknown); }
.proves .state.s-failed, .proves .state.s-up_for_retry { background: var(--card); }
@media (max-width: 40rem) {
  .cause > summary { grid-template-columns: 1fr; }
  .cause > summary > .soft, .often { grid-column: 1; grid-row: auto; }
  .story { --lane: .8rem; --time: 3.9rem; }
  .lanes-head { height: 5rem; }
  .lanes-head span { max-height: 4.8rem; }
  .lane i { width: .45rem; height: .45rem; } .lane i.proof { width: .6rem; height: .6rem; }
}`;
