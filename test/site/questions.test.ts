import { spawn } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { SHELLS, type Site, finished, which, withSite } from "./bundle.js";
import { withInstalled } from "./installed.js";

/** util-linux's `script`: the terminal that questions are asked on. */
const [script] = which("script") ?? [];
const [shell = "/bin/sh"] = SHELLS["dash"] ?? [];

/** Calls install.sh on a terminal, with what somebody types there. */
async function typed(site: Site, args: readonly string[], answers: readonly string[]) {
  const quoted = [shell, join(site.root, "install.sh"), "--home", site.home, ...args]
    .map((word) => `'${word}'`)
    .join(" ");
  const child = spawn(script ?? "script", ["-qec", quoted, "/dev/null"], {
    cwd: site.dir,
    env: site.environment(),
    stdio: ["pipe", "pipe", "pipe"],
  });
  const end = finished(child);
  child.stdin.end(answers.map((answer) => `${answer}\n`).join(""));
  return end;
}

describe.skipIf(script === undefined)("install.sh on a terminal", () => {
  it.concurrent(
    "asks for the settings, takes Enter for what is shown, and asks again for what does not fit",
    withSite(async (site) => {
      // DATA_DIR, HOST_ADDRESS, API_PORT twice, TZ
      const result = await typed(site, ["configure"], ["", "im.example.cn", "port", "20002", ""]);
      expect(result.code, result.stdout).toBe(0);
      expect(result.stdout).toContain("Address of this host.");
      expect(result.stdout).toContain("API_PORT must be a port");
      expect(result.stdout).not.toContain("MYSQL_PASSWORD:");
      expect(await site.call(["load"])).toMatchObject({ code: 0 });
      expect(await site.call(["up"])).toMatchObject({ code: 0 });
      const env = await site.settings();
      expect(env).toContain("HOST_ADDRESS=im.example.cn\n");
      expect(env).toContain("API_PORT=20002\n");
      expect(env).toContain("TZ=Asia/Shanghai\n");
    }),
  );

  it.concurrent(
    "takes no for an answer, and the project's name for the data",
    withInstalled(async (site) => {
      const no = await typed(site, ["uninstall"], ["n"]);
      expect(no.code).toBe(2);
      expect(no.stdout).toContain("Not confirmed: nothing was changed.");
      const other = await typed(site, ["uninstall", "--purge"], ["opemin"]);
      expect(other.code).toBe(2);
      expect(await site.changes()).toEqual([]);
      const yes = await typed(site, ["uninstall", "--purge"], ["openim"]);
      expect(yes.code, yes.stdout).toBe(0);
      expect(yes.stdout).toContain("UNINSTALLED: openim, with all its data.");
    }),
  );
});
