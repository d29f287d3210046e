import path from 'node:path';
import { calibrationText } from '../../reports/terminal/calibration.ts';
import { writeCalibration } from '../../reports/write.ts';
import { findingsOf } from '../calibrate/figures.ts';
import { type CalibrateFlags, calibrateOptions, outOf, settingsOf } from '../calibrate/flags.ts';
import { calibrate } from '../calibrate/play.ts';
import { type CliCommand, exitCodeOfError, exitCodeOfVerdict } from '../console/command.ts';
import { interruptSignal } from '../console/interrupt.ts';
import { wantsColor } from '../console/judgement.ts';
import { collectUsageErrors } from '../console/usage-errors.ts';
import { checkLimits } from '../judge/bounds.ts';
import { StackError } from '../model/errors.ts';
import { timeStamp } from '../run/manifest.ts';
import { checkEnvironment } from '../system/environment.ts';

function resolveCalibration(flags: CalibrateFlags) {
  return collectUsageErrors(
    async () => settingsOf(flags),
    async () => outOf(flags, timeStamp()),
    async () => checkLimits(),
    async () => checkEnvironment(),
  );
}

export const calibrateCommand: CliCommand<CalibrateFlags> = {
  builder: calibrateOptions,

  check: resolveCalibration,

  async handler(flags) {
    const [settings, file] = await resolveCalibration(flags);
    const signal = interruptSignal();
    const calibration = await calibrate(settings, flags.keep === true, signal);
    const findings = findingsOf(calibration);
    await writeCalibration(file, calibration);
    if (flags.json) process.stdout.write(`${JSON.stringify(calibration, null, 2)}\n`);
    else {
      const shown = path.relative('.', file);
      process.stdout.write(`${calibrationText(calibration, findings, { color: wantsColor(), file: shown })}\n`);
    }
    if (signal.aborted) return exitCodeOfError(signal.reason);
    else if (findings.bad) return exitCodeOfVerdict('fail');
    else if (findings.unmeasured.length > 0) return exitCodeOfError(new StackError('not measured'));
    else return exitCodeOfVerdict('pass');
  },
};
