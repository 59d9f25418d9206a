import type { ReportData } from "../../../src/report/types.js";

/** Words of a closed set: no archive has a say in them. */
const CLOSED = new Set(["severity", "kind", "group", "by"]);

/** The same report with something added to every text in it, wherever it comes from. */
export function withTexts(data: ReportData, change: (text: string) => string): ReportData {
  const changed = (value: unknown, key: string): unknown => {
    if (typeof value === "string") return CLOSED.has(key) ? value : change(value);
    if (Array.isArray(value)) return value.map((one) => changed(one, key));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => [name, changed(one, name)]),
    );
  };
  return changed(data, "") as ReportData;
}

/** Texts that end, begin or mean something somewhere in HTML, scripts, styles or addresses. */
export const HOSTILE: readonly string[] = [
  "</script><script>globalThis.hacked = 1</script>",
  "<img src=x onerror='globalThis.hacked = 1'>",
  `" onmouseover="globalThis.hacked = 1" autofocus onfocus="globalThis.hacked = 1" x="`,
  "' style='position:fixed' onclick='globalThis.hacked = 1",
  "</style><style>body { display: none }</style>",
  "</title><base href=https://example.org/><meta http-equiv=refresh content='0;url=https://example.org/'>",
  "<!--<script>",
  "--><iframe src=https://example.org/></iframe>",
  "]]><svg onload=globalThis.hacked=1>",
  "</textarea></noscript></select></table><a href=javascript:globalThis.hacked=1>",
  "javascript:globalThis.hacked=1",
  "\u2028globalThis.hacked = 1\u2029\u0000\u202e\ud800",
  "&lt;img src=x onerror=globalThis.hacked=1&gt;&#60;img&#62;",
  "${globalThis.hacked = 1}{{constructor.constructor('globalThis.hacked = 1')()}}",
  "__proto__",
];
