import type { Finding, Severity } from "../../verify/report.js";
import type { Rule } from "../../verify/rule.js";
import { type Markup, markup } from "../markup.js";
import type { ReportData } from "../types.js";
import { counted, mark } from "../words.js";
import { ARCHIVE, findingsByComponent } from "./by-component.js";

type RuleGroup = Rule["group"];

/** What a group of rules asks, for the head of its column. */
const GROUP_TITLES: Readonly<Record<RuleGroup, string>> = {
  structure: "Structure",
  sums: "Sums",
  manifest: "Manifest",
  image: "Image",
  programs: "Programs",
  compose: "Compose",
  scripts: "Scripts",
  table: "Table",
  host: "Host",
  sbom: "SBOM",
  config: "Waivers",
};

/** Groups that ask about the archive as a whole, so that a component can neither pass nor fail them. */
const OF_ARCHIVE: ReadonlySet<RuleGroup> = new Set(["sums", "scripts", "config"]);
/** Groups that ask about components only. */
const OF_COMPONENTS: ReadonlySet<RuleGroup> = new Set(["image", "programs"]);

export function groupTitle(group: RuleGroup): string {
  return GROUP_TITLES[group];
}

/** Which component passed which checks. */
export function matrix(data: ReportData): Markup {
  const groups = [...new Set(data.rules.map(({ group }) => group))];
  const asked = new Set(data.rules.filter((rule) => isAsked(rule, data)).map(({ group }) => group));
  const groupOf = new Map(data.rules.map(({ id, group }) => [id, group]));
  const rows = [...findingsByComponent(data)].map(([name, { id, findings }]) => {
    const isArchive = name === ARCHIVE;
    const cells = groups.map((group) => {
      const own = findings.filter(({ rule }) => groupOf.get(rule) === group);
      if (own.length > 0) return found(own, id);
      const applies = isArchive ? !OF_COMPONENTS.has(group) : !OF_ARCHIVE.has(group);
      if (!applies) return markup`<td><span class="sr">does not apply</span></td>`;
      return asked.has(group)
        ? markup`<td>${mark("pass", "passed")}</td>`
        : markup`<td>${mark("none", "not asked")}</td>`;
    });
    return markup`<tr><th scope="row">${isArchive ? markup`<em>the archive itself</em>` : name}</th>${cells}</tr>`;
  });
  return markup`<section aria-labelledby="checks">
    <h2 id="checks">Checks</h2>
    <p>
      ${mark("pass", "passed")} passed, ${mark("error", "error")} errors, ${mark("warning", "warning")} warnings,
      ${mark("note", "note")} notes, ${mark("none", "not asked")} not asked, empty: does not apply; what passed with a number was found and accepted. A number leads to its
      findings; <a href="#rules">what each check asks</a> is at the end.
    </p>
    <div class="scroll" role="region" aria-label="Checks by component" tabindex="0">
      <table class="matrix">
        <caption class="sr">Results by component and group of checks</caption>
        <thead>
          <tr><th scope="col">Component</th>${groups.map((group) => markup`<th scope="col">${groupTitle(group)}</th>`)}</tr>
        </thead>
        <tbody>${rows}</tbody>
      </table>
    </div>
    ${leftOut(data)}
  </section>`;
}

function leftOut({ leftOut: components }: ReportData): Markup | undefined {
  if (components.length === 0) return undefined;
  return markup`<h3>Not in this bundle</h3>
    <ul>${components.map(
      ({ name, required, reason }) =>
        markup`<li><b>${name}</b> (${required ? "required" : "optional"}): ${reason}</li>`,
    )}</ul>`;
}

/** A rule that is turned off, or asks for what was not looked at or is not there, says nothing. */
export function isAsked({ id, group, deep }: Rule, { verify, hasSboms }: ReportData): boolean {
  return (!deep || verify.deep) && !verify.off.includes(id) && (group !== "sbom" || hasSboms);
}

function found(findings: readonly Finding[], id: string): Markup {
  const parts = (["error", "warning", "note"] as const).flatMap((severity: Severity) => {
    const count = findings.filter(
      (one) => one.waived === undefined && one.severity === severity,
    ).length;
    return count === 0
      ? []
      : [
          markup`<a class="count ${severity}" href="#${id}">${mark(severity, "")}<span aria-hidden="true">${count}</span
            ><span class="sr">${counted(count, severity)}</span></a>`,
        ];
  });
  const accepted = findings.filter((one) => one.waived !== undefined).length;
  return markup`<td>${parts}${
    accepted === 0
      ? undefined
      : markup`<a class="count" href="#${id}">${mark("pass", "")}<span aria-hidden="true">${accepted}</span
          ><span class="sr">${counted(accepted, "accepted finding")}</span></a>`
  }</td>`;
}
