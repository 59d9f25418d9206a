import type { Position } from "../core/position.js";
import { type ComposeFile, type ComposeService, servicePath } from "./compose-file.js";
import { type Draft, type Table, componentPath } from "./components.js";
import { expandVariables, variablesIn } from "./interpolation.js";
import { type Mapping, isMapping } from "./mapping.js";
import type { Report } from "./report.js";

/** What services are checked against. */
export interface ServiceChecks {
  readonly table: Table;
  readonly compose: ComposeFile;
  /** A setting's default, for what compose.yaml says by a variable. */
  readonly valueOf: (name: string) => string | undefined;
}

const TIMES = ["interval", "timeout", "start_period", "start_interval"];

/** compose-spec, "Specifying durations", and the 0 that Compose takes without a unit. */
const DURATION = /^(?:0|(?:\d+(?:\.\d+)?(?:us|ms|s|m|h))+)$/;

/** Whether Compose would watch a service with these keys. */
export function hasHealthcheck(service: Mapping): boolean {
  const check = service["healthcheck"];
  if (!isMapping(check) || check["disable"] === true) return false;
  const { test } = check;
  return Array.isArray(test)
    ? test.length > 1 && test[0] !== "NONE"
    : typeof test === "string" && test !== "";
}

/** A required component has a health check, and keeps it with every alternative; so the times in them. */
export function checkHealth(
  component: Draft,
  { name, value }: ComposeService,
  { table, compose, valueOf }: ServiceChecks,
  report: Report,
): void {
  const required = component.required === true;
  if (required && !hasHealthcheck(value)) {
    report(
      compose.file.at(servicePath(name, "healthcheck"), "key"),
      `${name} is required and has no health check`,
      "Add healthcheck: with a test: that ends with 0 when the service works; without one nobody could tell on the site.",
    );
  }
  for (const [position, { service }] of component.alternatives.entries()) {
    if (!Object.hasOwn(service, "healthcheck")) continue;
    const path = componentPath(name, "alternatives", position, "service", "healthcheck");
    if (required && !hasHealthcheck({ ...value, ...patched(value, service) })) {
      report(
        table.file.at(path, "key"),
        `this alternative leaves ${name} without a health check, and it is required`,
      );
    }
    // In a patch, null takes the key away.
    const times = timesOf(service).filter(([, time]) => time !== null);
    checkTimes(times, { name, at: (key) => table.file.at([...path, key]), valueOf }, report);
  }
}

/** The times of a service's health check, which Compose reads only on the site. */
export function checkHealthTimes(
  { name, value }: ComposeService,
  { compose, valueOf }: ServiceChecks,
  report: Report,
): void {
  const at = (key: string): Position => compose.file.at(servicePath(name, "healthcheck", key));
  checkTimes(timesOf(value), { name, at, valueOf }, report);
}

/** The health check as the alternative leaves it. */
function patched(value: Mapping, service: Mapping): Mapping {
  const [own, patch] = [value["healthcheck"], service["healthcheck"]];
  return { healthcheck: isMapping(own) && isMapping(patch) ? { ...own, ...patch } : patch };
}

function timesOf(service: Mapping): readonly (readonly [key: string, time: unknown])[] {
  const check = service["healthcheck"];
  return isMapping(check) ? Object.entries(check).filter(([key]) => TIMES.includes(key)) : [];
}

function checkTimes(
  times: readonly (readonly [key: string, time: unknown])[],
  where: {
    readonly name: string;
    readonly at: (key: string) => Position;
    readonly valueOf: ServiceChecks["valueOf"];
  },
  report: Report,
): void {
  const { name, at, valueOf } = where;
  for (const [key, time] of times) {
    if (typeof time === "string" && (isOpen(time, valueOf) || isDuration(time, valueOf))) continue;
    const shown = typeof time === "object" && time !== null ? "no text" : JSON.stringify(time);
    report(
      at(key),
      `the ${key} of the health check of ${name} is ${shown}, which is not a duration`,
      "Write numbers with their units us, ms, s, m or h: 5s, 1m30s, 500ms.",
    );
  }
}

function isDuration(text: string, valueOf: ServiceChecks["valueOf"]): boolean {
  return DURATION.test(expandVariables(text, valueOf));
}

/** Says something that only the site knows. A malformed variable is another check's problem. */
function isOpen(text: string, valueOf: ServiceChecks["valueOf"]): boolean {
  const { uses, malformed } = variablesIn(text);
  return (
    malformed !== undefined ||
    uses.some(({ name, fallback }) => valueOf(name) === undefined && fallback === undefined)
  );
}
