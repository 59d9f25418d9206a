import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { Forwards } from "../../../src/rehearse/forward.js";

async function served(text: string): Promise<{ port: number; close: () => void }> {
  const server = createServer((_request, response) => response.end(text));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

describe("a port that leads into a container", () => {
  it("answers as the container does, wherever that is by now", async () => {
    const [one, two] = [await served("one"), await served("two")];
    const forwards = new Forwards();
    let at = one.port;
    const port = await forwards.open(() => Promise.resolve({ host: "127.0.0.1", port: at }));
    const ask = async (): Promise<string> => {
      const response = await fetch(`http://127.0.0.1:${port}/`, {
        headers: { connection: "close" },
      });
      return response.text();
    };
    expect(await ask()).toBe("one");
    at = two.port;
    expect(await ask()).toBe("two");
    one.close();
    two.close();
    forwards.close();
    await expect(ask()).rejects.toThrow();
  });

  it("hangs up where there is no container", async () => {
    const forwards = new Forwards();
    const nowhere = await forwards.open(() => Promise.resolve(undefined));
    const broken = await forwards.open(() => Promise.reject(new Error("no engine")));
    for (const port of [nowhere, broken]) {
      await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
    }
    forwards.close();
  });
});
