import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Readable, Writable } from "node:stream";

/** The browser's program, where the environment names one: starting it takes longer than all its tests. */
export function findChromium(): string | undefined {
  const given = process.env["CHROMIUM"];
  return given === "" ? undefined : given;
}

type Fields = Readonly<Record<string, unknown>>;

interface Answer {
  readonly id?: number;
  readonly sessionId?: string;
  readonly method?: string;
  readonly params?: Fields;
  readonly result?: Fields;
  readonly error?: { readonly message: string };
}

/** A tab, and all that it did which a quiet page does not. */
export interface Tab {
  /** Errors, exceptions and refusals of the content security policy. */
  readonly complaints: readonly string[];
  /** Addresses asked for, the page's own included. */
  readonly requests: readonly string[];
  send(method: string, params?: Fields): Promise<Fields>;
  /** Goes to an address; resolves when it is loaded. */
  goto(url: string): Promise<void>;
  /** The value of an expression, awaited. @throws Error what the page throws. */
  evaluate(expression: string): Promise<unknown>;
}

export interface Browser {
  tab(): Promise<Tab>;
  close(): Promise<void>;
}

/** Starts a browser without a window, spoken to over a pipe (Chrome DevTools protocol, `--remote-debugging-pipe`). */
export async function launchChromium(program: string): Promise<Browser> {
  const profile = await mkdtemp(path.join(tmpdir(), "chromium-"));
  const browser = spawn(
    program,
    [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-extensions",
      "--disable-background-networking",
      "--disable-dev-shm-usage",
      "--no-first-run",
      "--hide-scrollbars",
      "--window-size=1280,900",
      `--user-data-dir=${profile}`,
      "--remote-debugging-pipe",
    ],
    { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] },
  );
  const wire = new Wire(browser);
  return {
    tab: () => openTab(wire),
    close: async () => {
      const gone = new Promise((resolve) => browser.once("exit", resolve));
      if (browser.exitCode === null && browser.signalCode === null) {
        browser.kill("SIGKILL");
        await gone;
      }
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** JSON messages with a NUL after each, on the descriptors 3 and 4. */
class Wire {
  readonly #input: Writable;
  readonly #waiting = new Map<
    number,
    { resolve: (result: Fields) => void; reject: (error: Error) => void }
  >();
  readonly #listeners = new Set<(answer: Answer) => void>();
  #last = 0;

  constructor(browser: ChildProcess) {
    this.#input = browser.stdio[3] as Writable;
    const output = browser.stdio[4] as Readable;
    let rest = Buffer.alloc(0);
    output.on("data", (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (let end = rest.indexOf(0); end >= 0; end = rest.indexOf(0)) {
        this.#take(JSON.parse(rest.toString("utf8", 0, end)) as Answer);
        rest = rest.subarray(end + 1);
      }
    });
    const stop = (): void => {
      for (const { reject } of this.#waiting.values()) reject(new Error("The browser is gone."));
      this.#waiting.clear();
    };
    this.#input.on("error", stop);
    browser.on("error", stop).on("exit", stop);
  }

  listen(listener: (answer: Answer) => void): void {
    this.#listeners.add(listener);
  }

  send(method: string, params: Fields = {}, sessionId?: string): Promise<Fields> {
    this.#last += 1;
    const id = this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#input.write(
        `${JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) })}\0`,
      );
    });
  }

  #take(answer: Answer): void {
    const waiting = answer.id === undefined ? undefined : this.#waiting.get(answer.id);
    if (waiting === undefined) {
      for (const listener of this.#listeners) listener(answer);
      return;
    }
    this.#waiting.delete(answer.id ?? 0);
    if (answer.error === undefined) waiting.resolve(answer.result ?? {});
    else waiting.reject(new Error(answer.error.message));
  }
}

async function openTab(wire: Wire): Promise<Tab> {
  const { targetId } = await wire.send("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await wire.send("Target.attachToTarget", { targetId, flatten: true });
  const session = String(sessionId);
  const complaints: string[] = [];
  const requests: string[] = [];
  let loaded: () => void = () => undefined;
  wire.listen(({ sessionId: from, method, params = {} }) => {
    if (from !== session) return;
    if (method === "Page.loadEventFired") loaded();
    if (method === "Runtime.exceptionThrown") complaints.push(JSON.stringify(params));
    if (method === "Log.entryAdded") complaints.push(JSON.stringify(params));
    if (method === "Runtime.consoleAPICalled") complaints.push(JSON.stringify(params));
    if (method === "Page.javascriptDialogOpening") complaints.push(JSON.stringify(params));
    if (method === "Network.requestWillBeSent") {
      requests.push((params as { request: { url: string } }).request.url);
    }
  });
  const send = (method: string, params?: Fields): Promise<Fields> =>
    wire.send(method, params, session);
  for (const domain of ["Page", "Runtime", "Log", "Network"]) await send(`${domain}.enable`);
  return {
    complaints,
    requests,
    send,
    goto: async (url) => {
      const done = new Promise<void>((resolve) => {
        loaded = resolve;
      });
      await send("Page.navigate", { url });
      await done;
    },
    evaluate: async (expression) => {
      const { result, exceptionDetails } = (await send("Runtime.evaluate", {
        expression,
        awaitPromise: true,
        returnByValue: true,
      })) as { result: { value?: unknown }; exceptionDetails?: unknown };
      if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
      return result.value;
    },
  };
}
