import { describe, expect, it } from "vitest";
import { openNetwork } from "../../../src/http/network.js";
import { noEvents } from "../../../src/core/events.js";
import { createTokens } from "../../../src/registry/token.js";
import { testNetwork } from "../../support/network.js";

/** Nothing is asked: each is refused by the address alone. */
describe("a registry outside that sends us for a token", () => {
  it.each(["https://127.0.0.1:9/t", "https://169.254.169.254/t", "https://[::ffff:10.0.0.1]/t"])(
    "to %s is not followed",
    async (realm) => {
      const network = openNetwork(testNetwork(), noEvents);
      const tokens = createTokens({ ...network, now: () => 0 });
      await expect(
        tokens.get({
          realm,
          service: undefined,
          scopes: ["repository:a:pull"],
          credential: undefined,
          origin: "https://203.0.113.7",
          host: "203.0.113.7",
          signal: new AbortController().signal,
        }),
      ).rejects.toMatchObject({
        code: "AUTH",
        message: expect.stringContaining("this machine or in its own network") as string,
        hint: expect.stringContaining("--insecure") as string,
      });
      await network.close();
    },
  );
});
