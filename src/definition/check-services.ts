import type { Position } from "../core/position.js";
import {
  type ServiceChecks,
  checkHealth,
  checkHealthTimes,
  hasHealthcheck,
} from "./check-health.js";
import type { ComposeService } from "./compose-file.js";
import { servicePath } from "./compose-file.js";
import { type Draft, componentPath } from "./components.js";
import { expandVariables } from "./interpolation.js";
import { isMapping } from "./mapping.js";
import { nearest } from "../core/nearest.js";
import { formatPort, readPublishedPort } from "./port.js";
import type { Report } from "./report.js";

/** Environment names whose value is a credential. */
const CREDENTIAL = /(?:^|_)(?:PASSWORD|PASSWD|PASS|SECRET|SECRET_KEY|ACCESS_KEY|TOKEN|API_KEY)$/;

/** What the component table says of each service against what compose.yaml says of it. */
export function checkServices(context: ServiceChecks, report: Report): void {
  const { table, compose } = context;
  // Without one of the two files everything would be missing from it.
  if (table.file.data === undefined || compose.file.data === undefined) return;
  checkPairs(context, report);
  for (const service of compose.services) {
    checkDependencies(service, context, report);
    checkCredentials(service, context, report);
    checkHealthTimes(service, context, report);
    const component = table.drafts.find(({ name }) => name === service.name);
    if (component === undefined) continue;
    checkImage(component, service, context, report);
    checkPorts(component, service, context, report);
    checkHealth(component, service, context, report);
    checkAlternatives(component, service, context, report);
  }
}

function checkPairs({ table, compose }: ServiceChecks, report: Report): void {
  for (const name of table.names) {
    if (compose.names.includes(name)) continue;
    const near = nearest(name, compose.names);
    report(
      table.file.at(componentPath(name), "key"),
      `the component ${name} has no service in ${compose.file.file}`,
      near === undefined ? undefined : `Did you mean "${near}"?`,
    );
  }
  for (const name of compose.names) {
    if (table.names.includes(name)) continue;
    const near = nearest(name, table.names);
    report(
      compose.file.at(servicePath(name), "key"),
      `the service ${name} has no component in ${table.file.file}`,
      near === undefined ? undefined : `Did you mean "${near}"?`,
    );
  }
}

function checkImage(
  component: Draft,
  { name, value }: ComposeService,
  { compose }: ServiceChecks,
  report: Report,
): void {
  const image = value["image"];
  const path = servicePath(name, "image");
  if (image === undefined) {
    report(
      compose.file.at(path, "key"),
      `the service ${name} has no image`,
      component.image === undefined ? undefined : `Write image: ${component.image}.`,
    );
  } else if (component.image !== undefined && image !== component.image) {
    report(
      compose.file.at(path),
      `${name} runs ${typeof image === "string" ? image : JSON.stringify(image)} here, but the component table says ${component.image}`,
      "Both files name the same image, letter by letter.",
    );
  }
}

function checkPorts(
  component: Draft,
  { name, value }: ComposeService,
  { table, compose, valueOf }: ServiceChecks,
  report: Report,
): void {
  const entries = value["ports"];
  if (value["network_mode"] === "host") {
    if (entries !== undefined) {
      report(
        compose.file.at(servicePath(name, "ports"), "key"),
        `${name} is on the host network, where ports cannot be published`,
      );
    }
    for (const [position, port] of (component.ports ?? []).entries()) {
      if (port.host !== port.container) {
        report(
          table.file.at(componentPath(name, "ports", position)),
          `${name} is on the host network, so ${formatPort(port)} cannot be: both are the same port there`,
        );
      }
    }
    return;
  }
  if (entries !== undefined && !Array.isArray(entries)) {
    report(compose.file.at(servicePath(name, "ports")), `the ports of ${name} must be a list`);
    return;
  }
  const published = new Set<string>();
  for (const [position, entry] of (entries ?? []).entries()) {
    const at = compose.file.at(servicePath(name, "ports", position));
    const port = readPublishedPort(expanded(entry, valueOf));
    if (typeof port === "string") {
      report(at, port);
      continue;
    }
    published.add(formatPort(port));
    if (component.ports?.every((one) => formatPort(one) !== formatPort(port))) {
      report(at, `${name} publishes ${formatPort(port)}, which the component table does not list`);
    }
  }
  for (const [position, port] of (component.ports ?? []).entries()) {
    if (published.has(formatPort(port))) continue;
    report(
      table.file.at(componentPath(name, "ports", position)),
      `${compose.file.file} does not publish ${formatPort(port)} of ${name}`,
    );
  }
}

