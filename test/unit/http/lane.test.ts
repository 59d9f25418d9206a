import { createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { readBody } from "../../../src/http/body.js";
import { createLane, type Lane } from "../../../src/http/lane.js";

const lanes: Lane[] = [];
const servers: Server[] = [];
const sockets = new Set<Socket>();
afterEach(() => {
  for (const lane of lanes.splice(0)) lane.close();
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  for (const server of servers.splice(0)) server.close();
});

/** A server that answers each request with these very bytes, a list for the connections in turn. */
async function serve(answer: (connection: number, socket: Socket) => void) {
  let connections = 0;
  const server = createServer((socket) => {
    const mine = (connections += 1);
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("data", () => answer(mine, socket));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return { url: new URL(`http://127.0.0.1:${port}/file`), connections: () => connections };
}

function open(idleMs = 300): Lane {
  const lane = createLane({ timeouts: { connectMs: 2000, headersMs: 2000, idleMs } });
  lanes.push(lane);
  return lane;
}

const ask = (lane: Lane, url: URL, signal = new AbortController().signal) =>
  lane.ask({ method: "GET", url, verified: true, headers: {}, signal });

async function text(lane: Lane, url: URL): Promise<string | undefined> {
  const answer = await ask(lane, url);
  return answer && (await readBody(answer.body, 1000, "It")).toString("latin1");
}

const whole = (body: string): string =>
  `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`;

describe("the lane", () => {
  it("keeps its connection for the next question", async () => {
    const { url, connections } = await serve((_, socket) => void socket.write(whole("hello")));
    const lane = open();
    for (let left = 3; left > 0; left -= 1) expect(await text(lane, url)).toBe("hello");
    expect(connections()).toBe(1);
  });

  it("reads chunks, and keeps the connection", async () => {
    const { url, connections } = await serve(
      (_, socket) =>
        void socket.write(
          "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
        ),
    );
    const lane = open();
    for (let left = 2; left > 0; left -= 1) expect(await text(lane, url)).toBe("hello");
    expect(connections()).toBe(1);
  });

  it("asks again where the kept connection was closed just then", async () => {
    const { url, connections } = await serve((connection, socket) => {
      if (connection === 1 && socket.bytesWritten > 0) socket.resetAndDestroy();
      else socket.write(whole("hello"));
    });
    const lane = open();
    expect(await text(lane, url)).toBe("hello");
    expect(await text(lane, url)).toBe("hello");
    expect(connections()).toBe(2);
  });

  it("leaves what it cannot read to others", async () => {
    const { url } = await serve((_, socket) => socket.end("HTTP/1.1 200 OK\r\n\r\nuntil the end"));
    expect(await ask(open(), url)).toBeUndefined();
  });

  it("leaves more than was told to others, on a connection that it gives up", async () => {
    const { url } = await serve((_, socket) => void socket.write(`${whole("hello")}HTTP/1.1 200`));
    expect(await ask(open(), url)).toBeUndefined();
  });

  it("does not mistake an answer that nobody asked for for the next one", async () => {
    const { url, connections } = await serve((connection, socket) => {
      socket.write(whole("mine"));
      if (connection === 1) setTimeout(() => socket.write(whole("forged")), 20);
    });
    const lane = open();
    expect(await text(lane, url)).toBe("mine");
    await expect
      .poll(() => sockets.size > 0 && [...sockets].some((one) => one.destroyed))
      .toBe(true);
    expect(await text(lane, url)).toBe("mine");
    expect(connections()).toBe(2);
  });

  it("tells of a body that broke before anybody read it", async () => {
    const { url } = await serve((_, socket) => {
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello");
      setTimeout(() => socket.resetAndDestroy(), 20);
    });
    const answer = await ask(open(), url);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await expect(readBody(answer!.body, 1000, "It")).rejects.toThrow();
  });

  it("gives a body whole that was there before its connection closed", async () => {
    const { url } = await serve((_, socket) => socket.end(whole("hello")));
    const answer = await ask(open(), url);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect((await readBody(answer!.body, 1000, "It")).toString()).toBe("hello");
  });

  it("gives up a body that stalls, and one that nobody waits for any more", async () => {
    const { url } = await serve(
      (_, socket) => void socket.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello"),
    );
    const stalled = await ask(open(100), url);
    await expect(readBody(stalled!.body, 1000, "It")).rejects.toMatchObject({
      code: "ERR_STALLED",
    });
    const stop = new AbortController();
    const stopped = await ask(open(5000), url, stop.signal);
    const reading = readBody(stopped!.body, 1000, "It");
    stop.abort();
    await expect(reading).rejects.toMatchObject({ code: "INTERRUPTED" });
  });
});
