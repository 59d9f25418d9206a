import type { ComponentPackages } from "../../sbom/types.js";
import { type Markup, markup } from "../markup.js";
import type { ReportData } from "../types.js";
import { counted, grouped, more } from "../words.js";

/** More files that could not be read than anyone looks through. */
const MAX_SKIPPED = 50;

/** What is inside, by the images' own databases: counts as they are, the list for the script to fill. */
export function packages({ packages: components }: ReportData): Markup | undefined {
  if (components.length === 0) return undefined;
  const total = components.reduce((sum, one) => sum + one.packages.length, 0);
  const types = [...new Set(components.flatMap((one) => [...countTypes(one).keys()]))].sort();
  return markup`<section aria-labelledby="packages">
    <h2 id="packages">Packages</h2>
    <p>${counted(total, "package")} in ${counted(components.length, "component")}, by the images' own package databases and metadata.</p>
    <div class="scroll" role="region" aria-label="Packages by component" tabindex="0"><table>
      <caption class="sr">Number of packages by component and kind</caption>
      <thead>
        <tr><th scope="col">Component</th><th scope="col">Distribution</th>${types.map((type) => markup`<th scope="col" class="number">${type}</th>`)}<th scope="col" class="number">All</th></tr>
      </thead>
      <tbody>${components.map((one) => row(one, types))}</tbody>
    </table></div>
    ${skipped(components)}
    ${total === 0 ? undefined : list(components, types)}
  </section>`;
}

function countTypes({ packages: all }: ComponentPackages): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { type } of all) counts.set(type, (counts.get(type) ?? 0) + 1);
  return counts;
}

function row(one: ComponentPackages, types: readonly string[]): Markup {
  const { component, distro, packages: all } = one;
  const counts = countTypes(one);
  const name = distro === undefined ? "" : (distro.name ?? `${distro.id} ${distro.version ?? ""}`);
  return markup`<tr>
    <th scope="row">${component}</th><td>${name}</td>
    ${types.map((type) => markup`<td class="number">${counts.has(type) ? grouped(counts.get(type) ?? 0) : undefined}</td>`)}
    <td class="number">${grouped(all.length)}</td>
  </tr>`;
}

function skipped(components: readonly ComponentPackages[]): Markup | undefined {
  const all = components.flatMap(({ component, skipped: own }) =>
    own.map((one) => ({ component, ...one })),
  );
  if (all.length === 0) return undefined;
  const shown = all.slice(0, MAX_SKIPPED);
  return markup`<details>
    <summary>${counted(all.length, "file")} that should tell of packages could not be read</summary>
    <ul>${shown.map(({ component, path, reason }) => markup`<li>${component}: <code>/${path}</code>: ${reason}</li>`)}</ul>
    ${more(all.length - shown.length, "sbom --json has them all.")}
  </details>`;
}

/** Shown by the script alone, which also has the rows. */
function list(components: readonly ComponentPackages[], types: readonly string[]): Markup {
  return markup`<noscript><p class="more">The list and its search need the page's own script, which is turned off here.</p></noscript>
    <div id="package-list" hidden>
      <form class="search" role="search" aria-label="Packages">
        <label class="grow">Search <input id="package-query" type="search" autocomplete="off" spellcheck="false" placeholder="name, version, licence, path"></label>
        <label>Component <select id="package-component"><option value="">all</option>${components.map(({ component }) => markup`<option value="${component}">${component}</option>`)}</select></label>
        <label>Kind <select id="package-type"><option value="">all</option>${types.map((type) => markup`<option value="${type}">${type}</option>`)}</select></label>
      </form>
      <p id="package-status" role="status" aria-live="polite"></p>
      <div class="scroll" role="region" aria-label="List of packages" tabindex="0"><table id="package-table">
        <caption class="sr">Packages found</caption>
        <thead>
          <tr><th scope="col">Package</th><th scope="col">Version</th><th scope="col">Kind</th><th scope="col">Component</th><th scope="col">Licence</th><th scope="col">Source</th><th scope="col">Told by</th></tr>
        </thead>
        <tbody id="package-rows"></tbody>
      </table></div>
      <nav class="pages" aria-label="Pages of packages">
        <button type="button" id="package-first">First</button>
        <button type="button" id="package-back">Back</button>
        <span id="package-page"></span>
        <button type="button" id="package-on">Next</button>
        <button type="button" id="package-last">Last</button>
      </nav>
    </div>`;
}
