import type { Bundle } from "../bundle/reader.js";
import type { Docker } from "../engine/docker.js";
import type { Engine } from "../engine/find-engine.js";
import type { ProgramEnd, ProgramOptions } from "../core/spawn.js";
import type { ComposeModel } from "./model.js";
import type { Stage } from "./stage.js";
import type { Rehearsal, TakenAway } from "./types.js";

/** Runs a program where the installer is rehearsed. */
export type Run = (
  command: readonly string[],
  options: Pick<ProgramOptions, "signal" | "env" | "onOutputLine">,
) => Promise<ProgramEnd>;

/** Where the bundle's installer is rehearsed: all that differs between an engine at hand and a private one. */
export interface Place {
  readonly way: Rehearsal["way"];
  /** Services may have the host's network: it is not this machine's. */
  readonly hostNetwork: boolean;
  /** The compose project that the containers belong to. */
  readonly project: string;
  /** Brings up what has to be there before anything can be asked. @throws BundlerError BUILDER. */
  open(): Promise<OpenPlace>;
  /** Takes away all that the rehearsal has made; never throws, and heeds no interruption. */
  takeAway(): Promise<TakenAway>;
}

/** The installer that has run, as far as a place deals with it. */
export interface PlacedInstaller {
  readonly home: string;
  readonly project: string;
  /** Calls another of its commands. @returns whether that went well. */
  run(command: string, ...more: readonly string[]): Promise<boolean>;
}

export interface OpenPlace {
  readonly docker: Docker;
  /** For the installer. */
  readonly env: NodeJS.ProcessEnv;
  readonly run: Run;
  /** Makes an extracted copy of the bundle fit for this place. @throws BundlerError REHEARSAL. */
  fit(copy: Copy): Promise<Fitted>;
  /** After all went well. @returns why that is no success all the same. */
  end(installer: PlacedInstaller): Promise<readonly string[]>;
}

export interface Copy {
  readonly bundle: Bundle;
  readonly stage: Stage;
  readonly engine: Engine;
  readonly model: ComposeModel;
  /** Services that are not started, each with the reason. */
  readonly skipped: ReadonlyMap<string, string>;
}

export interface Fitted {
  /** What was changed, in words. */
  readonly changes: readonly string[];
  /** Components whose image the engine had before. */
  readonly before: ReadonlySet<string>;
  /** Smoke tests that cannot be run here, each with the reason, by component and the test's number. */
  readonly unasked: ReadonlyMap<string, ReadonlyMap<number, string>>;
  /** Makes the copy fit after what `up` said when it failed; undefined where that is no help. */
  refit?(said: string): Promise<Fitted | undefined>;
}