function expanded(entry: unknown, valueOf: (name: string) => string | undefined): unknown {
  if (typeof entry === "string") return expandVariables(entry, valueOf);
  if (!isMapping(entry)) return entry;
  return Object.fromEntries(
    Object.entries(entry).map(([key, value]) => [key, expanded(value, valueOf)]),
  );
}

function checkAlternatives(
  component: Draft,
  { name, value }: ComposeService,
  { table, valueOf }: ServiceChecks,
  report: Report,
): void {
  for (const [position, { service }] of component.alternatives.entries()) {
    const path = componentPath(name, "alternatives", position, "service");
    for (const [key, patch] of Object.entries(service)) {
      if (isMapping(patch) && Array.isArray(value[key])) {
        report(
          table.file.at([...path, key], "key"),
          `${key} of ${name} is a list in compose.yaml, so it cannot be merged with a mapping`,
          "Write both as mappings.",
        );
      }
    }
    const { ports } = service;
    for (const [index, entry] of (Array.isArray(ports) ? ports : []).entries()) {
      const port = readPublishedPort(expanded(entry, valueOf));
      const trouble =
        typeof port === "string"
          ? port
          : component.ports?.every((one) => formatPort(one) !== formatPort(port)) !== true
            ? undefined
            : `this alternative publishes ${formatPort(port)}, which ${name} does not list; it may leave ports out, not add any`;
      if (trouble !== undefined) report(table.file.at([...path, "ports", index]), trouble);
    }
  }
}

function checkDependencies(
  { name, value }: ComposeService,
  { table, compose }: ServiceChecks,
  report: Report,
): void {
  const declared = value["depends_on"];
  if (declared === undefined) return;
  const path = servicePath(name, "depends_on");
  const dependencies: { on: unknown; at: Position; condition?: unknown }[] = Array.isArray(declared)
    ? declared.map((on: unknown, position) => ({ on, at: compose.file.at([...path, position]) }))
    : isMapping(declared)
      ? Object.entries(declared).map(([on, how]) => ({
          on,
          at: compose.file.at([...path, on], "key"),
          ...(isMapping(how) ? { condition: how["condition"] } : {}),
        }))
      : [];
  const required = new Map(table.drafts.map((component) => [component.name, component.required]));
  for (const { on, at, condition } of dependencies) {
    const target = compose.services.find((service) => service.name === on);
    if (target === undefined) {
      const near = nearest(String(on), compose.names);
      report(
        at,
        `${name} depends on ${String(on)}, which is no service`,
        near === undefined ? undefined : `Did you mean "${near}"?`,
      );
      continue;
    }
    if (condition === "service_healthy" && !hasHealthcheck(target.value)) {
      report(at, `${name} waits for ${target.name} to be healthy, which has no health check`);
    }
    if (required.get(name) === true && required.get(target.name) === false) {
      report(at, `${name} is required and depends on ${target.name}, which is optional`);
    }
  }
}

/** A password written into the file would be the same on every site. */
function checkCredentials(
  { name, value }: ComposeService,
  { compose }: ServiceChecks,
  report: Report,
): void {
  const { environment } = value;
  const path = servicePath(name, "environment");
  const entries: { key: string; text: unknown; at: Position }[] = Array.isArray(environment)
    ? environment.map((entry: unknown, position) => {
        const [key = "", ...rest] = String(entry).split("=");
        return { key, text: rest.join("="), at: compose.file.at([...path, position]) };
      })
    : isMapping(environment)
      ? Object.entries(environment).map(([key, text]) => ({
          key,
          text,
          at: compose.file.at([...path, key]),
        }))
      : [];
  for (const { key, text, at } of entries) {
    if (typeof text !== "string" || !CREDENTIAL.test(key)) continue;
    if (/^(?:|yes|no|true|false)$/i.test(text) || text.replaceAll("$$", "").includes("$")) continue;
    report(
      at,
      `${key} of ${name} is a fixed password, the same on every site`,
      "Declare a setting of type secret in site.yaml and refer to it.",
    );
  }
}
