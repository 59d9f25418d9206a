import { formatBytes } from "../../core/bytes.js";
import { type Markup, markup } from "../markup.js";
import type { ReportData } from "../types.js";
import { counted, dateMark, grouped, listed } from "../words.js";

/** What it is and where it comes from. */
export function header({ archive }: ReportData): Markup {
  const { file, size, bundle } = archive;
  const title =
    bundle === undefined
      ? markup`${file}`
      : markup`${bundle.title} ${bundle.version} <span class="for">for ${bundle.platform}</span>`;
  return markup`<header class="page-head">
    <p class="kind">Bundle report</p>
    <h1>${title}</h1>
    <dl class="facts">
      <div><dt>Archive</dt><dd><code>${file}</code>, ${formatBytes(size)}</dd></div>
      ${
        bundle === undefined
          ? undefined
          : markup`<div><dt>Dated</dt><dd>${dateMark(bundle.date)}</dd></div>
              <div><dt>Made by</dt><dd>${bundle.tool.name} ${bundle.tool.version}</dd></div>
              <div><dt>Definition</dt><dd>${bundle.name}, <code class="long">${bundle.definition}</code></dd></div>`
      }
    </dl>
  </header>`;
}

/** The answer first: passed or failed, in a sentence, and how much that rests on. */
export function verdict({ verify, archive, troubles }: ReportData): Markup {
  const { ok, counts, checked, deep } = verify;
  const target = archive.bundle?.platform ?? "its platform";
  const sentence = ok
    ? deep && troubles.length === 0
      ? `The archive is whole, and is what it says it is. Every program in it was looked at, and nothing speaks against running it on ${target}.`
      : `The archive is whole, and is what it says it is. Not all layers of its images were looked into, so it is not proved that every program runs on ${target}.`
    : `${counted(counts.error, "error")} must be mended before this archive is used: see the findings.`;
  const rest = [
    ...(counts.warning === 0 ? [] : [counted(counts.warning, "warning")]),
    ...(counts.note === 0 ? [] : [counted(counts.note, "note")]),
    ...(counts.waived === 0 ? [] : [`${counted(counts.waived, "finding")} accepted with a reason`]),
  ];
  const tiles: readonly (readonly [value: number, name: string, kind: string])[] = [
    [counts.error, "errors", "error"],
    [counts.warning, "warnings", "warning"],
    [counts.note, "notes", "note"],
    [counts.waived, "accepted", "none"],
    [checked.images, "images", ""],
    [checked.files, "files hashed", ""],
    [checked.blobs, "blobs hashed", ""],
  ];
  return markup`<section class="verdict ${ok ? "pass" : "error"}" aria-labelledby="verdict">
    <h2 id="verdict"><span aria-hidden="true">${ok ? "✓" : "✗"}</span> ${ok ? "Passed" : "Failed"}</h2>
    <p class="lead">${sentence}</p>
    ${rest.length === 0 ? undefined : markup`<p>There ${rest.length === 1 && rest[0]?.startsWith("1 ") === true ? "is" : "are"} ${ok ? "" : "also "}${listed(rest)}.</p>`}
    ${troubles.map((trouble) => markup`<p><strong>Not everything could be told.</strong> ${trouble}</p>`)}
    <ul class="tiles">
      ${tiles.map(
        ([value, name, kind]) =>
          markup`<li class="${value === 0 ? "nil" : kind}"><b>${grouped(value)}</b> ${name}</li>`,
      )}
    </ul>
  </section>`;
}
