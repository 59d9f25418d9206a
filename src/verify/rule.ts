import type { Finding, Severity } from "./report.js";

/** What a rule looks at; the order is that of the documentation. */
export const RULE_GROUPS = [
  "structure",
  "sums",
  "manifest",
  "image",
  "programs",
  "sbom",
  "compose",
  "scripts",
  "table",
  "host",
  "config",
] as const;

type RuleGroup = (typeof RULE_GROUPS)[number];

/** One thing that `verify` looks for. */
export interface Rule<Id extends string = string> {
  /** Stable: `sums/mismatch`. */
  readonly id: Id;
  readonly group: RuleGroup;
  /** Of its findings, unless a configuration says otherwise. */
  readonly severity: Severity;
  /** What it finds, in a sentence. */
  readonly says: string;
  /** Asked with `--deep` alone, which looks inside the layers. */
  readonly deep: boolean;
}

/** The rules that one check declares. */
export interface Rules<Id extends string, Usable extends string = Id> {
  readonly rules: readonly Rule<Id>[];
  /** A finding of one of them, or of one that it uses of others, with the rule's own severity. */
  readonly finding: (id: Usable, facts: Omit<Finding, "rule" | "severity">) => Finding;
}

/** The ids that a check's findings may have. */
export type RuleIdOf<R extends { readonly finding: (id: never, facts: never) => Finding }> =
  Parameters<R["finding"]>[0];

/** What rules find, by their ids. */
type Sentences = Readonly<Record<string, string>>;

/** The ids below all severities. */
type IdsOf<S> = { [K in keyof S]: keyof S[K] & string }[keyof S];

/** Declares rules beside the check that asks them; `src/verify/rules.ts` gathers them all. */
export function declareRules<
  const S extends Readonly<Partial<Record<Severity, Sentences>>>,
  Used extends string = never,
>(
  group: RuleGroup,
  sentences: S,
  {
    deep = false,
    using = [],
  }: {
    readonly deep?: boolean;
    /** Other checks whose rules are asked here too. */
    readonly using?: readonly { readonly rules: readonly Rule<Used>[] }[];
  } = {},
): Rules<IdsOf<S>, IdsOf<S> | Used> {
  const rules = Object.entries<Sentences>(sentences).flatMap(([severity, ofSeverity]) =>
    Object.entries(ofSeverity).map(([id, says]) => ({
      id: id as IdsOf<S>,
      group,
      severity: severity as Severity,
      says,
      deep,
    })),
  );
  const severities = new Map<string, Severity>(
    [...rules, ...using.flatMap((other) => other.rules)].map(({ id, severity }) => [id, severity]),
  );
  return {
    rules,
    finding: (id, facts) => {
      const severity = severities.get(id);
      if (severity === undefined) throw new Error(`The rule ${id} is not declared here.`);
      return { rule: id, severity, ...facts };
    },
  };
}
