import { expect } from "vitest";
import { SHELL, Site } from "./bundle.js";

/** So many sites at most are kept for each shell; more would only be more installations. */
const MOST = 2;

/** Sites with an installation that came up. Each test gets one as it was then. */
class InstalledSites {
  readonly #free: Site[] = [];
  readonly #waiting: ((site: Site) => void)[] = [];
  #made = 0;

  constructor(private readonly shell: readonly string[]) {}

  async take(): Promise<Site> {
    if (this.#free.length === 0 && this.#made < MOST) {
      this.#made += 1;
      try {
        return await this.#make();
      } catch (error) {
        this.#made -= 1;
        throw error;
      }
    }
    const site =
      this.#free.pop() ?? (await new Promise<Site>((resolve) => this.#waiting.push(resolve)));
    await site.restore();
    return site;
  }

  give(site: Site): void {
    const next = this.#waiting.shift();
    if (next) next(site);
    else this.#free.push(site);
  }

  async #make(): Promise<Site> {
    const site = await Site.create(this.shell);
    expect(await site.run()).toMatchObject({ code: 0, stderr: "" });
    await site.forget();
    await site.save();
    return site;
  }
}

const kept = new Map<string, InstalledSites>();

/** A test's body that gets a site where the bundle is installed and the engine's calls are forgotten. */
export function withInstalled(
  body: (site: Site) => Promise<void>,
  { shell = SHELL }: { shell?: readonly string[] } = {},
): () => Promise<void> {
  const key = shell.join(" ");
  const sites = kept.get(key) ?? new InstalledSites(shell);
  kept.set(key, sites);
  return async () => {
    const site = await sites.take();
    try {
      await body(site);
    } finally {
      sites.give(site);
    }
  };
}
