/** Every instruction (Dockerfile reference, "Overview"), with the flags that BuildKit knows for it. */
const FLAGS = {
  ADD: ["checksum", "chmod", "chown", "exclude", "keep-git-dir", "link", "unpack"],
  ARG: [],
  CMD: [],
  COPY: ["chmod", "chown", "exclude", "from", "link", "parents"],
  ENTRYPOINT: [],
  ENV: [],
  EXPOSE: [],
  FROM: ["platform"],
  HEALTHCHECK: ["interval", "retries", "start-interval", "start-period", "timeout"],
  LABEL: [],
  MAINTAINER: [],
  ONBUILD: [],
  RUN: ["device", "mount", "network", "security"],
  SHELL: [],
  STOPSIGNAL: [],
  USER: [],
  VOLUME: [],
  WORKDIR: [],
} as const satisfies Record<string, readonly string[]>;

export type Keyword = keyof typeof FLAGS;

/** Flags that need no value. */
const SWITCHES = new Set(["keep-git-dir", "link", "parents", "unpack"]);
/** Flags that may stand several times. */
const REPEATED = new Set(["device", "exclude", "mount"]);

export function isKeyword(word: string): word is Keyword {
  return Object.hasOwn(FLAGS, word);
}

export function flagsOf(keyword: Keyword): readonly string[] {
  return FLAGS[keyword];
}

export function needsValue(flag: string): boolean {
  return !SWITCHES.has(flag);
}

export function mayRepeat(flag: string): boolean {
  return REPEATED.has(flag);
}

/** `Did you mean COPY?`, or all that would be right. */
export function suggestKeyword(word: string): string {
  const keywords = Object.keys(FLAGS);
  const near = keywords.find((keyword) => isOneSlip(word.toUpperCase(), keyword));
  return near === undefined ? `Instructions are ${keywords.join(", ")}.` : `Did you mean ${near}?`;
}

export function suggestFlag(keyword: Keyword, name: string): string {
  const flags: readonly string[] = FLAGS[keyword];
  if (flags.length === 0) return `${keyword} has no flags.`;
  const near = flags.find((flag) => isOneSlip(name.toLowerCase(), flag));
  return near === undefined
    ? `${keyword} has the flags ${flags.map((flag) => `--${flag}`).join(", ")}.`
    : `Did you mean --${near}?`;
}

/** One letter too many, too few or wrong, or two neighbours swapped. */
function isOneSlip(word: string, right: string): boolean {
  if (Math.abs(word.length - right.length) > 1) return false;
  let head = 0;
  while (head < right.length && word[head] === right[head]) head += 1;
  let tail = 0;
  while (
    tail < Math.min(word.length, right.length) - head &&
    word.at(-1 - tail) === right.at(-1 - tail)
  ) {
    tail += 1;
  }
  const found = word.slice(head, word.length - tail);
  const wanted = right.slice(head, right.length - tail);
  if (found.length <= 1 && wanted.length <= 1) return true;
  const [first, second] = wanted;
  return wanted.length === 2 && found === `${second}${first}`;
}
