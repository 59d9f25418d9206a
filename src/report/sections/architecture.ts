import { type Content, type Markup, markup } from "../markup.js";
import type { Evidence, ReportComponent, ReportData, Start } from "../types.js";
import { counted, digestMark, grouped, mark } from "../words.js";

/** More machines in one image than anyone has reason for. */
const MAX_MACHINES = 12;

/** For each component: the program that starts, the machine it is made for, and all the others. */
export function architecture(data: ReportData): Markup | undefined {
  if (data.components.length === 0) return undefined;
  const platform = data.archive.bundle?.platform ?? "";
  return markup`<section aria-labelledby="architecture">
    <h2 id="architecture">Architecture</h2>
    <p>
      Read from the programs themselves, not from labels: which file a container of each image starts, what machine that file is
      made for, and how many programs and libraries of each kind the image has. ${mark("pass", "runs")} runs on ${platform},
      ${mark("error", "does not run")} does not.
    </p>
    <div class="scroll" role="region" aria-label="Architecture by component" tabindex="0">
      <table class="programs">
        <caption class="sr">Programs by component</caption>
        <thead>
          <tr>
            <th scope="col">Component</th><th scope="col">Starts</th><th scope="col">Made for</th>
            <th scope="col">From layer</th><th scope="col">Programs and libraries</th><th scope="col">Label</th>
          </tr>
        </thead>
        <tbody>${data.components.map(row)}</tbody>
      </table>
    </div>
  </section>`;
}

function row({ name, title, reference, manifest, evidence }: ReportComponent): Markup {
  const head = markup`<th scope="row">${name}${title === name ? undefined : markup`<small>${title}</small>`}<small><code>${reference}</code></small><small>${digestMark(manifest)}</small></th>`;
  if (evidence === undefined) {
    return markup`<tr>${head}<td colspan="5" class="quiet">Its layers were not read.</td></tr>`;
  }
  const { start, claimed } = evidence;
  const { program } = start;
  return markup`<tr>
    ${head}
    <td>${starts(start)}</td>
    <td>${
      program === undefined
        ? markup`${mark("warning", "")} unknown`
        : markup`${mark(program.fits ? "pass" : "error", program.fits ? "runs: " : "does not run: ")} ${program.machine}`
    }</td>
    <td>${program?.layer === undefined ? undefined : digestMark(program.layer)}${
      program?.history === undefined
        ? undefined
        : markup`<small><code>${shortened(program.history)}</code></small>`
    }</td>
    <td>${programs(evidence)}</td>
    <td>${claimed}</td>
  </tr>`;
}

function starts({ command, steps, program, trouble }: Start): Content {
  const way = steps.map(
    ({ path, is }) =>
      markup`<li><code>/${path}</code>${is === undefined ? undefined : markup` <span class="quiet">${is}</span>`}</li>`,
  );
  return markup`<div class="command">${command.length === 0 ? markup`<span class="quiet">no command</span>` : markup`<code>${shortened(command.join(" "))}</code>`}</div>
    ${way.length < 2 && program !== undefined && steps[0]?.path === command[0]?.replace(/^\//, "") ? undefined : markup`<ol class="way">${way}</ol>`}
    ${trouble === undefined ? undefined : markup`<p class="trouble">${trouble}</p>`}`;
}

function programs({ machines, scripts, hidden, glibc }: Evidence): Markup {
  const shown = machines.slice(0, MAX_MACHINES);
  const others = machines.slice(MAX_MACHINES).reduce((sum, { count }) => sum + count, 0);
  const remarks = [
    ...(scripts === 0 ? [] : [counted(scripts, "script")]),
    ...(glibc === undefined ? [] : [`glibc ${glibc} or newer`]),
    ...(hidden === 0
      ? []
      : [`${counted(hidden, "foreign program")} of lower layers deleted or replaced`]),
  ];
  return markup`<ul class="plain">
      ${shown.map(
        ({ machine, count, fits }) =>
          markup`<li>${mark(fits ? "pass" : "error", fits ? "run: " : "do not run: ")} ${grouped(count)} ${machine}</li>`,
      )}
      ${others === 0 ? undefined : markup`<li>${grouped(others)} for other machines</li>`}
    </ul>
    ${remarks.length === 0 ? undefined : markup`<small>${remarks.join("; ")}</small>`}`;
}

const MAX_LENGTH = 160;

function shortened(text: string): string {
  return text.length <= MAX_LENGTH ? text : `${text.slice(0, MAX_LENGTH - 1)}…`;
}
