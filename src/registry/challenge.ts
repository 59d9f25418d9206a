/** One way to authenticate that a server offers (RFC 9110, section 11.6.1). */
export interface Challenge {
  /** Lower case: `bearer`, `basic`. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const TOKEN68 = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;
const SPACE = /[ \t]+/y;
const SEPARATORS = /[ \t,]*/y;
const EQUALS = /[ \t]*=[ \t]*/y;

/**
 * Reads a WWW-Authenticate header, which may hold several challenges, each with several parameters,
 * commas between all of them. What cannot be read ends the list.
 */
export function parseChallenges(header: string): readonly Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(header);
    if (match !== null) at = pattern.lastIndex;
    return match;
  };
  for (;;) {
    take(SEPARATORS);
    const name = take(TOKEN)?.[0];
    if (name === undefined) return challenges;
    const current = challenges.at(-1);
    if (current !== undefined && take(EQUALS) !== null) {
      const quoted = take(QUOTED)?.[1];
      const value = quoted?.replace(/\\(.)/g, "$1") ?? take(TOKEN)?.[0];
      if (value === undefined) return challenges;
      const key = name.toLowerCase();
      // The first of two parameters with one name counts; RFC 9110 forbids the second.
      if (!current.parameters.has(key)) current.parameters.set(key, value);
      continue;
    }
    challenges.push({ scheme: name.toLowerCase(), parameters: new Map() });
    // `Negotiate YII…=`: credentials in one piece, which are not parameters.
    if (take(SPACE) !== null) take(TOKEN68);
  }
}
