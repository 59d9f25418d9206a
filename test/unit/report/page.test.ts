import { createHash } from "node:crypto";
import path from "node:path";
import fc from "fast-check";
import { type DefaultTreeAdapterTypes, parse } from "parse5";
import { describe, expect, it } from "vitest";
import { visible } from "../../../src/core/invisible.js";
import { readPageAssets, renderPage } from "../../../src/report/page.js";
import type { PackageTable } from "../../../src/report/package-table.js";
import { HOSTILE, withTexts } from "./hostile.js";
import { sampleData } from "./sample-data.js";

const assets = await readPageAssets(path.resolve(import.meta.dirname, "../../../templates/report"));

type Node = DefaultTreeAdapterTypes.ChildNode;

/** Every element of a page as its tag and the names of its attributes, and its text. */
function elementsOf(
  page: string,
): { shape: string; tag: string; attributes: Map<string, string>; text: string }[] {
  const found: ReturnType<typeof elementsOf> = [];
  const visit = (node: Node): void => {
    if (!("tagName" in node)) return;
    const attributes = new Map(node.attrs.map(({ name, value }) => [name, value]));
    const text = node.childNodes.map((child) => ("value" in child ? child.value : "")).join("");
    found.push({
      shape: [node.tagName, ...attributes.keys()].join(" "),
      tag: node.tagName,
      attributes,
      text,
    });
    node.childNodes.forEach(visit);
  };
  parse(page).childNodes.forEach((node) => visit(node));
  return found;
}

const render = (data = sampleData(60)): string => renderPage(data, assets);
const shapes = (page: string): string[] => elementsOf(page).map(({ shape }) => shape);

describe("the page of a report", () => {
  it("is the same text for the same data", () => {
    expect(render()).toBe(render());
    expect(
      render(JSON.parse(JSON.stringify(sampleData(60))) as ReturnType<typeof sampleData>),
    ).toBe(render());
  });

  it("allows its own script by its hash, and nothing else", () => {
    const page = elementsOf(render());
    const scripts = page.filter(({ tag }) => tag === "script");
    const policy = page.find(
      ({ attributes }) => attributes.get("http-equiv") === "Content-Security-Policy",
    );
    const hash = createHash("sha256")
      .update(scripts.at(-1)?.text ?? "")
      .digest("base64");
    expect(policy?.attributes.get("content")).toBe(
      `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`,
    );
    expect(scripts.map(({ attributes }) => attributes.get("type"))).toEqual([
      "application/json",
      undefined,
    ]);
  });

  it("refers to nothing outside of itself", () => {
    for (const { tag, attributes } of elementsOf(render())) {
      expect(["link", "img", "iframe", "object", "embed", "base", "audio", "video"]).not.toContain(
        tag,
      );
      expect([...attributes.keys()]).not.toContain("src");
      expect(attributes.get("href") ?? "#").toMatch(/^#/);
    }
    expect(assets.style).not.toMatch(/url\(|@import/);
    expect(assets.script).not.toMatch(
      /<\/script|<!--|innerHTML|insertAdjacent|document\.write|eval|Function\(/,
    );
  });

  it("has one main heading, headings in order, and links that lead somewhere", () => {
    const page = elementsOf(render());
    const levels = page.flatMap(({ tag }) => /^h([1-6])$/.exec(tag)?.[1] ?? []).map(Number);
    expect(levels.filter((level) => level === 1)).toHaveLength(1);
    levels.reduce((before, level) => {
      expect(level - before).toBeLessThanOrEqual(1);
      return level;
    });
    const ids = page.flatMap(({ attributes }) => attributes.get("id") ?? []);
    expect(new Set(ids).size).toBe(ids.length);
    const targets = page.flatMap(({ attributes }) => attributes.get("href")?.slice(1) ?? []);
    const labels = page.flatMap(({ attributes }) => attributes.get("aria-labelledby") ?? []);
    expect(ids).toEqual(expect.arrayContaining([...targets, ...labels]));
  });

  const shape = shapes(render());

  it.each(HOSTILE)("keeps its shape with %j in every place", (hostile) => {
    expect(shapes(render(withTexts(sampleData(60), (text) => text + hostile)))).toEqual(shape);
  });

  it("keeps its shape with anything in every place", () => {
    const plain = shapes(render(sampleData(9)));
    const piece = fc.oneof(
      fc.string({ unit: "binary", maxLength: 8 }),
      fc.constantFrom(...HOSTILE, "<", ">", '"', "'", "&", "=", "`", "</", "<!", "-->", "\n", "\0"),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 5 }), (pieces) => {
        const added = pieces.join("");
        expect(shapes(render(withTexts(sampleData(9), (text) => text + added)))).toEqual(plain);
      }),
      { numRuns: 15 },
    );
  });

  it("shows hostile text as text", () => {
    for (const hostile of HOSTILE) {
      const page = elementsOf(render(withTexts(sampleData(20), (text) => text + hostile)));
      const redis = visible(`redis${hostile}`);
      expect(page.some(({ tag, text }) => tag === "th" && text === redis)).toBe(true);
      const data = page.find(({ attributes }) => attributes.get("id") === "package-data");
      const { component } = JSON.parse(data?.text ?? "") as PackageTable;
      expect(component.words).toContain(redis);
    }
  });

  it("tells of an archive that cannot be read what there is to tell", () => {
    const { archive, verify, rules } = sampleData(0);
    const page = render({
      hasSboms: false,
      archive: { file: archive.file, size: archive.size },
      verify: { ...verify, components: [], deep: false, findings: [] },
      rules,
      components: [],
      leftOut: [],
      layers: [],
      troubles: ["It is not a tar archive."],
      packages: [],
    });
    expect(page).toContain("It is not a tar archive.");
    expect(page).not.toContain('id="architecture"');
  });

  it("says of no component that it passed what could not be asked", () => {
    const passed = (hasSboms: boolean): number =>
      render({ ...sampleData(0), hasSboms }).split(">passed</span>").length;
    const { components } = sampleData(0);
    // The archive has a row of its own.
    expect(passed(true) - passed(false)).toBe(components.length + 1);
  });

  it("does not grow without end with findings and changes", () => {
    const data = sampleData(0);
    const [finding] = data.verify.findings;
    const findings = Array.from({ length: 50_000 }, (_, at) => ({
      ...finding!,
      component: `c${at % 300}`,
    }));
    const rows = Array.from({ length: 50_000 }, (_, at) => ({
      kind: "added" as const,
      what: `p${at}`,
    }));
    const changes = { against: "", remarks: [], groups: [{ title: "Packages", rows }] };
    const page = render({ ...data, changes, verify: { ...data.verify, findings } });
    expect(page.length).toBeLessThan(6e6);
    expect(page).toContain("49,500 more are not shown here");
  });
});
