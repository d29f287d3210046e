import type { Deadlock } from '../../harness/model/verdict.ts';
import {
  actionOf,
  type DeadlockKind,
  LANES,
  type LaneEvent,
  storyOf,
  titleOf,
  type Wait,
  waitsOf,
} from '../deadlocks.ts';
import { numbered } from '../summary.ts';
import { count, LIMITS, moment } from '../words.ts';
import { cut, type Html, html } from './html.ts';

/** One kind of deadlock, with one of them as an example; `finding` is the finding that shows its steps already. */
export function deadlockKind(kind: DeadlockKind, finding: string | undefined): Html {
  const { example, dark } = kind;
  const when =
    kind.count === 1 ? `at ${moment(kind.first.at_ms)}` : `${moment(kind.first.at_ms)} to ${moment(kind.last.at_ms)}`;
  const requests = kind.operations.length > 0 ? ` · failed: ${numbered('operation', kind.operations)}` : '';
  return html`<article class="finding"><header><h3>${count(kind.count)} × ${cut(titleOf(kind), 300)}</h3>
<span class="soft">${when}${requests}</span></header>
${dark > 0 ? html`<p class="soft">In ${count(dark)} of these, one side is not explained.</p>` : null}
${
  finding === undefined
    ? html`<p class="soft">Example, at ${moment(example.at_ms)}:</p>${deadlockSteps(example)}`
    : html`<p class="soft">Its steps: <a href="#${finding}">finding ${finding}</a>.</p>`
}</article>
`;
}

/** What each side was doing and waited for, then the steps in lanes, and the SQL a click away. */
export function deadlockSteps(deadlock: Deadlock): Html {
  const statements = deadlock.sides.slice(0, 6).map(
    (side, index) => html`<div>
<h4>${cut(actionOf(side), 300)}${index === 0 ? html` <span class="soft">victim</span>` : null}</h4>
<pre tabindex="0"><code>${cut(side.statement, LIMITS.statement)}</code></pre></div>
`,
  );
  return html`${graph(waitsOf(deadlock))}
${lanes(deadlock)}
<details><summary>SQL statements</summary><div class="sides">${statements}</div></details>`;
}

/**
 * Who waits for whom: a box for each process, an arrow from it to the one that has what it wants. Two stand side by
 * side with an arrow each way; more stand below each other, and the last one's arrow leads back.
 */
function graph(waits: readonly Wait[]): Html | null {
  if (waits.length < 2) return null;
  const parts = waits.map(({ side, wanted, holder }, index) => {
    const victim = index === 0 ? html` <span class="badge fail">cancelled</span>` : null;
    const subject = side.subject === null ? null : html`<small>${cut(side.subject, 120)}</small>`;
    // Where the arrow leads to it, the holder need not be named.
    const pointed = holder !== null && holder === (waits[index + 1] ?? waits[0])?.side;
    const held = holder === null ? ', its holder was not recorded' : pointed ? '' : `, which ${holder.process} holds`;
    return html`<div class="node"><b>${cut(side.process, 60)}</b>${victim}
<span>${cut(side.action ?? '(its action was not recorded)', 160)}</span>${subject}</div>
<div class="edge"><span class="soft">waits for</span> ${cut(wanted, 160)}\
<span class="soft">${cut(held, 80)}</span></div>
`;
  });
  const form = waits.length === 2 ? 'cycle pair' : 'cycle';
  return html`<div class="${form}" role="group" aria-label="Who waits for whom">${parts}</div>`;
}

function lanes(deadlock: Deadlock): Html {
  const sides = deadlock.sides.slice(0, LANES);
  const heads = sides.map(
    ({ process, pid }, index) =>
      html`<b style="grid-column: ${index + 2}">${cut(process, 60)} <span class="soft">pid ${pid}</span></b>`,
  );
  const rows = storyOf(deadlock).map((event) => row(event, sides[event.lane]?.process ?? ''));
  return html`<div class="lanes" style="--lanes: ${sides.length}"><div class="lane-heads">${heads}</div>
<ol>${rows}</ol></div>
`;
}

function row({ lane, at_ms, kind, text }: LaneEvent, process: string): Html {
  return html`<li><time>${at_ms === null ? '' : moment(at_ms, 2)}</time>
<span class="${kind}" style="grid-column: ${lane + 2}"><i>${cut(process, 60)} </i>${cut(text, 300)}</span></li>
`;
}
