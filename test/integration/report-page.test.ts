import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readPageAssets, renderPage } from "../../src/report/page.js";
import type { ReportData } from "../../src/report/types.js";
import { type Browser, type Tab, findChromium, launchChromium } from "../support/chromium.js";
import { HOSTILE, withTexts } from "../unit/report/hostile.js";
import { sampleData } from "../unit/report/sample-data.js";

const chromium = findChromium();

// Where there is no browser these are left out; the lab installs one, and then they are not.
describe.skipIf(chromium === undefined)("the page of a report in a browser", () => {
  let dir: string;
  let browser: Browser;

  beforeAll(async () => {
    dir = await mkdtemp(path.join(tmpdir(), "report-page-"));
    browser = await launchChromium(chromium ?? "");
  });

  afterAll(async () => {
    await browser.close();
    await rm(dir, { recursive: true, force: true });
  });

  async function write(data: ReportData): Promise<string> {
    const assets = await readPageAssets(
      path.resolve(import.meta.dirname, "../../templates/report"),
    );
    const file = path.join(dir, "report.html");
    await writeFile(file, renderPage(data, assets));
    return pathToFileURL(file).href;
  }

  async function open(
    data: ReportData,
    features: Readonly<Record<string, string>> = {},
  ): Promise<Tab> {
    const tab = await browser.tab();
    await tab.send("Emulation.setEmulatedMedia", {
      features: Object.entries(features).map(([name, value]) => ({ name, value })),
    });
    await tab.goto(await write(data));
    await until(tab, ready);
    return tab;
  }

  const ready = `document.querySelector("#package-rows tr") !== null`;
  const rows = `[...document.querySelectorAll("#package-rows tr")].map((row) => row.cells[0].textContent)`;
  const status = `document.getElementById("package-status").textContent`;

  /** Types into the search as a person does. */
  async function search(tab: Tab, text: string): Promise<void> {
    await tab.evaluate(`document.getElementById("package-query").select()`);
    await tab.send("Input.insertText", { text });
    await until(tab, `document.getElementById("package-query").value === ${JSON.stringify(text)}`);
  }

  it("opens without complaints, and asks for nothing but itself", async () => {
    const tab = await open(sampleData());
    expect(tab.complaints).toEqual([]);
    expect(tab.requests).toEqual([pathToFileURL(path.join(dir, "report.html")).href]);
    expect(await tab.evaluate("document.title")).toBe("Failed: OpenIM 2.3.9 for linux/arm64");
  });

  it("lets no text of an archive become anything but text", async () => {
    const tab = await open(sampleData());
    const count = `document.querySelectorAll("body *:not(#package-list *)").length`;
    const plain = await tab.evaluate(count);
    for (const hostile of [HOSTILE.join(""), HOSTILE[0], HOSTILE[2]]) {
      const bad = await open(withTexts(sampleData(), (text) => `${text}${hostile ?? ""}`));
      await search(bad, "package-1");
      await until(bad, `${status}.includes("found")`);
      expect(await bad.evaluate("typeof globalThis.hacked")).toBe("undefined");
      expect(await bad.evaluate(`${rows}.length`)).toBe(100);
      expect(await bad.evaluate(count)).toBe(plain);
      expect(bad.complaints).toEqual([]);
      expect(bad.requests).toHaveLength(1);
    }
  });

  it("finds packages by name, licence and path, in a component, and turns pages", async () => {
    const tab = await open(sampleData());
    expect(await tab.evaluate(status)).toBe("All 1,200 packages.");
    await search(tab, "PACKAGE-77 lib");
    await until(tab, `${status} !== "All 1,200 packages."`);
    expect(await tab.evaluate(rows)).toEqual(
      expect.arrayContaining(["lib77-package-77", "lib775-package-775"]),
    );
    await search(tab, "apache node_modules");
    await until(tab, `${status}.startsWith("0 ") || ${rows}[0]?.startsWith("@")`);
    await search(tab, "no such package");
    await until(tab, `${status} === "0 of 1,200 packages found."`);
    await search(tab, "");
    await tab.evaluate(
      `{ const one = document.getElementById("package-component"); one.value = "redis"; one.dispatchEvent(new Event("change")); }`,
    );
    await until(tab, `${status} === "134 of 1,200 packages found."`);
    const first = await tab.evaluate(rows);
    await tab.evaluate(`document.getElementById("package-on").click()`);
    expect(await tab.evaluate(status)).toBe("Page 2 of 2.");
    expect(await tab.evaluate(`${rows}.length`)).toBe(34);
    expect(await tab.evaluate(rows)).not.toEqual(first);
  });

  it("answers within a second with 100,000 packages", async () => {
    const tab = await browser.tab();
    // The time that the page's thread works, in seconds: other work on the machine is not the page's.
    await tab.send("Performance.enable", { timeDomain: "threadTicks" });
    const worked = async (): Promise<number> => {
      const { metrics } = (await tab.send("Performance.getMetrics")) as {
        metrics: { name: string; value: number }[];
      };
      return metrics.find(({ name }) => name === "TaskDuration")?.value ?? Number.NaN;
    };
    const url = await write(sampleData(100_000));
    const start = await worked();
    await tab.goto(url);
    await until(tab, `${status} === "All 100,000 packages."`);
    const opened = await worked();
    expect(opened - start).toBeLessThan(1);
    await search(tab, "package-99999");
    await until(tab, `${status} === "1 of 100,000 packages found."`);
    expect((await worked()) - opened).toBeLessThan(1);
  });

  it("is dark where the system is, and can be switched", async () => {
    const tab = await open(sampleData(), { "prefers-color-scheme": "dark" });
    const paper = "getComputedStyle(document.body).backgroundColor";
    expect(await tab.evaluate(paper)).toBe("rgb(21, 24, 28)");
    await tab.evaluate(`document.getElementById("theme").click()`);
    expect(await tab.evaluate(paper)).toBe("rgb(251, 250, 248)");
    expect(await tab.evaluate(`document.getElementById("theme").textContent`)).toBe("Dark colours");
  });

  it.each(["light", "dark"])(
    "has text that stands out from what is behind it, %s",
    async (scheme) => {
      const tab = await open(sampleData(), { "prefers-color-scheme": scheme });
      expect(await tab.evaluate(LOW_CONTRAST)).toEqual([]);
    },
  );

  it("is printed on white with everything open", async () => {
    const tab = await open(sampleData(300), { "prefers-color-scheme": "dark" });
    const { data } = await tab.send("Page.printToPDF", { printBackground: true });
    expect(Buffer.from(String(data), "base64").toString("latin1", 0, 5)).toBe("%PDF-");
    await tab.evaluate(`dispatchEvent(new Event("beforeprint"))`);
    await tab.send("Emulation.setEmulatedMedia", { media: "print" });
    expect(await tab.evaluate("getComputedStyle(document.body).backgroundColor")).toBe(
      "rgb(255, 255, 255)",
    );
    expect(await tab.evaluate(`document.querySelectorAll("details:not([open])").length`)).toBe(0);
    expect(await tab.evaluate(`${rows}.length`)).toBe(300);
    expect(await tab.evaluate(`getComputedStyle(document.querySelector(".bar")).display`)).toBe(
      "none",
    );
    await tab.evaluate(`dispatchEvent(new Event("afterprint"))`);
    expect(await tab.evaluate(`${rows}.length`)).toBe(100);
  });

  it("can be used without a mouse, and tells a screen reader what is what", async () => {
    const tab = await open(sampleData());
    const { nodes } = (await tab.send("Accessibility.getFullAXTree")) as {
      nodes: { ignored: boolean; role?: { value: string }; name?: { value: string } }[];
    };
    const roles = nodes.filter(({ ignored }) => !ignored).map(({ role }) => role?.value);
    for (const role of [
      "main",
      "navigation",
      "banner",
      "contentinfo",
      "search",
      "status",
      "table",
      "rowheader",
      "columnheader",
    ]) {
      expect(roles).toContain(role);
    }
    const nameless = nodes.filter(
      ({ ignored, role, name }) =>
        !ignored &&
        ["link", "button", "combobox", "searchbox", "table", "region", "image"].includes(
          role?.value ?? "",
        ) &&
        (name?.value ?? "") === "",
    );
    expect(nameless).toEqual([]);
    await tab.send("Input.dispatchKeyEvent", {
      type: "keyDown",
      key: "Tab",
      code: "Tab",
      windowsVirtualKeyCode: 9,
    });
    expect(await tab.evaluate("document.activeElement.textContent")).toBe("Skip to the verdict");
    expect(await tab.evaluate("getComputedStyle(document.activeElement).outlineStyle")).toBe(
      "solid",
    );
  });

  it("fits a narrow screen without scrolling sideways", async () => {
    const tab = await open(sampleData());
    await tab.send("Emulation.setDeviceMetricsOverride", {
      width: 390,
      height: 800,
      deviceScaleFactor: 1,
      mobile: false,
    });
    expect(await tab.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(390);
  });
});

async function until(tab: Tab, expression: string): Promise<void> {
  const end = performance.now() + 100_000;
  while ((await tab.evaluate(expression)) !== true) {
    if (performance.now() > end) throw new Error(`It never came true: ${expression}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Texts with less contrast than 4.5 to 1 (WCAG 2.2, 1.4.3), as they are painted. */
const LOW_CONTRAST = `(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const paint = (colors) => {
    for (const color of colors) {
      canvas.fillStyle = color;
      canvas.fillRect(0, 0, 1, 1);
    }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => rgb
    .map((value) => value / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
    .reduce((sum, value, at) => sum + value * [0.2126, 0.7152, 0.0722][at], 0);
  const low = [];
  for (const element of document.querySelectorAll("body *:not(script)")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== "");
    if (!own || element.closest(".map, [hidden], noscript, :disabled") || element.offsetParent === null) continue;
    const behind = [];
    for (let at = element; at !== null; at = at.parentElement) behind.unshift(getComputedStyle(at).backgroundColor);
    const [a, b] = [light(paint(behind)), light(paint([...behind, getComputedStyle(element).color]))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) low.push(element.className + ": " + element.textContent.slice(0, 40) + ": " + contrast.toFixed(2));
  }
  return low;
})()`;
