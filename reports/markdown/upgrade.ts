import { PHASES, type Upgrade } from '../../harness/model/upgrade.ts';
import { migrationSentences, phaseTitle, upgradeFindings, upgradeTitle, workWords } from '../upgrade.ts';
import { count, GLYPH } from '../words.ts';
import { document, markdownTable, plain } from './document.ts';

/** `upgrade.md`: for the summary of a CI job, and to be read while it lasts. */
export function upgradeMarkdown(upgrade: Upgrade): string {
  const { phases, migration, why, verdict } = upgrade;
  const findings = upgradeFindings(upgrade);
  return document([
    `# ${verdict}: ${plain(upgradeTitle(upgrade))}`,
    ...(why === null ? [] : [plain(`It ended early: ${why}`)]),
    markdownTable(
      ['phase', 'verdict', 'requests', 'deadlocks', 'in doubt', 'left at its end'],
      phases.map((phase) => [
        plain(phaseTitle(phase)),
        phase.judged === null ? (phase.ended ?? 'under way') : `${GLYPH[phase.judged.verdict]} ${phase.judged.verdict}`,
        count(phase.judged?.counts.operations ?? 0),
        count(phase.judged?.counts.deadlocks ?? 0),
        plain((phase.judged?.doubts ?? []).join('; ')),
        phase.left === null ? '' : plain(workWords(phase.left)),
      ]),
    ),
    '## Migration',
    ...(migration === null ? ['Not begun.'] : [migrationSentences(migration).map(plain).join(' ')]),
    ...(findings.length === 0
      ? []
      : [
          '## Found',
          markdownTable(
            ['finding', 'known race', ...PHASES, ''],
            findings.map(({ title, known_race, cells, isNew }) => [
              plain(title),
              plain(known_race ?? ''),
              ...cells,
              isNew ? 'not seen before the upgrade' : '',
            ]),
          ),
        ]),
    'Each phase is a run folder with its own `report.html`: `1-before`, `2-wave`, `3-ordinary`.',
  ]);
}
