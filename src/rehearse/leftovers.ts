import { rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { ANSWER_MS, type Docker, lastWords } from "../engine/docker.js";
import { messageOf, systemCode } from "../core/errors.js";
import { shellCommand } from "../core/shell-command.js";
import type { Leftover, TakenAway } from "./types.js";

/** Images that are asked whether they have a program that removes files. */
const HELPERS = 4;
/** How often is looked whether anything is left. */
const ROUNDS = 4;
/** Milliseconds until an engine whose client was stopped has noticed. */
const SETTLE_MS = 1000;
/** Milliseconds for all services to stop. */
const STOP_MS = 120_000;
/** Folders of a rehearsal that services write into. */
const WRITTEN = ["data", "instead-of-host"];
const ABSENT = /no such image/i;
const KINDS = [
  ["container", ["ps", "-aq", "--no-trunc"], ["rm", "-f", "-v"]],
  ["network", ["network", "ls", "-q", "--no-trunc"], ["network", "rm"]],
  ["volume", ["volume", "ls", "-q"], ["volume", "rm"]],
] as const;

/**
 * Knows what a rehearsal has brought into an engine and onto the disk, and takes it away again. Each
 * thing is noted before it is made, so that an interruption at any moment leaves nothing out.
 */
export class Leftovers {
  readonly #docker: Docker;
  readonly #project: string;
  readonly #folder: string;
  readonly #images = new Set<string>();
  readonly #guards = new Map<string, string>();
  #started = false;

  constructor(docker: Docker, { project, folder }: { project: string; folder: string }) {
    this.#docker = docker;
    this.#project = project;
    this.#folder = folder;
  }

  /** An image that is loaded under this name, which was free. */
  image(reference: string): void {
    this.#images.add(reference);
  }

  /** An image that is loaded in the place of another one, which is called `guard` meanwhile. */
  guard(reference: string, guard: string): void {
    this.#guards.set(reference, guard);
  }

  hasImage(reference: string): boolean {
    return this.#images.has(reference) || this.#guards.has(reference);
  }

  /** From now on there may be containers. */
  services(): void {
    this.#started = true;
  }

  /**
   * Takes everything away and tells what it was. Never throws, and heeds no interruption: whoever has
   * no patience interrupts twice.
   */
  async takeAway({ keep }: { readonly keep: boolean }): Promise<TakenAway> {
    const left: Leftover[] = [];
    const counts = { container: 0, network: 0, volume: 0 };
    if (this.#started) {
      for (const [kind, list, remove] of KINDS) {
        const result = await this.#removeAll(kind, list, remove);
        counts[kind] = result.count;
        left.push(...result.left);
      }
    }
    // While there are images: the engine may remove what its containers wrote, and this user may not.
    const folders = await this.#removeFolder(left);
    const images = await this.#removeImages(keep, left);
    const { container: containers, network: networks, volume: volumes } = counts;
    const kept = keep ? [...this.#images] : [];
    return { containers, networks, volumes, images, folders, kept, left };
  }

  async #removeAll(
    kind: (typeof KINDS)[number][0],
    list: readonly string[],
    remove: readonly string[],
  ): Promise<{ readonly count: number; readonly left: readonly Leftover[] }> {
    const filter = `label=com.docker.compose.project=${this.#project}`;
    const gone = new Set<string>();
    let there: readonly string[] = [];
    let why: string | undefined;
    // A command that was interrupted may have left the engine with work that it goes on with.
    for (let round = 0; round < ROUNDS; round += 1) {
      there = await this.#ids([...list, "--filter", filter]);
      if (there.length === 0) break;
      for (const id of there) gone.add(id);
      why = await this.#run([...remove, ...there], STOP_MS);
    }
    for (const id of there) gone.delete(id);
    return {
      count: gone.size,
      left: there.map((name) => ({
        kind,
        name,
        why: why ?? "it is still there",
        mend: shellCommand(["docker", ...remove, name]),
      })),
    };
  }

  async #removeImages(keep: boolean, left: Leftover[]): Promise<number> {
    let count = 0;
    let patience = true;
    const remove = async (name: string): Promise<void> => {
      let why = await this.#run(["image", "rm", name]);
      if (patience && why !== undefined && ABSENT.test(why)) {
        // An interrupted load may come to its end behind our back.
        patience = false;
        await sleep(SETTLE_MS);
        why = await this.#run(["image", "rm", name]);
      }
      // It may never have come so far as to be there.
      if (why === undefined) count += 1;
      else if (!ABSENT.test(why)) {
        left.push({
          kind: "image",
          name,
          why,
          mend: shellCommand(["docker", "image", "rm", name]),
        });
      }
    };
    if (!keep) for (const reference of this.#images) await remove(reference);
    for (const [reference, guard] of this.#guards) {
      // First away with the bundle's image, which would stay without a name.
      await remove(reference);
      const why = await this.#run(["tag", guard, reference]);
      if (why === undefined) {
        await this.#run(["image", "rm", guard]);
        continue;
      }
      const mend = shellCommand(["docker", "tag", guard, reference]);
      left.push({ kind: "image", name: reference, why: `it is not the earlier one: ${why}`, mend });
    }
    return count;
  }

  async #removeFolder(left: Leftover[]): Promise<number> {
    const folder = this.#folder;
    let failure = await removeTree(folder);
    for (const image of [...this.#images].slice(0, HELPERS)) {
      if (failure === undefined) return 1;
      const inside = ["--volume", `${folder}:/rehearsal`, "--entrypoint", "rm", image];
      const alone = ["--rm", "--pull", "never", "--network", "none", "--user", "0"];
      const written = WRITTEN.map((name) => `/rehearsal/${name}`);
      await this.#run(["run", ...alone, ...inside, "-rf", ...written]);
      failure = await removeTree(folder);
    }
    if (failure === undefined) return 1;
    left.push({
      kind: "folder",
      name: folder,
      why: failure,
      mend: shellCommand(["sudo", "rm", "-rf", folder]),
    });
    return 0;
  }

  async #ids(args: readonly string[]): Promise<readonly string[]> {
    const end = await this.#end(args, ANSWER_MS);
    return typeof end === "string" ? [] : end.stdout.split(/\s+/).filter((id) => id !== "");
  }

  /** Why it did not work; undefined when it did. */
  async #run(args: readonly string[], timeout = ANSWER_MS): Promise<string | undefined> {
    const end = await this.#end(args, timeout);
    if (typeof end === "string") return end;
    return end.code === 0 ? undefined : lastWords(end);
  }

  async #end(
    args: readonly string[],
    timeout: number,
  ): Promise<Awaited<ReturnType<Docker["run"]>> | string> {
    try {
      return await this.#docker.run(args, { signal: new AbortController().signal, timeout });
    } catch (error) {
      return messageOf(error);
    }
  }
}

/** Removes a folder with all that is in it; tells why when that does not work. */
export async function removeTree(folder: string): Promise<string | undefined> {
  try {
    await rm(folder, { recursive: true, force: true, maxRetries: 3, retryDelay: 200 });
    return undefined;
  } catch (error) {
    return ["EACCES", "EPERM"].includes(systemCode(error) ?? "")
      ? "services wrote into it as other users"
      : messageOf(error);
  }
}
