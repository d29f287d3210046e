import { Refusal } from './refusal.ts';

/**
 * A request's body as FastAPI reads it before it looks at anything else, even the token: undefined for none, the text
 * itself for one that does not claim to be JSON, and 422 for JSON that is broken.
 */
export function readJson(raw: string, contentType: string | undefined): unknown {
  if (raw === '') return undefined;
  if (!/^application\/(?:[\w.+-]+\+)?json\b/i.test(contentType ?? '')) return raw;
  try {
    return JSON.parse(raw);
  } catch (error) {
    const problem = error instanceof Error ? complaint(raw, error.message) : complaint(raw, '');
    throw Refusal.of(422, [problem]);
  }
}

/**
 * Where Python's parser stops, and why; V8 reports the place, except of a first character that cannot begin a value.
 */
function complaint(raw: string, message: string) {
  const [, position] = /position (\d+)/.exec(message) ?? [];
  const [at, error] = /Unterminated string/.test(message)
    ? [lastQuote(raw), 'Unterminated string starting at']
    : [Number(position ?? (/end of JSON/.test(message) ? raw.length : firstCharacter(raw))), reasonOf(message)];
  return { type: 'json_invalid', loc: ['body', at], msg: 'JSON decode error', input: {}, ctx: { error } };
}

function reasonOf(message: string): string {
  if (/property name/.test(message)) return 'Expecting property name enclosed in double quotes';
  return /after JSON/.test(message) ? 'Extra data' : 'Expecting value';
}

/** Where the string begins that has no end. */
function lastQuote(raw: string): number {
  let opened = -1;
  for (let i = 0; i < raw.length; i++) {
    if (raw[i] === '\\' && opened >= 0) i++;
    else if (raw[i] === '"') opened = opened < 0 ? i : -1;
  }
  return opened;
}

function firstCharacter(raw: string): number {
  return raw.length - raw.trimStart().length;
}
