import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { digestOf } from "../../src/core/digest.js";
import { withSite } from "./bundle.js";

describe("install.sh with a registry of the site", () => {
  it.concurrent(
    "pushes to the site's registry and runs from there",
    withSite(async (site) => {
      const result = await site.call(["load", "--registry", "reg.example:5000/im"]);
      expect(result).toMatchObject({ code: 0, stderr: "" });
      expect(await site.changes()).toContain("push reg.example:5000/im/library/redis:7.0.15");
      expect(await site.run()).toMatchObject({ code: 0, stderr: "" });
      const compose = await site.kept("current/.registry.yaml");
      expect(compose).toContain("    image: reg.example:5000/im/openim/open_im_server:v2.3.9\n");
      expect(compose).not.toMatch(/docker\.io|never/);
      expect(await site.changes()).toContain(
        "compose -p openim -f .registry.yaml up -d --remove-orphans",
      );
      expect(await site.call(["verify"])).toMatchObject({ code: 0, stderr: "" });
      expect(await site.call(["load", "--registry", "http://reg"])).toMatchObject({ code: 2 });
      const refused = await site.call(["load", "--registry", "other.example"], {
        env: { FAKE_PUSH_FAILS: "1" },
      });
      expect(refused.code).toBe(7);
      expect(refused.stderr).toContain("Log in with the engine first");
    }),
  );

  it.concurrent(
    "pushes what an upgrade brings to the same registry, and goes back to the older images",
    withSite(async (site) => {
      expect(await site.call(["load", "--registry", "reg.example/im"])).toMatchObject({ code: 0 });
      expect(await site.run()).toMatchObject({ code: 0, stderr: "" });
      const image = await site.runs("redis");
      await site.forget();
      const newer = await site.newer("2.4.0", (manifest) => ({
        ...manifest,
        components: manifest.components.map((component) =>
          component.name === "redis"
            ? {
                ...component,
                image: {
                  ...component.image,
                  config: { ...component.image.config, digest: digestOf("redis rebuilt") },
                },
              }
            : component,
        ),
      }));
      const failed = await newer.call(["upgrade", "--yes"], { env: { FAKE_PUSH_FAILS: "1" } });
      expect(failed.code).toBe(7);
      expect(await site.call(["status"])).toMatchObject({ code: 0 });

      expect(await newer.call(["upgrade", "--yes"])).toMatchObject({ code: 0, stderr: "" });
      expect(await site.changes()).toContain("push reg.example/im/library/redis:7.0.15");
      expect(await site.kept("current/.registry.yaml")).toContain("reg.example/im/library/redis");
      expect(await site.runs("redis")).toBe(digestOf("redis rebuilt"));
      expect(await site.call(["verify"])).toMatchObject({ code: 0, stderr: "" });

      const back = await site.call(["rollback", "--yes"], { installed: true });
      expect(back).toMatchObject({ code: 0, stderr: "" });
      expect(await site.runs("redis")).toBe(image);
    }),
  );

  it.concurrent(
    "loads and pushes once more what somebody removed here",
    withSite(async (site) => {
      const load = ["load", "--registry", "reg.example"];
      expect(await site.call(load)).toMatchObject({ code: 0, stderr: "" });
      for (const args of [load, ["install", "--host-address", "10.0.0.5"]]) {
        for (const image of await readdir(join(site.state, "images"))) {
          await rm(join(site.state, "images", image));
        }
        expect(await site.call(args)).toMatchObject({ code: 0, stderr: "" });
      }
    }),
  );
});
