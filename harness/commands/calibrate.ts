import path from 'node:path';
import { calibrationText } from '../../reports/terminal/calibration.ts';
import { findingsOf } from '../calibrate/figures.ts';
import { type CalibrateFlags, calibrateOptions, outOf, settingsOf } from '../calibrate/flags.ts';
import { calibrate, measuredCommit } from '../calibrate/play.ts';
import { resumedFrom } from '../calibrate/resume.ts';
import { type CliCommand, exitCodeOfError, exitCodeOfVerdict } from '../console/command.ts';
import { interruptSignal } from '../console/interrupt.ts';
import { wantsColor } from '../console/judgement.ts';
import { collectUsageErrors } from '../console/usage-errors.ts';
import { checkLimits } from '../judge/bounds.ts';
import { StackError } from '../model/errors.ts';
import { timeStamp } from '../run/manifest.ts';
import { checkEnvironment } from '../system/environment.ts';

async function resolveCalibration(flags: CalibrateFlags) {
  const commit = await measuredCommit();
  const [{ settings, file, begun }] = await collectUsageErrors(
    async () => (flags.resume === undefined ? newCalibration(flags) : resumedFrom(flags, flags.resume, commit)),
    async () => checkLimits(),
    async () => checkEnvironment(),
  );
  return { settings, options: { file, begun, commit } };
}

async function newCalibration(flags: CalibrateFlags) {
  const [settings, file] = await collectUsageErrors(
    async () => settingsOf(flags),
    async () => outOf(flags, timeStamp()),
  );
  return { settings, file, begun: undefined };
}

export const calibrateCommand: CliCommand<CalibrateFlags> = {
  builder: calibrateOptions,

  check: resolveCalibration,

  async handler(flags) {
    const { settings, options } = await resolveCalibration(flags);
    const signal = interruptSignal();
    const calibration = await calibrate(settings, { ...options, keep: flags.keep === true, signal });
    const findings = findingsOf(calibration);
    if (flags.json) process.stdout.write(`${JSON.stringify(calibration, null, 2)}\n`);
    else {
      const shown = path.relative('.', options.file);
      process.stdout.write(`${calibrationText(calibration, findings, { color: wantsColor(), file: shown })}\n`);
    }
    if (signal.aborted) return exitCodeOfError(signal.reason);
    else if (findings.bad) return exitCodeOfVerdict('fail');
    else if (findings.unmeasured.length > 0) return exitCodeOfError(new StackError('not measured'));
    else return exitCodeOfVerdict('pass');
  },
};
