import { expect, it } from "vitest";
import { tagVersion } from "../../../src/core/tag-version.js";

it.each([
  ["7.0.15", "7.0.15"],
  ["7.0.15-alpine", "7.0.15"],
  ["v3.5.21", "3.5.21"],
  ["8", "8.0.0"],
  ["release-v3.8", "3.8.0"],
  ["stable", undefined],
])("the tag %s tells %s", (tag, version) => {
  expect(tagVersion(tag)).toBe(version);
});
