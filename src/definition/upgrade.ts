import { z } from "zod";
import { tagVersion } from "../core/tag-version.js";
import { imageTag } from "./image-name.js";
import { isMapping } from "./mapping.js";
import { promisesIn } from "./promises.js";
import type { Report } from "./report.js";
import { localized } from "./schema-parts.js";
import type { UpgradeLimit } from "./types.js";
import type { YamlFile } from "./yaml-file.js";

/** The schema of `upgrade` in components.yaml. */
export const upgradeLimit = z
  .strictObject({
    within: z
      .enum(["any", "major", "minor", "patch"], {
        error: "must be any, major, minor or patch",
      })
      .meta({
        description:
          "What must stay as it is: with major the repository and the major version, with minor the minor version too, with patch all three. A lower version is refused with each of them.",
      }),
    reason: localized.optional().meta({ description: "Why, for whoever is refused." }),
  })
  .refine(({ within, reason }) => within === "any" || reason !== undefined, {
    error: "must give a reason",
  });

export function toUpgradeLimit({ within, reason }: z.infer<typeof upgradeLimit>): UpgradeLimit {
  return { within, ...(reason === undefined ? {} : { reason }) };
}

/** A limit counts versions, so every image that it holds for has a tag that tells one. */
export function checkUpgradeLimits(file: YamlFile, report: Report): void {
  for (const { path, value, component } of promisesIn(file)) {
    const own = value["upgrade"];
    const limit = own ?? component["upgrade"];
    const within = isMapping(limit) ? limit["within"] : undefined;
    const { image } = value;
    if (typeof within !== "string" || within === "any" || typeof image !== "string") continue;
    const tag = imageTag(image);
    // Without a tag it floats, and that was reported.
    if (tag === undefined || tagVersion(tag) !== undefined) continue;
    report(
      own === undefined ? file.at([...path, "image"]) : file.at([...path, "upgrade", "within"]),
      `the tag of ${image} tells no version, which upgrade.within ${within} has to compare`,
      "Give the image a tag with a version like 7.0.15, or say within: any.",
    );
  }
}
