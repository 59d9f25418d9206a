import path from "node:path";
import { nearest } from "../core/nearest.js";
import { Command, Flags, type Interfaces, ux } from "@oclif/core";
import {
  BundlerError,
  type ErrorCode,
  EXIT_CODES,
  isAbort,
  messageOf,
  redact,
} from "../core/errors.js";
import { type BundlerEvent, type EventSink, noEvents } from "../core/events.js";
import type { Definition } from "../definition/types.js";
import type { CreateOptions } from "../jobs/create.js";
import type { OwnParts } from "../verify/verify.js";
import type { NetworkOptions } from "../http/network.js";
import type { JobOptions } from "../jobs/job.js";
import { type NetworkFlagValues, readMirrors } from "./selection-flags.js";
import type { ExpectedPhase } from "../ui/progress.js";
import { printable, printableJson } from "../core/invisible.js";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;
const SHOW_CURSOR = "\u001b[?25h";

/** What `--json` prints when a command fails. */
export interface JsonError {
  readonly error: {
    readonly code: ErrorCode;
    readonly exitCode: number;
    readonly message: string;
    readonly hint?: string;
    readonly details?: Readonly<Record<string, unknown>>;
  };
}

/**
 * What all commands share: `--json`, errors as exit codes and hints, signals as an AbortSignal,
 * progress on stderr so that stdout is the result alone.
 */
export abstract class BaseCommand extends Command {
  static override enableJsonFlag = true;
  static override baseFlags = {
    quiet: Flags.boolean({ char: "q", summary: "Print no progress.", helpGroup: "GLOBAL" }),
  };

  readonly #abort = new AbortController();
  #interruptedBy: NodeJS.Signals | undefined;
  #quiet = false;

  /** Fires on SIGINT and SIGTERM. */
  protected get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** The definitions that come with the package. */
  protected get bundlesDir(): string {
    return path.join(this.config.root, "bundles");
  }

  /** The definition that a BUNDLE argument means. @throws BundlerError USAGE, DEFINITION. */
  protected async loadBundle(argument: string | undefined): Promise<Definition> {
    const [{ loadDefinition }, { resolveBundle }] = await Promise.all([
      import("../definition/definition.js"),
      import("../definition/bundles.js"),
    ]);
    return loadDefinition(await resolveBundle(argument, this.bundlesDir));
  }

  /** What goes into an archive beside the definition: the site's scripts, and who made it. */
  protected get packaging(): Pick<CreateOptions, "templatesDir" | "tool"> {
    const { root, name, version } = this.config;
    return { templatesDir: path.join(root, "templates", "site"), tool: { name, version } };
  }

  /** What this version puts into its archives, for verify to compare. */
  protected get ownParts(): OwnParts {
    const { templatesDir, tool } = this.packaging;
    return { version: tool.version, templatesDir };
  }

  /** The build recipes that come with the package. */
  protected get recipesDir(): string {
    return path.join(this.config.root, "templates", "build");
  }

  /** The store's folder: the one given, or one in the user's cache folder. */
  protected storeDir(given?: string): string {
    return path.resolve(
      given === undefined || given === "" ? path.join(this.config.cacheDir, "store") : given,
    );
  }

  /** How the network may be used. */
  protected network({ insecure = [], ca = [] }: Partial<NetworkFlagValues>): NetworkOptions {
    return {
      insecure: new Set(insecure),
      caFiles: ca,
      env: process.env,
      userAgent: `${this.config.name}/${this.config.version}`,
    };
  }

  /** How registries and the store are reached, from the flags that all such commands share. */
  protected jobOptions(flags: NetworkFlagValues, onEvent: EventSink): JobOptions {
    return {
      storeDir: this.storeDir(flags.store),
      recipesDir: this.recipesDir,
      mirrors: readMirrors(flags.mirror),
      requestsPerHost: flags.concurrency,
      network: this.network(flags),
      signal: this.signal,
      onEvent,
    };
  }

