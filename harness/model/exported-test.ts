/** How a test ended on one build. */
export interface TestOutcome {
  readonly kind: 'passed' | 'failed' | 'error';
  /** Number of tests that passed. */
  readonly passed: number;
  /** Which failed and why, one line each; of an error what was said last. */
  readonly lines: readonly string[];
  /** All that pytest printed. */
  readonly output: string;
}

/** A test on a build, and how it must end there. */
export interface PytestedBuild {
  readonly build: string;
  readonly wanted: 'passed' | 'failed';
  readonly outcome: TestOutcome;
}

/** The test of a race, and what it showed. */
export interface ExportedTest {
  readonly race: string;
  readonly file: string;
  /** What a failure says that is the race's. */
  readonly because: string;
  readonly builds: readonly PytestedBuild[];
}

/** Whether it fails where the race is, and for the race, and passes where it is not. */
export function showsRace({ builds, because }: ExportedTest): boolean {
  return builds.every(({ wanted, outcome: { kind, lines } }) => {
    return kind === wanted && lines.every((line) => line.includes(because));
  });
}
