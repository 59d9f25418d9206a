import fc from "fast-check";
import { afterAll, expect, it } from "vitest";
import { parseConfig } from "../../../src/image/config.js";
import { parseManifest } from "../../../src/image/manifest.js";
import { MEDIA_TYPES } from "../../../src/image/media-types.js";
import { parseConfigFacts } from "../../../src/walk/config-facts.js";
import { compileGo } from "./go-program.js";

/** Documents of each kind; a seed makes the same ones again. */
const COUNT = Number(process.env["DIFFERENTIAL_COUNT"] ?? 40_000);
const SEED = Number(process.env["DIFFERENTIAL_SEED"] ?? 20261201);

const go = compileGo(new URL("json/main.go", import.meta.url).pathname);
afterAll(() => go.remove());

const HEX = "0123456789abcdef".repeat(4);
const word = fc.constantFrom("linux", "amd64", "arm", "v7", "", "/bin/sh", "a=b", "Cmd", "é", "K");
const text = (value: unknown): string => JSON.stringify(value);

/** A value of the wrong type, or nothing. */
const odd = fc.constantFrom(
  ...["null", '""', '"x"', "0", "1", "1.0", "1e1", "-0", "true", "[]", "{}", '["x"]', '{"a":"b"}'],
  ...["[null]", '{"a":null}', "[1]", '[["x"]]', '{"a":{}}', "9007199254740993", "1e400"],
);
const words = fc.array(word, { maxLength: 3 }).map(text);
const textMap = fc.dictionary(word, word, { maxKeys: 3 }).map(text);
const emptyMap = fc.dictionary(word, fc.constant({}), { maxKeys: 2 }).map(text);
const mostly = (usual: readonly string[], unusual: readonly string[]): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 30, arbitrary: fc.constantFrom(...usual) },
    { weight: 1, arbitrary: fc.constantFrom(...unusual) },
  );
const time = mostly(
  ["2023-05-26T10:00:00Z", "0001-01-01T00:00:00Z", "2023-05-26T10:00:00.123456789+08:00"],
  [
    ...["x", "", "2023-02-30T00:00:00Z", "2023-05-26 10:00:00Z", "2023-05-26T24:00:00Z"],
    ...["2023-5-6T1:0:0Z", "2023-05-26T10:00:00,5Z", "2023-05-26T10:00:00+24:00"],
    ...["2023-05-26T10:00:60Z", "2024-02-29T00:00:00Z", "2023-02-29T00:00:00Z"],
  ],
).map(text);
const digest = mostly([`sha256:${HEX}`], [`sha256:${HEX.toUpperCase()}`, "sha256:0", ""]).map(text);
const size = mostly(
  ["0", "1", "10"],
  ["1.0", "1e2", "-1", "-0", "9007199254740993", '"1"', "null"],
);

/** How a field's name may be written, and its value be another's. */
function object(fields: Record<string, fc.Arbitrary<string>>): fc.Arbitrary<string> {
  const recased = (name: string): fc.Arbitrary<string> =>
    fc.oneof(
      { weight: 30, arbitrary: fc.constant(name) },
      fc.constantFrom(name.toUpperCase(), name.toLowerCase(), name.replace(/s/i, "\u017f")),
      fc.constant(name.replace(/k/i, "\u212a")),
    );
  const field = fc
    .constantFrom(...Object.entries(fields))
    .chain(([name, value]) =>
      fc
        .tuple(recased(name), fc.oneof({ weight: 20, arbitrary: value }, odd))
        .map(([as, json]) => `${text(as)}:${json}`),
    );
  const whole = fc.tuple(
    ...Object.entries(fields).map(([name, value]) => value.map((json) => `${text(name)}:${json}`)),
  );
  return fc.oneof(
    { weight: 12, arbitrary: whole.map((all) => `{${all.join(",")}}`) },
    fc
      .tuple(whole, fc.array(field, { maxLength: 2 }), fc.nat(9))
      .map(
        ([all, more, drop]) => `{${[...all.filter((_, at) => at !== drop), ...more].join(",")}}`,
      ),
    fc.array(field, { maxLength: 4 }).map((all) => `{${all.join(",")}}`),
  );
}