  override async init(): Promise<void> {
    await super.init();
    for (const name of SIGNALS) process.on(name, this.#onSignal);
  }

  readonly #onSignal = (name: NodeJS.Signals): void => {
    // The second signal means it: whatever is on disk by then is safe to find.
    if (this.#interruptedBy !== undefined) {
      if (process.stderr.isTTY) process.stderr.write(SHOW_CURSOR);
      for (const one of SIGNALS) process.removeListener(one, this.#onSignal);
      // process.exit would wait for a read that hangs.
      process.kill(process.pid, name);
      return;
    }
    this.#interruptedBy = name;
    this.#abort.abort(new BundlerError("INTERRUPTED", `Stopped by ${name}.`));
  };

  override logJson(json: unknown): void {
    ux.stdout(printableJson(json));
  }

  protected override async parse<
    F extends Interfaces.OutputFlags<Interfaces.FlagInput>,
    B extends Interfaces.OutputFlags<Interfaces.FlagInput>,
    A extends Interfaces.OutputArgs<Interfaces.ArgInput>,
  >(
    options?: Interfaces.Input<F, B, A>,
    argv?: string[],
  ): Promise<Interfaces.ParserOutput<F, B, A>> {
    const parsed = await super.parse(options, argv);
    this.#quiet = (parsed.flags as { quiet?: boolean }).quiet === true;
    return parsed;
  }

  /** Runs a job and shows its events as progress, unless --quiet or --json. */
  protected async withProgress<T>(
    phases: readonly ExpectedPhase[],
    job: (onEvent: EventSink) => Promise<T>,
  ): Promise<T> {
    if (this.jsonEnabled() || this.#quiet) return job(noEvents);
    const { startProgress } = await import("../ui/progress.js");
    const progress = startProgress({ phases, stream: process.stderr, env: process.env });
    try {
      const result = await job((event: BundlerEvent) => progress.onEvent(event));
      await progress.end();
      return result;
    } catch (error) {
      await progress.end(true);
      throw error;
    }
  }

  /** Prints a line of the result; control characters in it cannot reach the terminal. */
  protected say(text = ""): void {
    this.log(printable(text));
  }

  /** Columns for tables: the terminal's, or enough for a log. */
  protected get width(): number {
    return (process.stdout.isTTY && process.stdout.columns) || 160;
  }

  /** The exit code for a result that is a finding and not an error: `verify` uses it. */
  protected finishWith(code: ErrorCode): void {
    process.exitCode = EXIT_CODES[code];
  }

  protected override catch(error: unknown): Promise<void> {
    const failure = this.#asFailure(error);
    // oclif's own requests to stop, for --help and --version.
    if (failure === undefined) throw error;
    process.exitCode = failure.error.exitCode;
    if (this.jsonEnabled()) {
      this.logJson(failure);
    } else {
      const { code, message, hint } = failure.error;
      const lines = [`Error (${code}): ${message}`, ...(hint === undefined ? [] : [`  → ${hint}`])];
      this.logToStderr(printable(lines.join("\n")));
      if (process.env["DEBUG"] && error instanceof Error)
        this.logToStderr(printable(redact(error.stack ?? "")));
    }
    return Promise.resolve();
  }

  #asFailure(error: unknown): JsonError | undefined {
    if (this.#interruptedBy !== undefined && (isAbort(error) || !(error instanceof BundlerError))) {
      return this.#failure(
        "INTERRUPTED",
        `Stopped by ${this.#interruptedBy}. Nothing unfinished was left under a final name.`,
        (error instanceof BundlerError ? error.hint : undefined) ??
          "Finished downloads and partial ones are kept in the store; run the same command again to go on from there.",
        error instanceof BundlerError ? error.details : undefined,
      );
    }
    if (error instanceof BundlerError) {
      const { code, message, hint, details } = error;
      return this.#failure(code, message, hint, details);
    }
    if (error instanceof Error && "oclif" in error) {
      const { exit } = error.oclif as { exit?: number };
      if (exit === 0 || error.constructor.name === "ExitError") return undefined;
      return this.#failure(
        "USAGE",
        usageMessage(error.message),
        this.#meantFlag(error) ??
          `See openim-bundler ${this.id?.replaceAll(":", " ") ?? ""} --help.`,
      );
    }
    return this.#failure(
      "INTERNAL",
      messageOf(error),
      "This is a defect of openim-bundler. Run again with DEBUG=* and report what it prints.",
    );
  }

  /** Which flag a misspelt one may have been. */
  #meantFlag(error: Error): string | undefined {
    const flagsOf: readonly unknown[] =
      "flags" in error && Array.isArray(error.flags) ? error.flags : [];
    const [misspelt] = flagsOf;
    if (typeof misspelt !== "string" || !misspelt.startsWith("--")) return undefined;
    const { flags, baseFlags } = this.ctor;
    const names = [...Object.keys({ ...baseFlags, ...flags }), "json", "help"];
    const near = nearest(misspelt.slice(2), names);
    return near === undefined ? undefined : `Did you mean "--${near}"?`;
  }

  #failure(
    code: ErrorCode,
    message: string,
    hint?: string,
    details?: Readonly<Record<string, unknown>>,
  ): JsonError {
    return {
      error: {
        code,
        exitCode: EXIT_CODES[code],
        message: redact(message),
        ...(hint === undefined ? {} : { hint: redact(hint) }),
        ...(details === undefined || Object.keys(details).length === 0 ? {} : { details }),
      },
    };
  }
}

/** oclif's words without its frame around them. */
function usageMessage(text: string): string {
  return text
    .replace(/^The following errors? occurred:\s*/, "")
    .replace(/\s*See more help with --help\s*$/, "")
    .replace(/\s*Note: --[^\n]* multiple values\.[^]*$/, "")
    .trim()
    .replace(/\n\s*/g, "\n  ");
}
