import type { Finding } from "../../verify/report.js";
import { type Content, type Markup, markup } from "../markup.js";
import type { ReportData } from "../types.js";
import { counted, digestMark, more } from "../words.js";
import { ARCHIVE, findingsByComponent } from "./by-component.js";

/** More findings of one component than a person reads. */
const MAX_SHOWN = 200;
/** And of all components together: a page is no database. */
const MAX_SHOWN_IN_ALL = 5000;

/** Every finding with what to do about it, and every accepted one with its reason. */
export function findings(data: ReportData): Markup {
  let room = MAX_SHOWN_IN_ALL;
  // Components with errors first, otherwise in the table's order.
  const worstFirst = [...findingsByComponent(data)].sort(
    ([, a], [, b]) => worst(a.findings) - worst(b.findings),
  );
  const groups = worstFirst.flatMap(([name, { id, findings: own }]) => {
    if (own.length === 0) return [];
    const shown = own.slice(0, Math.min(MAX_SHOWN, room));
    room -= shown.length;
    return [
      markup`<section class="of" aria-labelledby="${id}">
        <h3 id="${id}">${name === ARCHIVE ? "The archive itself" : name} <span class="quiet">${counted(own.length, "finding")}</span></h3>
        <ul class="findings">${shown.map(finding)}</ul>
        ${more(own.length - shown.length, "verify --json has them all.")}
      </section>`,
    ];
  });
  return markup`<section aria-labelledby="findings">
    <h2 id="findings">Findings</h2>
    ${groups.length === 0 ? markup`<p>None: no rule has anything to say.</p>` : groups}
  </section>`;
}

/** Findings come errors first, so the first one tells. */
function worst([first]: readonly Finding[]): number {
  if (first === undefined || first.waived !== undefined) return 3;
  return { error: 0, warning: 1, note: 2 }[first.severity];
}

function finding(one: Finding): Markup {
  const { severity, rule, subject, message, waived } = one;
  const facts: readonly (readonly [string, Content])[] = [
    ["expected", one.expected],
    ["found", one.found],
    [
      "path",
      one.path === undefined || one.path === subject ? undefined : markup`<code>${one.path}</code>`,
    ],
    ["layer", one.layer === undefined || one.layer === subject ? undefined : digestMark(one.layer)],
    ["made by", one.history === undefined ? undefined : markup`<code>${one.history}</code>`],
  ];
  const told = facts.filter(([, value]) => value !== undefined);
  return markup`<li class="finding ${waived === undefined ? severity : "none"}">
    <p class="what"><b class="badge">${waived === undefined ? severity : "accepted"}</b> <code class="rule">${rule}</code> <strong>${subject}</strong></p>
    <p>${message}</p>
    ${told.length === 0 ? undefined : markup`<dl>${told.map(([name, value]) => markup`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`}
    ${one.hint === undefined ? undefined : markup`<p class="hint"><span aria-hidden="true">→ </span>${one.hint}</p>`}
    ${
      waived === undefined
        ? undefined
        : markup`<p class="reason"><b>Reason:</b> ${waived.reason} <span class="quiet">(${waived.by === "definition" ? "allowed by the bundle's definition" : "waived by whoever verified"}; it would be ${waived.severity === "error" ? "an error" : `a ${waived.severity}`})</span></p>`
    }
  </li>`;
}
