import { describe, expect, it } from "vitest";
import { digestOf } from "../../../src/core/digest.js";
import { type ComponentSide, diffComponents } from "../../../src/diff/components.js";
import type { SideComponent } from "../../../src/diff/side.js";
import type { ComponentChange } from "../../../src/diff/types.js";

/** One component, as an archive has it. */
function side(reference: string, more: Partial<SideComponent> = {}): ComponentSide {
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const component = {
    name: "app",
    required: true,
    method: "image",
    reason: "",
    image: {
      reference,
      platform: "linux/arm64",
      manifest: { mediaType, digest: digestOf(reference), size: 1 },
      config: { mediaType, digest: digestOf(`${reference} config`), size: 1 },
      layers: [],
    },
    ...more,
  } as SideComponent;
  return { components: [component], blobs: new Map(), isWhole: true };
}

function changeOf(old: ComponentSide, next: ComponentSide): ComponentChange | undefined {
  return diffComponents(old, next).changed[0];
}

function stepOf(old: string, next: string): string {
  const { step, direction } = changeOf(side(`app:${old}`), side(`app:${next}`)) ?? {};
  return [step, direction].filter((word) => word !== undefined).join(" ");
}

describe("what differs of a component", () => {
  it("shows no password of a smoke test", () => {
    const smoke = (run: readonly string[]): Partial<SideComponent> => ({
      smoke: [{ run, limit: 5 }],
    });
    const change = changeOf(
      side("app:1", smoke(["redis-cli", "-a", "openIM123", "ping"])),
      side("app:1", smoke(["sh", "-c", "app --password openIM456"])),
    );
    expect(change?.changes.map(({ key }) => key)).toEqual(["smoke[]", "smoke[]"]);
    expect(JSON.stringify(change)).not.toMatch(/openIM/);
  });

  it("tells how far versions are apart", () => {
    expect(stepOf("7.0.15-alpine", "7.2.4-alpine")).toBe("minor up");
    expect(stepOf("v3.8.3", "v3.8.1")).toBe("patch down");
    expect(stepOf("16-bookworm", "17")).toBe("major up");
    expect(stepOf("v1.2.3-rc.1", "v1.2.3-rc.2")).toBe("prerelease up");
    expect(stepOf("v1.2.3-rc.1", "v1.2.3")).not.toMatch(/none|down/);
    expect(stepOf("7.0.15-alpine", "7.0.15-bookworm")).toBe("none");
  });

  it("takes no date, sum or name for a version", () => {
    expect(stepOf("RELEASE.2024-01-11T07-46-16Z", "RELEASE.2024-05-10T01-41-38Z")).toBe("");
    expect(stepOf("2024-01-11", "2024-05-10")).toBe("");
    expect(stepOf("20240111", "20240510")).toBe("");
    expect(stepOf("sha-1234567", "sha-2345678")).toBe("");
    expect(stepOf("latest", "debian-12")).toBe("");
  });
});
