import { MANIFEST_FILE } from "../../bundle/paths.js";
import type { BundleManifest } from "../../bundle/types.js";
import { variablesIn } from "../../definition/interpolation.js";
import { isMapping } from "../../definition/mapping.js";
import { type ComposeFacts, environmentOf, listOf, placeOf, scalarText } from "../compose-facts.js";
import type { Finding } from "../report.js";
import { declareRules } from "../rule.js";

export const SECRETS = declareRules("compose", {
  error: {
    "compose/secret": "A password, token or key is written down, so that every site has the same.",
  },
});

/** Names whose value is a credential: MYSQL_ROOT_PASSWORD, SECRET, API_TOKEN, MINIO_SECRET_KEY. */
const CREDENTIAL = /(?:PASSWORD|PASSWD|(?:^|[_.-])(?:PASS|PWD|SECRET|TOKEN|KEY|CREDENTIALS?))$/i;
const NO_CREDENTIAL = /PUBLIC[_.-]KEY$|^(?:OLD)?PWD$/i;

/** Options of programs whose value is a credential; a cluster's token or a sort key is none. */
const OPTION =
  /^-{1,2}(?:[a-z0-9]+[_.-])*(?:password|passwd|requirepass|masterauth|secret|(?:secret|access|api|private|encryption)[_.-]?key|(?:access|auth|api|bearer)[_.-]?token|token)$/i;
const NO_OPTION = /cluster[_.-]token$/i;

/** Who logs in where, in an address. */
const LOGIN = /:\/\/[^\s/:@]{0,256}:([^\s/@]{1,1024})@/g;

/**
 * No credential is written down: it would be the same on every site, and known to whoever has the
 * archive. What was found is never shown.
 */
export function checkSecrets({ services }: ComposeFacts, manifest: BundleManifest): Finding[] {
  const findings: Finding[] = [];
  for (const service of services) {
    const add = (below: string, literal: string): void => {
      findings.push(
        SECRETS.finding("compose/secret", {
          ...placeOf(service, below),
          message: "Is written down, the same on every site.",
          found: `a value of ${literal.length} characters`,
          hint: "Declare a setting of type secret and refer to it.",
        }),
      );
    };
    for (const [name, text] of environmentOf(service.value)) {
      const literal = isCredential(name) ? literalIn(text) : loginIn(text);
      if (literal !== undefined) add(`.environment.${name}`, literal);
    }
    const check = service.value["healthcheck"];
    const commands = [
      [".command", service.value["command"]],
      [".entrypoint", service.value["entrypoint"]],
      [".healthcheck.test", isMapping(check) ? check["test"] : undefined],
    ] as const;
    for (const [below, command] of commands) {
      for (const literal of commandSecrets(command)) add(below, literal);
    }
  }
  for (const { name, type, default: value = "" } of manifest.settings) {
    if (type !== "secret" && !isCredential(name)) continue;
    const literal = type === "secret" && value !== "" ? value : literalIn(value);
    if (literal === undefined) continue;
    findings.push(
      SECRETS.finding("compose/secret", {
        subject: `${MANIFEST_FILE}: settings.${name}`,
        message: "Has a default, the same on every site.",
        found: `a value of ${literal.length} characters`,
        hint: "A setting of type secret has none: it is made on the site.",
      }),
    );
  }
  return findings;
}

function isCredential(name: string): boolean {
  return name.length <= 256 && CREDENTIAL.test(name) && !NO_CREDENTIAL.test(name);
}

function commandSecrets(command: unknown): string[] {
  const words = listOf(command).flatMap((part) => scalarText(part).split(/\s+/));
  const found: string[] = [];
  for (const [at, word] of words.entries()) {
    const login = loginIn(word);
    if (login !== undefined) found.push(login);
    const equals = word.indexOf("=");
    const option = equals < 0 ? word : word.slice(0, equals);
    if (option.length > 256 || !OPTION.test(option) || NO_OPTION.test(option)) continue;
    const value = equals < 0 ? (words[at + 1] ?? "") : word.slice(equals + 1);
    const literal = value.startsWith("-")
      ? undefined
      : literalIn(value.replace(/^["']|["']$/g, ""));
    if (literal !== undefined) found.push(literal);
  }
  return found;
}

/** What a value has that is not a setting's; nothing for a switch, a path, or a number of one digit. */
function literalIn(text: string): string | undefined {
  const { uses } = variablesIn(text);
  const fallback = uses.find((use) => (use.fallback ?? "") !== "" && !use.fallback?.includes("$"));
  if (fallback?.fallback !== undefined) return fallback.fallback;
  // A shell's own variable, `$$NAME` here, has its value from elsewhere.
  if (uses.length > 0 || text.includes("$$")) return undefined;
  return /^(?:|yes|no|true|false|on|off|none|null|\d|\.{0,2}\/.*)$/is.test(text) ? undefined : text;
}

function loginIn(text: string): string | undefined {
  for (const [, password = ""] of text.slice(0, 65_536).matchAll(LOGIN)) {
    const literal = literalIn(password);
    if (literal !== undefined) return literal;
  }
  return undefined;
}
