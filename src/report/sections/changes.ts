import { type Markup, markup } from "../markup.js";
import type { Change, ChangeGroup, ReportData } from "../types.js";
import { counted, more } from "../words.js";

/** More changes of one kind than a person reads. */
const MAX_SHOWN = 500;
const MAX_SHOWN_IN_ALL = 5000;

/** What is not as it was in the older archive. */
export function changes({ changes: diff }: ReportData): Markup | undefined {
  if (diff === undefined) return undefined;
  let room = MAX_SHOWN_IN_ALL;
  const groups = diff.groups.filter(({ rows }) => rows.length > 0);
  return markup`<section aria-labelledby="changes">
    <h2 id="changes">Changes</h2>
    <p>Compared with ${diff.against}.</p>
    ${diff.remarks.map((remark) => markup`<p>${remark}</p>`)}
    ${groups.length === 0 ? markup`<p>Nothing changed.</p>` : undefined}
    ${groups.map((group) => {
      const shown = group.rows.slice(0, Math.min(MAX_SHOWN, room));
      room -= shown.length;
      return table(group, shown);
    })}
  </section>`;
}

function table({ title, rows }: ChangeGroup, shown: readonly Change[]): Markup {
  return markup`<h3>${title} <span class="quiet">${counted(rows.length, "change")}</span></h3>
    <div class="scroll" role="region" aria-label="${title}" tabindex="0"><table class="changes">
      <caption class="sr">Changes: ${title}</caption>
      <thead>
        <tr><th scope="col">Change</th><th scope="col">What</th><th scope="col">Before</th><th scope="col">Now</th><th scope="col">Remark</th></tr>
      </thead>
      <tbody>
        ${shown.map(
          ({ kind, what, before, after, note }) => markup`<tr class="${kind}">
            <td><span class="sign" aria-hidden="true">${SIGNS[kind]}</span> ${kind}</td><th scope="row">${what}</th>
            <td>${before}</td><td>${after}</td><td>${note}</td>
          </tr>`,
        )}
      </tbody>
    </table></div>
    ${more(rows.length - shown.length, "diff --json has them all.")}`;
}

const SIGNS: Readonly<Record<Change["kind"], string>> = { added: "+", removed: "−", changed: "~" };
