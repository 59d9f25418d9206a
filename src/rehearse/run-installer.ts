import path from "node:path";
import type { Bundle } from "../bundle/reader.js";
import { projectName } from "../bundle/site-index.js";
import { redactorOf } from "../core/redactor.js";
import { parsePlatform } from "../core/platform.js";
import { EMULATED_FACTOR, isForeignHere } from "./emulation.js";
import { installedSecrets, installerOptions, meaningOf } from "./installer.js";
import type { RehearseOptions } from "./options.js";
import type { OpenPlace } from "./place.js";
import type { Stage } from "./stage.js";
import type { InstallerStep } from "./types.js";

/** Bytes kept of what a command of the installer prints. */
const SAID_BYTES = 4 * 1024 * 1024;
/** Milliseconds between two looks of the installer at the services. */
const POLL_MS = 2000;

/** What the installer works on. */
interface Scene {
  readonly place: Pick<OpenPlace, "env" | "run">;
  readonly project: string;
  readonly stage: Stage;
  readonly emulated: boolean;
}

/** Calls install.sh, one command after another. */
export class Installer {
  readonly steps: InstallerStep[] = [];
  readonly home: string;
  readonly project: string;
  /** The command that failed first. */
  failed: string | undefined;
  failure: string | undefined;
  readonly #said = new Map<string, string>();
  readonly #bundle: Bundle;
  readonly #scene: Scene;
  readonly #options: RehearseOptions;

  constructor(bundle: Bundle, scene: Scene, options: RehearseOptions) {
    this.#bundle = bundle;
    this.#scene = scene;
    this.#options = options;
    this.home = path.join(scene.stage.folder, "home");
    this.project = scene.project;
  }

  /** Whether it worked; not run at all when an earlier command has failed. */
  async run(command: string, ...more: readonly string[]): Promise<boolean> {
    if (this.failed !== undefined) return false;
    const code = await this.#call(command, more);
    if (code === 0) return true;
    this.failed = command;
    this.failure = `install.sh ${command} ended with exit code ${code}: ${meaningOf(code)}`;
    return false;
  }

  /** The command that failed is run again. */
  async again(): Promise<boolean> {
    const command = this.failed;
    this.failed = undefined;
    this.failure = undefined;
    return command === undefined || this.run(command);
  }

  /** What `verify` prints as JSON; also after a failure, of what that has left there. */
  async receipt(): Promise<string> {
    if (!this.#said.has("load")) return "";
    if (this.failed === undefined) await this.run("verify", "--json");
    else await this.#call("verify", ["--json"]);
    return this.said("verify");
  }

  /** What a command printed. */
  said(command: string): string {
    return this.#said.get(command) ?? "";
  }

  async blank(): Promise<(text: string) => string> {
    const secrets = await installedSecrets(this.home, this.#bundle.manifest.settings);
    return redactorOf([...secrets.values(), ...this.#scene.stage.secrets.values()]);
  }

  async #call(command: string, more: readonly string[]): Promise<number> {
    const { place, project, stage, emulated } = this.#scene;
    const { signal, onEvent, timeout, interval = POLL_MS, settings: given } = this.#options;
    const { name, platform, settings } = this.#bundle.manifest;
    const options = installerOptions({
      home: this.home,
      dataDir: stage.dataDir,
      settings,
      values: stage.settings,
      given,
      timeout: Math.min(timeout * (emulated ? EMULATED_FACTOR : 1), 99_999),
      foreign: emulated || isForeignHere(parsePlatform(platform)),
    });
    const own = project === projectName(name) ? [] : ["--project", project];
    const begin = performance.now();
    const script = path.join(stage.bundleDir, "install.sh");
    const end = await place.run(["sh", script, command, ...options, ...own, ...more], {
      signal,
      env: { ...place.env, POLL_SECONDS: String(interval / 1000) },
      // Heard while the images are loaded; of services their own states tell more.
      onOutputLine: (line) =>
        onEvent({
          type: "item",
          phase: "load",
          name: "install.sh",
          state: "step",
          detail: line.trim(),
        }),
    });
    const code = end.code ?? 1;
    const seconds = Math.round((performance.now() - begin) / 100) / 10;
    this.steps.push({ command, code, seconds });
    // Only verify is asked for a document.
    const said = command === "verify" ? end.stdout : `${end.stdout}\n${end.stderr}`;
    this.#said.set(command, said.slice(-SAID_BYTES));
    return code;
  }
}
