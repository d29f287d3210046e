import type { Holds } from './holds.ts';
import type { Gate, Lane } from './lane.ts';
import type { RuleBook } from './rules.ts';
import type { Treatments } from './treatment.ts';
import type { Packet } from './watch.ts';

/** An answer of more bytes is passed on as it comes. */
const MOST_COLLECTED = 16 << 20;

interface CollectorSite {
  readonly rules: RuleBook;
  readonly treatments: Treatments;
  readonly holds: Holds;
  /** To the client. */
  readonly lane: Lane;
}

/** While a rule holds answers, each one is passed on when it is whole: only then it is known whether it is held. */
export class Collector {
  readonly #site: CollectorSite;
  #gate: Gate | undefined;

  constructor(site: CollectorSite) {
    this.#site = site;
  }

  /** Before anything of the packet's answer is passed on. */
  begin(packet: Packet | undefined): void {
    const { rules, lane } = this.#site;
    if (this.#gate || rules.answerRules.length === 0) return;
    if (packet && packet.statements.length > 0 && !packet.isPoured) this.#gate = lane.shut(MOST_COLLECTED);
  }

  /** Where the client has to send something before there is a whole answer, or it is more than is kept. */
  check(packet: Packet | undefined): void {
    if (!packet || !this.#gate) return;
    if (!packet.isCopy && this.#site.lane.heldBytes <= MOST_COLLECTED) return;
    packet.isPoured = true;
    this.letGo();
  }

  /** The packet's answer waits at the gate, if there is one. */
  end(packet: Packet | undefined): void {
    const gate = this.#gate;
    this.#gate = undefined;
    if (!gate) return;
    const held = packet && this.#site.treatments.ofAnswer(packet.statements);
    if (held) this.#site.holds.hold(held, () => gate.open());
    else gate.open();
  }

  letGo(): void {
    this.#gate?.open();
    this.#gate = undefined;
  }
}
