import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { jsonForScript } from "./escape.js";
import { type Markup, markup, trusted } from "./markup.js";
import { packageTable } from "./package-table.js";
import { architecture } from "./sections/architecture.js";
import { changes } from "./sections/changes.js";
import { findings } from "./sections/findings.js";
import { matrix } from "./sections/matrix.js";
import { packages } from "./sections/packages.js";
import { rules } from "./sections/rules.js";
import { sizes } from "./sections/sizes.js";
import { header, verdict } from "./sections/verdict.js";
import type { ReportData } from "./types.js";

/** What the page is made with, beside its data. */
export interface PageAssets {
  readonly style: string;
  readonly script: string;
}

/** Reads page.css and page.js from the folder of templates. */
export async function readPageAssets(folder: string): Promise<PageAssets> {
  const [style, script] = await Promise.all([
    readFile(join(folder, "page.css"), "utf8"),
    readFile(join(folder, "page.js"), "utf8"),
  ]);
  return { style, script };
}

/**
 * The whole page as one HTML document that loads nothing: a content security policy (CSP level 3)
 * forbids every request, and every script but the page's own by its hash. The same data gives the
 * same text.
 */
export function renderPage(data: ReportData, { style, script }: PageAssets): string {
  const hash = createHash("sha256").update(script).digest("base64");
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
  const sections: readonly (readonly [id: string, title: string, section: Markup | undefined])[] = [
    ["checks", "Checks", matrix(data)],
    ["findings", "Findings", findings(data)],
    ["changes", "Changes", changes(data)],
    ["architecture", "Architecture", architecture(data)],
    ["sizes", "Sizes", sizes(data)],
    ["packages", "Packages", packages(data)],
    ["rules", "What was asked", rules(data)],
  ];
  const present = sections.filter(([, , section]) => section !== undefined);
  const { bundle, file } = data.archive;
  const title =
    bundle === undefined ? file : `${bundle.title} ${bundle.version} for ${bundle.platform}`;
  const page = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>${data.verify.ok ? "Passed" : "Failed"}: ${title}</title>
<style>${trusted(style)}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the verdict</a>
<div class="bar">
<nav aria-label="Sections"><ul>${present.map(([id, name]) => markup`<li><a href="#${id}">${name}</a></li>`)}</ul></nav>
<button type="button" id="theme" hidden>Dark</button>
</div>
${header(data)}
<main id="main" tabindex="-1">
${verdict(data)}
${present.map(([, , section]) => section)}
</main>
<footer><p>Made from the archive alone by <code>openim-bundler report</code>. This page is one file and loads nothing from anywhere.</p></footer>
<script type="application/json" id="package-data">${trusted(jsonForScript(packageTable(data.packages)))}</script>
<script>${trusted(script)}</script>
</body>
</html>
`;
  return page.toString();
}
