import { layerHistory } from "../../walk/history.js";
import type { WalkedImage } from "../../walk/types.js";
import type { Finding } from "../report.js";
import type { Rules } from "../rule.js";

/** Of one rule and image; a report with more is read by nobody, and an archive could ask for millions. */
const MAX_OF_RULE = 1000;

/** A file that a rule has something to say about. */
export interface AboutFile {
  /** Without a slash before it. */
  readonly path: string;
  /** Index into the image's layers. */
  readonly layer?: number;
  readonly message: string;
  /** Where it is another than the rule's own. */
  readonly severity?: Finding["severity"];
  readonly expected?: string;
  readonly found?: string;
  readonly hint?: string;
}

/** Collects findings about an image's files, each with its layer and what made that. */
export class ProgramFindings {
  readonly findings: Finding[] = [];
  readonly #image: WalkedImage;
  readonly #history: readonly string[];
  /** Findings by rule and severity, those beyond the limit too. */
  readonly #counts = new Map<
    string,
    { rule: string; severity: Finding["severity"]; count: number }
  >();

  constructor(image: WalkedImage) {
    this.#image = image;
    this.#history = layerHistory(image);
  }

  add<Id extends string>(
    { finding }: Rules<Id>,
    rule: Id,
    { path, layer, severity, ...facts }: AboutFile,
  ): void {
    const digest = layer === undefined ? undefined : this.#image.layers[layer]?.digest;
    const history = layer === undefined ? "" : (this.#history[layer] ?? "");
    const made: Finding = {
      ...finding(rule, {
        component: this.#image.component,
        subject: `/${path}`,
        path,
        ...facts,
        ...(digest === undefined ? {} : { layer: digest }),
        ...(history === "" ? {} : { history }),
      }),
      ...(severity === undefined ? {} : { severity }),
    };
    const key = `${rule} ${made.severity}`;
    const counted = this.#counts.get(key) ?? { rule, severity: made.severity, count: 0 };
    this.#counts.set(key, { ...counted, count: counted.count + 1 });
    if (counted.count < MAX_OF_RULE) this.findings.push(made);
  }

  /** All findings; what is beyond the limit is counted in one that no waiver of a path fits. */
  all(): readonly Finding[] {
    const beyond = [...this.#counts.values()]
      .filter(({ count }) => count > MAX_OF_RULE)
      .map(({ rule, severity, count }) => ({
        rule,
        severity,
        component: this.#image.component,
        subject: this.#image.image.reference,
        message: `There are ${count - MAX_OF_RULE} more files like these.`,
      }));
    return [...this.findings, ...beyond];
  }
}
