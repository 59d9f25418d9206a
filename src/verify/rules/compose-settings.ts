import { COMPOSE_FILE, MANIFEST_FILE } from "../../bundle/paths.js";
import type { BundleManifest } from "../../bundle/types.js";
import { variablesIn } from "../../definition/interpolation.js";
import { type ComposeFacts, placeOf } from "../compose-facts.js";
import type { Finding } from "../report.js";
import { declareRules } from "../rule.js";

export const SETTINGS = declareRules("compose", {
  error: {
    "compose/setting": "A variable is no setting of the bundle, or is not written as one.",
  },
});

/** Those that Compose sets by itself. */
const OWN = /^COMPOSE_[A-Z_]+$/;

/** Every variable of the compose file and of the smoke tests is a setting, or says its own fallback. */
export function checkSettings(compose: ComposeFacts, manifest: BundleManifest): Finding[] {
  const known = new Set(manifest.settings.map(({ name }) => name));
  const findings: Finding[] = [];
  const told = new Set<string>();
  const check = (place: { subject: string; component?: string }, text: string): void => {
    const { uses, malformed } = variablesIn(text);
    const add = (message: string, found: string): void => {
      const key = `${place.subject} ${found}`;
      if (told.has(key)) return;
      told.add(key);
      findings.push(SETTINGS.finding("compose/setting", { ...place, message, found }));
    };
    if (malformed !== undefined) add("Has a $ that Compose refuses.", malformed);
    for (const { name, fallback } of uses) {
      if (known.has(name) || fallback !== undefined || OWN.test(name)) continue;
      add(`Refers to ${name}, which is no setting of the bundle.`, name);
    }
  };
  for (const service of compose.services) {
    for (const text of textsIn(service.value)) check(placeOf(service), text);
  }
  for (const [section, value] of Object.entries(compose.root)) {
    if (section === "services") continue;
    for (const text of textsIn(value)) check({ subject: `${COMPOSE_FILE}: ${section}` }, text);
  }
  for (const { name, smoke = [] } of manifest.components) {
    for (const [index, test] of smoke.entries()) {
      if (!("http" in test)) continue;
      const subject = `${MANIFEST_FILE}: smoke[${index}].http`;
      check({ component: name, subject }, test.http);
    }
  }
  return findings;
}

/** Every text below a value; what aliases share is looked at once. */
function textsIn(value: unknown): readonly string[] {
  const texts: string[] = [];
  const seen = new Set<unknown>();
  const open: unknown[] = [value];
  while (open.length > 0) {
    const one = open.pop();
    if (typeof one === "string") texts.push(one);
    if (typeof one !== "object" || one === null || seen.has(one)) continue;
    seen.add(one);
    for (const below of Object.values(one)) open.push(below);
  }
  return texts;
}
