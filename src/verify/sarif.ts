import { createHash } from "node:crypto";
import { isAbsolute } from "node:path";
import { pathToFileURL } from "node:url";
import { EXIT_CODES } from "../core/errors.js";
import { printable, printableJson, visible } from "../core/invisible.js";
import type { Finding, VerifyReport } from "./report.js";
import { RULES } from "./rules.js";

/** Who wrote the log. */
export interface SarifTool {
  readonly name: string;
  readonly version: string;
}

/**
 * A report as a SARIF 2.1.0 log: one run with every rule, a result for each finding, located in the
 * archive and, as a logical location, at its component and subject. What is waived is suppressed with
 * its reason (section 3.35).
 */
export function formatSarif(report: VerifyReport, tool: SarifTool): string {
  const uri = uriOf(report.archive);
  const indexes = new Map<string, number>(RULES.map(({ id }, index) => [id, index]));
  const log = {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: {
          driver: {
            name: tool.name,
            version: tool.version,
            rules: RULES.map(({ id, says, severity, group }) => ({
              id,
              shortDescription: { text: says },
              defaultConfiguration: {
                level: severity,
                ...(report.off.includes(id) ? { enabled: false } : {}),
              },
              properties: { tags: [group] },
            })),
          },
        },
        invocations: [{ executionSuccessful: true, exitCode: report.ok ? 0 : EXIT_CODES.VERIFY }],
        artifacts: [{ location: { uri }, length: report.checked.bytes }],
        results: report.findings.map((one) => ({
          ruleId: one.rule,
          ...(indexes.has(one.rule) ? { ruleIndex: indexes.get(one.rule) } : {}),
          level: one.waived?.severity ?? one.severity,
          message: { text: messageOf(one) },
          locations: [
            {
              physicalLocation: { artifactLocation: { uri, index: 0 } },
              logicalLocations: [
                {
                  fullyQualifiedName: visible(
                    [one.component, one.subject, one.path].filter(Boolean).join(" › "),
                  ),
                },
              ],
            },
          ],
          partialFingerprints: { "findingHash/v1": fingerprint(one) },
          ...(one.waived === undefined
            ? {}
            : {
                suppressions: [
                  {
                    kind: "external",
                    status: "accepted",
                    justification: printable(one.waived.reason),
                  },
                ],
              }),
        })),
      },
    ],
  };
  return `${printableJson(log)}\n`;
}

function messageOf({ subject, message, expected, found, history, hint }: Finding): string {
  const text = [
    `${subject}: ${message}`,
    ...(expected === undefined ? [] : [`Expected: ${expected}`]),
    ...(found === undefined ? [] : [`Found: ${found}`]),
    ...(history === undefined ? [] : [`Layer: ${history}`]),
    ...(hint === undefined ? [] : [hint]),
  ].join("\n");
  // What an archive says must not become a link in a viewer (section 3.11.6).
  return printable(text).replaceAll("](", "] (");
}

/** The same finding of the next run, whatever its numbers are by then. */
function fingerprint({ rule, component, subject, path }: Finding): string {
  return createHash("sha256")
    .update(JSON.stringify([rule, component, subject, path]))
    .digest("hex");
}

/** RFC 3986: a relative reference for a relative path. */
function uriOf(path: string): string {
  if (isAbsolute(path)) return pathToFileURL(path).href;
  const encoded = Buffer.from(path).toString("utf8").split("/").map(encodeURIComponent).join("/");
  return encoded === "" ? "archive" : encoded;
}
