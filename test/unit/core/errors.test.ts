import { describe, expect, it } from "vitest";
import { BundlerError, EXIT_CODES, isAbort, redact, systemCode } from "../../../src/core/errors.js";
import { processorTime } from "../../support/processor-time.js";

describe("errors", () => {
  it.each([
    ["GET https://user:secret@host/v2/ failed", "GET https://***@host/v2/ failed"],
    [
      "https://cdn.example/blob?X-Amz-Signature=abc&t=1 broke",
      "https://cdn.example/blob?*** broke",
    ],
    ["Authorization: Bearer abcdefghijklmnop.q", "Authorization: Bearer ***"],
    ["Basic dXNlcjpwYXNzd29yZA== was refused", "Basic *** was refused"],
    ["nothing to hide", "nothing to hide"],
  ])("blanks out credentials in %j", (text, expected) => {
    expect(redact(text)).toBe(expected);
    expect(new BundlerError("NETWORK", text, { hint: text })).toMatchObject({
      message: expected,
      hint: expected,
    });
  });

  it("are blanked out in linear time, whatever a registry sends", async () => {
    for (const piece of ["a.", "a://", "a?", "://a@", "Bearer "]) {
      expect(await processorTime(() => redact(piece.repeat(200_000)))).toBeLessThan(5000);
    }
  });

  it("have distinct exit codes, none of them a success or a shell's own", () => {
    const codes = Object.values(EXIT_CODES);
    expect(new Set(codes).size).toBe(codes.length);
    for (const code of codes) expect(code === 130 || (code > 0 && code < 64)).toBe(true);
  });

  it("keep facts, hint and cause when a layer above adds its own", () => {
    const cause = new Error("cause");
    const inner = new BundlerError("INTEGRITY", "bad blob", {
      hint: "again",
      details: { digest: "d" },
      cause,
    });
    const outer = inner.with({ component: "redis", digest: "other" }, "redis: ");
    expect(outer).toMatchObject({
      code: "INTEGRITY",
      message: "redis: bad blob",
      hint: "again",
      details: { component: "redis", digest: "d" },
      cause,
    });
  });

  it("tell an abort and a system code along the chain of causes", () => {
    expect(isAbort(AbortSignal.abort().reason)).toBe(true);
    expect(isAbort(new BundlerError("INTERRUPTED", "x"))).toBe(true);
    expect(isAbort(new Error("x"))).toBe(false);
    const system = Object.assign(new Error("full"), { code: "ENOSPC" });
    expect(
      systemCode(new BundlerError("DISK", "x", { cause: new Error("y", { cause: system }) })),
    ).toBe("ENOSPC");
  });
});