const list = (item: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.array(item, { maxLength: 3 }).map((items) => `[${items.join(",")}]`);
const platform = object({
  os: word.map(text),
  architecture: word.map(text),
  variant: word.map(text),
});
const descriptor = (mediaTypes: readonly string[]): fc.Arbitrary<string> =>
  object({
    mediaType: fc.constantFrom(...mediaTypes).map(text),
    digest,
    size,
    platform,
    annotations: textMap,
  });

/** Leaves a byte out, puts another in, or cuts one document of twenty-five. */
const damaged = (document: fc.Arbitrary<string>): fc.Arbitrary<Buffer> =>
  fc.tuple(document, fc.nat(99), fc.nat(), fc.nat(255)).map(([json, choice, at, byte]) => {
    const bytes = Buffer.from(json);
    const place = at % Math.max(1, bytes.length);
    if (choice === 0) return Buffer.concat([bytes.subarray(0, place), bytes.subarray(place + 1)]);
    if (choice === 1)
      return Buffer.concat([bytes.subarray(0, place), Buffer.of(byte), bytes.subarray(place)]);
    if (choice === 2) return bytes.subarray(0, place);
    if (choice === 3) return Buffer.concat([Buffer.from("\ufeff"), bytes]);
    return bytes;
  });

const documents = {
  config: damaged(
    object({
      created: time,
      os: word.map(text),
      architecture: word.map(text),
      variant: word.map(text),
      config: object({
        User: word.map(text),
        ExposedPorts: emptyMap,
        Env: words,
        Entrypoint: words,
        Cmd: words,
        Volumes: emptyMap,
        WorkingDir: word.map(text),
        Labels: textMap,
        Healthcheck: object({ Test: words }),
      }),
      rootfs: object({
        type: mostly(["layers", ""], ["x"]).map(text),
        diff_ids: list(digest),
      }),
      history: list(
        object({
          created: time,
          created_by: word.map(text),
          comment: word.map(text),
          empty_layer: fc.constantFrom("true", "false"),
        }),
      ),
    }),
  ),
  manifest: damaged(
    object({
      schemaVersion: mostly(["2"], ["1", "2.0", "null"]),
      mediaType: fc.constantFrom(MEDIA_TYPES.ociManifest, MEDIA_TYPES.dockerManifest, "").map(text),
      config: descriptor([MEDIA_TYPES.ociConfig, MEDIA_TYPES.dockerConfig]),
      layers: list(descriptor([MEDIA_TYPES.ociLayerGzip, MEDIA_TYPES.ociLayer])),
    }),
  ),
  index: damaged(
    object({
      schemaVersion: mostly(["2"], ["1", "2.0", "null"]),
      mediaType: fc.constantFrom(MEDIA_TYPES.ociIndex, MEDIA_TYPES.dockerList, "").map(text),
      manifests: list(descriptor([MEDIA_TYPES.ociManifest, MEDIA_TYPES.ociIndex])),
    }),
  ),
};

const lower = (value: string): string => value.toLowerCase();
const none = <T>(value: T | null | undefined, otherwise: T): T => value ?? otherwise;

interface Go {
  readonly [field: string]: Go | undefined;
}

const said = (value: unknown): boolean => value !== undefined && value !== "";

/** What Go read, in the words of our own reading. */
const theirs = {
  config: (go: Go) => ({
    diffIds: none<unknown>(go["rootfs"]?.["diff_ids"], []),
    os: lower(none<unknown>(go["os"], "") as string),
    entrypoint: none<unknown>(go["config"]?.["Entrypoint"], []),
    cmd: none<unknown>(go["config"]?.["Cmd"], []),
    env: none<unknown>(go["config"]?.["Env"], []),
    user: none<unknown>(go["config"]?.["User"], ""),
    workingDir: none<unknown>(go["config"]?.["WorkingDir"], ""),
    labels: none<unknown>(go["config"]?.["Labels"], {}),
    ports: Object.keys(none<object>(go["config"]?.["ExposedPorts"], {})).toSorted(),
    volumes: Object.keys(none<object>(go["config"]?.["Volumes"], {})).toSorted(),
    healthcheck: none<unknown>(go["config"]?.["Healthcheck"]?.["Test"], []),
    history: none<Go[]>(go["history"] as unknown as Go[] | null, []).map((step) => [
      none<unknown>(step["created_by"], ""),
      none<unknown>(step["comment"], ""),
      none<unknown>(step["empty_layer"], false),
    ]),
  }),
  manifest: (go: Go) => ({
    config: go["config"]?.["digest"],
    layers: none<Go[]>(go["layers"] as unknown as Go[] | null, []).map(({ digest, size }) => [
      digest,
      size,
    ]),
  }),
  index: (go: Go) => ({
    entries: none<Go[]>(go["manifests"] as unknown as Go[] | null, []).map((entry) => [
      entry["digest"],
      entry["size"],
      said(entry["platform"]?.["os"]) && said(entry["platform"]?.["architecture"])
        ? [
            entry["platform"]?.["os"],
            entry["platform"]?.["architecture"],
            none<unknown>(entry["platform"]?.["variant"], ""),
          ]
        : null,
    ]),
  }),
};

const ours = {
  config: (bytes: Buffer) => {
    const facts = parseConfigFacts("x", bytes);
    return {
      diffIds: parseConfig("x", bytes).diffIds,
      os: facts.platform.os,
      entrypoint: facts.entrypoint,
      cmd: facts.cmd,
      env: facts.env,
      user: facts.user,
      workingDir: facts.workingDir,
      labels: facts.labels,
      ports: facts.exposedPorts.toSorted(),
      volumes: facts.volumes.toSorted(),
      healthcheck: facts.healthcheck,
      history: facts.history.map((step) => [step.createdBy, step.comment ?? "", step.emptyLayer]),
    };
  },
  manifest: (bytes: Buffer) => {
    const read = parseManifest("x", bytes);
    if (read.kind !== "image") throw new Error("an index");
    return {
      config: read.config.digest,
      layers: read.layers.map(({ digest, size }) => [digest, size]),
    };
  },
  index: (bytes: Buffer) => {
    const read = parseManifest("x", bytes);
    if (read.kind !== "index") throw new Error("an image");
    return {
      entries: read.entries.map(({ digest, size, platform }) => [
        digest,
        size,
        platform === undefined
          ? null
          : [platform.os, platform.architecture, platform.variant ?? ""],
      ]),
    };
  },
};

/** Why a document that Go takes may be refused here. */
const REASONS =
  /twice|both .* one field|names no (architecture|operating)|expected a sha256|schema 1|schemaVersion|size:|not UTF-8|a time such|a day that|expected layers|neither an image|not a container image|no engine unpacks|its content is not|(config|digest|mediaType|manifests|layers)[\w.]*: (Invalid input: )?expected/;

it.each(["config", "manifest", "index"] as const)(
  "reads a %s as Go does, or refuses it for a reason of its own",
  async (kind) => {
    const inputs = fc.sample(documents[kind], { numRuns: COUNT, seed: SEED });
    const answers = (await go.ask(
      inputs.map((bytes) => `${kind} ${bytes.toString("base64")}`),
    )) as (Go | null)[];
    expect(answers).toHaveLength(inputs.length);
    let [agreed, refused, stricter] = [0, 0, 0];
    for (const [at, bytes] of inputs.entries()) {
      const answer = answers[at] ?? null;
      const shown = bytes.toString();
      let mine: unknown;
      try {
        mine = ours[kind](bytes);
      } catch (error) {
        if (answer === null) refused += 1;
        else {
          expect(String(error), shown).toMatch(REASONS);
          stricter += 1;
        }
        continue;
      }
      expect(answer, `taken here and refused by Go: ${shown}`).not.toBeNull();
      expect(mine, shown).toEqual(theirs[kind](answer!));
      agreed += 1;
    }
    expect(agreed).toBeGreaterThan(COUNT / 50);
    process.stdout.write(
      `${kind}: ${COUNT} documents: ${agreed} read alike, ${refused} refused by both, ${stricter} refused here alone; 0 disagreements\n`,
    );
  },
);
