import { formatBytes } from "../core/bytes.js";
import { takenAwaySentence } from "../rehearse/taken-away.js";
import type { Rehearsal, RehearsedComponent } from "../rehearse/types.js";
import { formatTable } from "./table.js";

/** What `rehearse` says: a row for each component, the receipt, and the verdict as the last line. */
export function describeRehearsal(result: Rehearsal, width: number): readonly string[] {
  const { bundle, engine, components, changes, steps, receipt, reasons, logs } = result;
  const place =
    result.way === "throw-away" ? "a private engine with loopback alone" : "the engine at hand";
  const lines = [
    `${bundle.name} ${bundle.version} for ${bundle.platform} on ${place}: Docker ${engine.version}, ${engine.platform}${result.emulated ? ", under QEMU" : ""}`,
    "",
    formatTable(
      [
        { title: "COMPONENT" },
        { title: "LOADED" },
        { title: "STATE" },
        { title: "READY", align: "right" },
        { title: "SMOKE TESTS", wrap: true },
      ],
      components.map(row),
      width,
    ),
  ];
  const section = (title: string, rows: readonly string[]): void => {
    if (rows.length > 0) lines.push("", title, ...rows.map((text) => `  ${text}`));
  };
  section(
    "Skipped",
    components.flatMap(({ name, skipped }) =>
      skipped === undefined ? [] : [`${name}: ${skipped}`],
    ),
  );
  section("Changed for the rehearsal", changes);
  section(
    "install.sh",
    steps.map(({ command, code, seconds }) => `${command}: exit code ${code} (${seconds} s)`),
  );
  section(
    "Receipt",
    receipt.map(({ component, reference, ok, found }) => {
      const what =
        found === undefined
          ? "not there"
          : `${found.platform} ${formatBytes(found.size)} ${found.id}`;
      return `${ok ? "ok   " : "WRONG"} ${component}  ${reference}  ${what}`;
    }),
  );
  section(
    "Last health checks",
    components.flatMap(({ name, health }) =>
      health?.probe === undefined ? [] : [`${name}: ${health.probe.replace(/\s+/g, " ")}`],
    ),
  );
  for (const log of logs) section(`Last lines of ${log.component}`, log.lines);
  lines.push("", takenAwaySentence(result.takenAway), ...verdict(result, reasons));
  return lines;
}

function row({ name, skipped, loaded, health, smoke }: RehearsedComponent): string[] {
  const image =
    loaded === undefined ? "-" : loaded.ok ? `ok${loaded.before ? ", was there" : ""}` : "NO";
  const state = skipped !== undefined ? "skipped" : (health?.state ?? "not started");
  const tests = smoke.map(
    ({ outcome, test, said }) =>
      `${MARKS[outcome]} ${test}${outcome === "passed" || said === undefined ? "" : ` (${said})`}`,
  );
  return [
    name,
    image,
    health?.ready === false ? `NOT READY: ${state}` : state,
    health?.ready === true && health.seconds !== undefined ? `${health.seconds} s` : "",
    tests.join("; ").replace(/\s+/g, " ") || "-",
  ];
}

const MARKS = { passed: "ok", failed: "FAIL", skipped: "left" } as const;

function verdict(result: Rehearsal, reasons: readonly string[]): readonly string[] {
  const { archive, components, seconds } = result;
  const started = components.filter(({ health }) => health?.ready === true).length;
  const skipped = components.filter((component) => component.skipped !== undefined).length;
  const scope = `${started} of ${components.length} services came up${skipped > 0 ? `, ${skipped} skipped` : ""} (${seconds} s)`;
  switch (result.verdict) {
    case "up":
      return [`PASS ${archive}: ${scope}.`];
    case "nothing":
      return [`FAIL ${archive}: no service is left that could be judged here.`];
    case "not-up":
      return [...reasons.map((reason) => `  ${reason}`), `FAIL ${archive}: ${scope}.`];
  }
}
