import { readFile, readdir } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import type { BundleManifest } from "../bundle/types.js";
import type { Fitted } from "./place.js";
import type { ReceiptLine, SmokeOutcome } from "./types.js";

/**
 * The options with which every command of install.sh is called.
 * @param values of settings that have no default of their own.
 */
export function installerOptions(terms: {
  readonly home: string;
  readonly dataDir: string;
  readonly settings: BundleManifest["settings"];
  readonly values: ReadonlyMap<string, string>;
  readonly given: ReadonlyMap<string, string>;
  readonly timeout: number;
  /** The bundle is for another machine than the one that the installer looks at. */
  readonly foreign: boolean;
}): readonly string[] {
  const { home, dataDir, settings, values, given, timeout, foreign } = terms;
  // Secrets are the installer's own to make, and so are defaults.
  const needed = settings.filter(
    ({ name, type, default: usual }) =>
      name !== "DATA_DIR" && (given.has(name) || (type !== "secret" && usual === undefined)),
  );
  return [
    ...["--lang", "en", "--yes", "--home", home, "--timeout", String(timeout)],
    ...(settings.some(({ name }) => name === "DATA_DIR") ? ["--data-dir", dataDir] : []),
    ...(foreign ? ["--allow-emulation"] : []),
    ...needed.flatMap(({ name }) => ["--set", `${name}=${values.get(name) ?? ""}`]),
  ];
}

/** The secrets that the installer has made, for blanking them out. */
export async function installedSecrets(
  home: string,
  settings: BundleManifest["settings"],
): Promise<ReadonlyMap<string, string>> {
  const names = new Set(settings.filter(({ type }) => type === "secret").map(({ name }) => name));
  const releases = path.join(home, "releases");
  const found = new Map<string, string>();
  for (const release of await readdir(releases).catch((): string[] => [])) {
    const text = await readFile(path.join(releases, release, ".env"), "utf8").catch(() => "");
    for (const line of text.split("\n")) {
      const at = line.indexOf("=");
      if (names.has(line.slice(0, at))) found.set(line.slice(0, at), line.slice(at + 1));
    }
  }
  return found;
}

/** The exit codes of install.sh, as its help has them. */
const CODES: Readonly<Record<number, string>> = {
  2: "it was called wrongly",
  3: "the bundle is damaged",
  4: "the architecture is another one",
  5: "the engine or a tool is missing or too old",
  6: "the disk is full",
  7: "an image is not what it should be",
  8: "a setting is wrong; --set gives one",
  9: "services did not become ready",
  10: "a folder cannot be written",
  11: "a check of the host failed",
};

export function meaningOf(code: number): string {
  return CODES[code] ?? "something unexpected";
}

const OUTCOMES: Readonly<Record<string, SmokeOutcome["outcome"]>> = {
  ok: "passed",
  left: "skipped",
  FAIL: "failed",
};

/**
 * What `install.sh up` printed of the smoke tests, by component. An installer of another version may
 * print it otherwise: then there is none, and its exit code alone tells.
 * @param unasked why tests were not run that the place has taken out of the installer's hands.
 */
export function printedSmoke(
  text: string,
  components: BundleManifest["components"],
  unasked: Fitted["unasked"],
): ReadonlyMap<string, readonly SmokeOutcome[]> {
  const outcomes = new Map<string, readonly SmokeOutcome[]>();
  const lines = text.split("\n");
  for (const [at, line] of lines.entries()) {
    const [, mark = "", name = "", test = ""] =
      /^ {2}(ok|left|FAIL) +([^\s:]+): (.*)$/.exec(line) ?? [];
    const outcome = OUTCOMES[mark];
    const known = components.find((component) => component.name === name)?.smoke ?? [];
    const before = outcomes.get(name) ?? [];
    const defined = known[before.length];
    if (outcome === undefined || defined === undefined) continue;
    const kind = "run" in defined ? "run" : "http";
    const said = unasked.get(name)?.get(before.length) ?? `${test} ${lines[at + 1]?.trim() ?? ""}`;
    outcomes.set(name, [
      ...before,
      {
        kind,
        test: "run" in defined ? defined.run.join(" ") : defined.http,
        outcome,
        seconds: 0,
        ...(outcome === "passed" ? {} : { said: said.trim() }),
      },
    ]);
  }
  return outcomes;
}

const receiptSchema = z.object({
  images: z.array(
    z.object({
      component: z.string(),
      reference: z.string(),
      ok: z.boolean(),
      expected: z.object({ manifest: z.string(), config: z.string(), platform: z.string() }),
      found: z
        .object({ id: z.string(), os: z.string(), architecture: z.string(), size: z.number() })
        .nullable(),
    }),
  ),
});

/** The receipt that `install.sh verify --json` prints; empty when it printed none. */
export function printedReceipt(text: string): readonly ReceiptLine[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [];
  }
  const { images } = receiptSchema.safeParse(value).data ?? { images: [] };
  return images.map(({ found, ...line }) => ({
    ...line,
    ...(found === null
      ? {}
      : {
          found: { id: found.id, platform: `${found.os}/${found.architecture}`, size: found.size },
        }),
  }));
}
