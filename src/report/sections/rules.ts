import { type Markup, markup } from "../markup.js";
import type { ReportData } from "../types.js";
import { counted, mark } from "../words.js";
import { groupTitle, isAsked } from "./matrix.js";

/** Every rule with what came of it, for those who want to know what was asked. */
export function rules(data: ReportData): Markup {
  const { rules: all, verify } = data;
  const counts = new Map<string, number>();
  for (const { rule } of verify.findings) counts.set(rule, (counts.get(rule) ?? 0) + 1);
  const off = new Set(verify.off);
  const groups = [...new Set(all.map(({ group }) => group))];
  return markup`<section aria-labelledby="rules">
    <h2 id="rules">What was asked</h2>
    ${groups.map((group) => {
      const own = all.filter((rule) => rule.group === group);
      return markup`<details>
        <summary>${groupTitle(group)} <span class="quiet">${counted(own.length, "rule")}</span></summary>
        <table class="rules">
          <caption class="sr">Rules: ${groupTitle(group)}</caption>
          <thead><tr><th scope="col">Rule</th><th scope="col">Weight</th><th scope="col">It finds</th><th scope="col">Result</th></tr></thead>
          <tbody>${own.map((rule) => {
            const { id, severity, says } = rule;
            const count = counts.get(id) ?? 0;
            const asked = isAsked(rule, data);
            return markup`<tr>
              <th scope="row"><code>${id}</code></th><td>${severity}</td><td>${says}</td>
              <td>${count > 0 ? markup`${mark(severity, "")} ${counted(count, "finding")}` : asked ? markup`${mark("pass", "")} none` : markup`${mark("none", "")} ${off.has(id) ? "turned off" : "not asked"}`}</td>
            </tr>`;
          })}</tbody>
        </table>
      </details>`;
    })}
  </section>`;
}
