const ISO =
  /^(\d{4})-(\d{2})-(\d{2})(?:[Tt _](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s?(Z|z|[+-]\d{2}:?\d{2})?)?$/;
/** pydantic takes a number for seconds until here, and for milliseconds beyond. */
const SECONDS_LIMIT = 2e10;
const DURATION =
  /^([+-])?P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?$/i;
const CLOCK = /^([+-])?(?:(\d+) days?,? )?(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d+)?))?$/;

/** A moment as it was written, or what is wrong with it in pydantic's words. */
export type ReadTime = { readonly at: Date; readonly aware: boolean } | { readonly error: string };

export function readTime(text: string): ReadTime {
  if (/^-?\d+(\.\d+)?$/.test(text)) return { at: fromUnix(Number(text)), aware: true };
  if (text.length < 10) return { error: 'input is too short' };
  const match = ISO.exec(text);
  if (!match) {
    return {
      error: /^\d{4}-\d{2}-\d{2}/.test(text)
        ? 'unexpected extra characters at the end of the input'
        : 'invalid character in year',
    };
  }
  const [, year = '', month = '', day = '', hour = '00', minute = '00', second = '00', fraction = '', zone] = match;
  if (Number(month) < 1 || Number(month) > 12) return { error: 'month value is outside expected range of 1-12' };
  if (Number(day) < 1 || Number(day) > daysIn(Number(year), Number(month))) {
    return { error: 'day value is outside expected range' };
  }
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59 || minutesOf(zone) >= 24 * 60) {
    return { error: 'unexpected extra characters at the end of the input' };
  }
  const ms = fraction.padEnd(3, '0').slice(0, 3);
  const utc = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}.${ms}Z`);
  const offset = zone?.startsWith('-') ? -minutesOf(zone) : minutesOf(zone);
  return { at: new Date(utc - offset * 60_000), aware: zone !== undefined };
}

export function fromUnix(value: number): Date {
  return new Date(Math.abs(value) > SECONDS_LIMIT ? value : value * 1000);
}

/** Milliseconds of an ISO 8601 duration or a clock time; undefined if it is neither. */
export function readDuration(text: string): number | undefined {
  const iso = DURATION.exec(text);
  if (iso && text.replace(/^[+-]/, '').length > 1) {
    const [, sign, weeks = '0', days = '0', hours = '0', minutes = '0', seconds = '0'] = iso;
    const total =
      ((Number(weeks) * 7 + Number(days)) * 24 + Number(hours)) * 3600 + Number(minutes) * 60 + Number(seconds);
    return (sign === '-' ? -1 : 1) * total * 1000;
  }
  const clock = CLOCK.exec(text);
  if (!clock) return undefined;
  const [, sign, days = '0', hours = '0', minutes = '0', seconds = '0'] = clock;
  const total = Number(days) * 86_400 + Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  return (sign === '-' ? -1 : 1) * total * 1000;
}

/** As pydantic writes a datetime in UTC: microseconds, or none. */
export function isoTime(at: Date): string {
  const text = at.toISOString();
  return text.endsWith('.000Z') ? text.replace('.000Z', 'Z') : text.replace('Z', '000Z');
}

/** As Python's `isoformat` writes it, which run ids and the health page contain. */
export function pythonIso(at: Date): string {
  return isoTime(at).replace('Z', '+00:00');
}

function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

function minutesOf(zone: string | undefined): number {
  const [, hours = '0', minutes = '0'] = /(\d{2}):?(\d{2})$/.exec(zone ?? '') ?? [];
  return Number(hours) * 60 + Number(minutes);
}
