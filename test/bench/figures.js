import { execFileSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import os from "node:os";

/** Which machine and commit a run's figures are of. */
export function describeRun({ runs }) {
  const commit = execFileSync("git", ["describe", "--always", "--dirty"], {
    encoding: "utf8",
  }).trim();
  const cpus = os.cpus();
  return `${commit}, ${cpus.length} × ${cpus[0]?.model ?? "?"}, Node.js ${process.versions.node}, medians of ${runs} runs in turn`;
}

/** Tables of a run, in Markdown. */
export function formatFigures(parts) {
  return parts
    .map(({ title, rows }) => {
      const lines = rows.map(({ what, cost, mark }) => {
        const { seconds, cpu, peak, written } = cost;
        return `| ${what} | ${seconds.toFixed(2)} | ${cpu.toFixed(2)} | ${peak.toFixed(0)} | ${written.toFixed(0)} | ${mark} |`;
      });
      return [
        `| ${title} | seconds | CPU s | peak MiB | MiB written | |`,
        "| --- | --- | --- | --- | --- | --- |",
        ...lines,
      ].join("\n");
    })
    .join("\n\n");
}

const [BEGIN, END] = ["<!-- figures: npm run bench -- --readme -->", "<!-- end of figures -->"];

/** Puts a run's tables where README.md has the last ones. */
export async function writeReadme(run, parts) {
  const text = await readFile("README.md", "utf8");
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`README.md has no ${BEGIN} … ${END}`);
  const figures = `${BEGIN}\n\nOne run of commit ${run}.\n\n${formatFigures(parts)}\n\n`;
  await writeFile("README.md", text.slice(0, from) + figures + text.slice(to));
  execFileSync("npx", ["oxfmt", "README.md"], { stdio: "ignore" });
}
