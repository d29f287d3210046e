import type { Upgrade, UpgradePhase } from '../../harness/model/upgrade.ts';
import {
  migrationSentences,
  phaseTitle,
  type UpgradeFinding,
  upgradeFindings,
  upgradeTitle,
  workWords,
} from '../upgrade.ts';
import { counted, GLYPH, lines, seconds, visible } from '../words.ts';
import { type Paint, paintFor, type TextOptions, verdictWord } from './screen.ts';

/** A phase as one line. */
export function upgradePhaseLine(phase: UpgradePhase): string {
  const { judged, ended } = phase;
  if (judged === null) return `${phaseTitle(phase)}: ${ended ?? 'under way'}`;
  const { verdict, counts, doubts, load_s } = judged;
  const facts = [
    `${counted(counts.operations ?? 0, 'request')} in ${seconds(load_s)}`,
    counted(counts.deadlocks ?? 0, 'deadlock'),
    ...doubts.map((doubt) => `in doubt: ${visible(doubt)}`),
  ];
  const how = ended === 'completed' ? '' : ` (${ended})`;
  return [`${phaseTitle(phase)}${how}: ${GLYPH[verdict]} ${verdict}`, ...facts].join(' · ');
}

/** What `windtunnel upgrade` prints at its end. */
export function upgradeText(upgrade: Upgrade, options: TextOptions): string {
  const paint = paintFor(options);
  const said = (text: string, indent = '  ') => lines(visible(text), 98).map((line) => `${indent}${line}`);
  const phase = (one: UpgradePhase) => [
    ...said(upgradePhaseLine(one)),
    ...(one.left ? said(`left: ${workWords(one.left)}`, '    ') : []),
  ];
  const [before, ...after] = upgrade.phases;
  return [
    `${verdictWord(upgrade.verdict, paint)}  ${visible(upgradeTitle(upgrade))}`,
    ...(before ? phase(before) : []),
    ...(upgrade.migration ? migrationSentences(upgrade.migration).flatMap((text) => said(text)) : []),
    ...after.flatMap(phase),
    ...upgradeFindings(upgrade).flatMap((finding) => findingLines(finding, paint)),
    ...(upgrade.why === null ? [] : `It ended early: ${upgrade.why}`.split('\n').flatMap((text) => said(text))),
  ].join('\n');
}

function findingLines({ title, known_race, cells, isNew }: UpgradeFinding, paint: Paint): string[] {
  const [before, wave, ordinary] = cells.map((cell) => cell || 'none');
  const name = known_race === null ? '' : ` (${known_race})`;
  const mark = isNew ? paint.red('✗ new') : '✗';
  return [
    `  ${mark} ${visible(title + name)}`,
    `    before ${before}, in the wave ${wave}, in ordinary operation ${ordinary}`,
  ];
}
