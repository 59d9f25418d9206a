import path from "node:path";
import type { Bundle } from "../bundle/reader.js";
import { projectName } from "../bundle/site-index.js";
import { redactorOf } from "../core/redactor.js";
import { EMULATED_FACTOR } from "./emulation.js";
import { installedSecrets, installerOptions, meaningOf } from "./installer.js";
import type { RehearseOptions } from "./options.js";
import type { PrivateHost } from "./private-host.js";
import type { Stage } from "./stage.js";
import type { InstallerStep } from "./types.js";

/** Bytes kept of what a command of the installer prints. */
const SAID_BYTES = 4 * 1024 * 1024;

/** What the installer works on. */
interface Scene {
  readonly host: PrivateHost;
  readonly stage: Stage;
  readonly emulated: boolean;
}

/** Calls install.sh, one command after another. */
export class Installer {
  readonly steps: InstallerStep[] = [];
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
  }

  get project(): string {
    return projectName(this.#bundle.manifest.name);
  }

  get home(): string {
    return path.join(this.#scene.stage.folder, "home");
  }

  /** @returns what it printed on standard output; empty when an earlier command has failed. */
  async run(command: string, ...more: readonly string[]): Promise<string> {
    if (this.failed !== undefined) return "";
    const { host, stage, emulated } = this.#scene;
    const { signal, timeout, settings: given } = this.#options;
    const common = installerOptions({
      home: this.home,
      dataDir: stage.dataDir,
      settings: this.#bundle.manifest.settings,
      values: stage.settings,
      given,
      timeout: Math.min(timeout * (emulated ? EMULATED_FACTOR : 1), 99_999),
      emulated,
    });
    const begin = performance.now();
    const script = path.join(stage.bundleDir, "install.sh");
    const end = await host.run(["sh", script, command, ...common, ...more], {
      signal,
      env: { ...host.env, POLL_SECONDS: "2" },
    });
    const code = end.code ?? 1;
    const seconds = Math.round((performance.now() - begin) / 100) / 10;
    this.steps.push({ command, code, seconds });
    this.#said.set(command, `${end.stdout}\n${end.stderr}`.slice(-SAID_BYTES));
    if (code !== 0) {
      this.failed = command;
      this.failure = `install.sh ${command} ended with exit code ${code}: ${meaningOf(code)}`;
    }
    return end.stdout;
  }

  ran(command: string): boolean {
    return this.#said.has(command);
  }

  said(command: string): string {
    return this.#said.get(command) ?? "";
  }

  async blank(): Promise<(text: string) => string> {
    const secrets = await installedSecrets(this.home, this.#bundle.manifest.settings);
    return redactorOf(secrets.values());
  }
}
