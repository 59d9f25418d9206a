import { expect, it } from "vitest";
import { tagVersion } from "../../../src/core/tag-version.js";

it.each([
  ["7.0.15", "7.0.15"],
  ["7.0.15-alpine", "7.0.15"],
  ["v3.5.21", "3.5.21"],
  ["8", "8.0.0"],
  ["release-v3.8", "3.8.0"],
  ["2.13-2.8.1", "2.8.1"],
  ["2.13-3.9.0-debian", "3.9.0"],
  ["10.11-jammy", "10.11.0"],
  ["7-jdk-17.0.2", "7.0.0"],
  ["1.27-alpine3.20.1", "1.27.0"],
  ["RELEASE.2024-12-18T13-15-44Z", "2024.12.18"],
  ["RELEASE.2025-01-05T00-00-00Z", "2025.1.5"],
  ["sha-1a2b3c4", undefined],
  ["git1a2b3c4d", undefined],
  ["stable", undefined],
])("the tag %s tells %s", (tag, version) => {
  expect(tagVersion(tag)).toBe(version);
});
