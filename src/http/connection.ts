import { type Socket, connect as connectTcp, isIP } from "node:net";
import { type SecureContext, connect as connectTls } from "node:tls";
import { type Body, DROP_LIMIT, type Intake, pour } from "./body.js";
import { ChunkReader } from "./chunked.js";
import { HEAD_LIMIT, type ResponseHead, readHead } from "./response-head.js";

export interface Timeouts {
  /** Milliseconds until a connection stands, TLS included. */
  readonly connectMs: number;
  /** Milliseconds until an answer begins. */
  readonly headersMs: number;
  /** Milliseconds that a body may pause. */
  readonly idleMs: number;
}

/** Where a connection leads, and how. */
export interface ConnectOptions {
  /** Of an http or https address. */
  readonly url: URL;
  /** Any certificate will do when false. */
  readonly verified: boolean;
  readonly secureContext?: SecureContext;
  readonly timeouts: Timeouts;
}

/** The reasons of our own why a connection is given up, with codes as the system has them. */
export class ConnectionError extends Error {
  readonly code: "ERR_NO_CONNECTION" | "ERR_NO_ANSWER" | "ERR_STALLED" | "ERR_CUT_OFF";

  constructor(code: ConnectionError["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/** Room for heads, and for bytes that nobody has asked for yet, in bytes. */
const SCRATCH_BYTES = 64 * 1024;

/** What came instead of an answer that this connection can read; it is closed then. */
export const UNFIT = Symbol("unfit");

type Outcome = ResponseHead | typeof UNFIT | undefined;

interface Settle {
  readonly resolve: (outcome?: Outcome) => void;
  readonly reject: (error: Error) => void;
}

/** One exchange after the other on one connection of HTTP/1.1 (RFC 9112). */
export class Connection {
  readonly #socket: Socket;
  readonly #timeouts: Timeouts;
  readonly #scratch = Buffer.allocUnsafe(SCRATCH_BYTES);
  readonly #onIdle: (connection: Connection) => void;
  /** Where the socket reads to next. */
  #target: Uint8Array = this.#scratch;
  #state: "connecting" | "idle" | "head" | "body" | "closed" = "connecting";
  #head = "";
  #method: "GET" | "HEAD" = "GET";
  #current: ResponseHead | undefined;
  /** Bytes of the body that are still to come from the socket; infinite until the last chunk is there. */
  #missing = 0;
  #chunks: ChunkReader | undefined;
  /** Bytes of the body that came before anybody asked for them. */
  #early: Buffer[] = [];
  #intake: Intake | undefined;
  #paused = false;
  #timer: NodeJS.Timeout | undefined;
  #settle: Settle | undefined;
  #error: Error | undefined;
  /** Nothing has come since the last request. */
  silent = true;
  used = 0;
  idleSince = 0;

  constructor(options: ConnectOptions, onIdle: (connection: Connection) => void) {
    const { url, verified, secureContext, timeouts } = options;
    this.#timeouts = timeouts;
    this.#onIdle = onIdle;
    const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
    const secure = url.protocol === "https:";
    const tcp = {
      host,
      port: Number(url.port === "" ? (secure ? 443 : 80) : url.port),
      noDelay: true,
      // One slow address of several is given up for the next; Node's 250 ms is less than a far registry needs.
      autoSelectFamilyAttemptTimeout: Math.min(2500, timeouts.connectMs),
      onread: {
        buffer: () => this.#nextRoom(),
        callback: (bytes: number, buffer: Uint8Array) => this.#read(buffer.subarray(0, bytes)),
      },
    };
    this.#socket = secure
      ? connectTls({
          ...tcp,
          ALPNProtocols: ["http/1.1"],
          rejectUnauthorized: verified,
          ...(isIP(host) === 0 ? { servername: host } : {}),
          ...(secureContext === undefined ? {} : { secureContext }),
        })
      : connectTcp(tcp);
    this.#socket.on("error", (error: Error) => this.#fail(error));
    this.#socket.on("close", () =>
      this.#fail(new ConnectionError("ERR_CUT_OFF", "the other side closed the connection")),
    );
  }

  get closed(): boolean {
    return this.#state === "closed";
  }

  /** Waits until the connection stands. @throws what kept it from standing. */
  async open(): Promise<void> {
    const event = "encrypted" in this.#socket ? "secureConnect" : "connect";
    await this.#until(() => {
      this.#limit(this.#timeouts.connectMs, "ERR_NO_CONNECTION", "no connection in time");
      this.#socket.once(event, () => this.#settle?.resolve());
    });
    this.#state = "idle";
  }

  /**
   * Sends a request and waits for the head of its answer.
   * @throws what the connection did; UNFIT for an answer that is not for this reader.
   */
  async ask(method: "GET" | "HEAD", request: string): Promise<ResponseHead | typeof UNFIT> {
    this.#state = "head";
    this.#head = "";
    this.#method = method;
    this.#early = [];
    this.silent = true;
    this.used += 1;
    this.#socket.ref();
    const head = await this.#until(() => {
      this.#limit(this.#timeouts.headersMs, "ERR_NO_ANSWER", "no answer in time");
      this.#socket.write(request, "latin1");
    });
    return head ?? UNFIT;
  }

  /** The body of the answer whose head came last. */
  body(): Body {
    return { read: (intake) => this.#readBody(intake), drop: () => this.#drop() };
  }

  /** @param error what whoever waits hears. */
  destroy(error: Error): void {
    this.#fail(error);
  }

  async #readBody(intake: Intake): Promise<void> {
    try {
      await this.#pourEarly(intake);
      if (this.#missing > 0) {
        this.#intake = intake;
        await this.#until(() => {
          this.#limit(this.#timeouts.idleMs, "ERR_STALLED", "the answer stalled");
          this.#resume();
        });
      }
    } catch (error) {
      this.#fail(asError(error));
      throw error;
    } finally {
      this.#intake = undefined;
      this.#early = [];
    }
    this.#finish();
  }

  #drop(): void {
    if (this.#state !== "body") return;
    const unwanted = new ConnectionError("ERR_CUT_OFF", "nobody wants the answer");
    if (this.#chunks === undefined && this.#missing > DROP_LIMIT) {
      this.#fail(unwanted);
      return;
    }
    let dropped = 0;
    const filled = (bytes: number): undefined => {
      dropped += bytes;
      if (dropped > DROP_LIMIT) throw unwanted;
    };
    const bin = new Uint8Array(DROP_LIMIT);
    this.#readBody({ room: () => bin, filled }).catch(() => undefined);
  }

  #finish(): void {
    clearTimeout(this.#timer);
    if (this.#state !== "body") return;
    if (this.#current?.keepAlive !== true) {
      this.#fail(new ConnectionError("ERR_CUT_OFF", "the answer is over"));
      return;
    }
    this.#state = "idle";
    this.idleSince = Date.now();
    // An idle connection keeps no process alive; one more byte on it ends it.
    this.#target = this.#scratch;
    this.#resume();
    this.#socket.unref();
    this.#onIdle(this);
  }

  #nextRoom(): Uint8Array {
    // TLS gives what it has decrypted even to who has asked for a pause.
    const direct = !this.#paused && this.#missing > 0 && this.#chunks === undefined;
    const room = direct ? this.#intake?.room() : undefined;
    this.#target = room?.subarray(0, this.#missing) ?? this.#scratch;
    return this.#target;
  }

  /** Keeps bytes of the body until somebody takes them. */
  #keep(bytes: Uint8Array): void {
    if (this.#chunks === undefined) {
      this.#missing -= bytes.length;
      this.#early.push(Buffer.from(bytes));
      return;
    }
    for (const part of this.#chunks.take(bytes)) this.#early.push(Buffer.from(part));
    if (this.#chunks.done) this.#missing = 0;
  }

  /**
   * Copies bytes to where they are wanted: Node asks for the next room right after a read, also where that
   * brought a pause, so what comes first after one lies in the scratch. What the intake has to wait for is
   * kept.
   */
  #handOver(bytes: Uint8Array, intake: Intake): Promise<void> | undefined {
    const parts = this.#chunks === undefined ? [bytes] : [...this.#chunks.take(bytes)];
    if (this.#chunks === undefined) this.#missing -= bytes.length;
    else if (this.#chunks.done) this.#missing = 0;
    let wait: Promise<void> | undefined;
    for (const part of parts) {
      let rest = part;
      while (rest.length > 0 && wait === undefined) {
        const room = intake.room();
        const taken = rest.subarray(0, room.length);
        room.set(taken);
        rest = rest.subarray(taken.length);
        wait = intake.filled(taken.length);
      }
      if (rest.length > 0) this.#early.push(Buffer.from(rest));
    }
    return wait;
  }

  /** Takes what the socket has read. False: no more for now. */
  #read(bytes: Uint8Array): boolean {
    this.silent = false;
    if (this.#state === "head") return this.#readHead(bytes);
    if (this.#state !== "body" || bytes.length > this.#missing) {
      this.#fail(new ConnectionError("ERR_CUT_OFF", "there is more than was told"));
      return false;
    }
    this.#timer?.refresh();
    const intake = this.#intake;
    try {
      let wait: Promise<void> | undefined;
      if (this.#target !== this.#scratch) {
        this.#missing -= bytes.length;
        wait = intake?.filled(bytes.length);
      } else if (intake === undefined || this.#paused || this.#early.length > 0) this.#keep(bytes);
      else wait = this.#handOver(bytes, intake);
      if (intake === undefined || this.#paused) return this.#pause();
      if (wait !== undefined || this.#early.length > 0) {
        void this.#afterwards(wait, intake);
        return this.#pause();
      }
    } catch (error) {
      this.#fail(asError(error));
      return false;
    }
    return this.#goOn();
  }

  async #pourEarly(intake: Intake): Promise<void> {
    for (let bytes = this.#early.shift(); bytes !== undefined; bytes = this.#early.shift()) {
      await pour(bytes, intake);
    }
  }

  async #afterwards(wait: Promise<void> | undefined, intake: Intake): Promise<void> {
    try {
      await wait;
      await this.#pourEarly(intake);
    } catch (error) {
      this.#fail(asError(error));
      return;
    }
    if (this.#goOn()) this.#resume();
  }

  #goOn(): boolean {
    if (this.#missing > 0) return true;
    this.#settle?.resolve();
    // What follows belongs to no answer; it is read when the body has been taken.
    return this.#pause();
  }

  #readHead(bytes: Uint8Array): boolean {
    const before = this.#head.length;
    this.#head += Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
    const end = this.#head.indexOf("\r\n\r\n", Math.max(0, before - 3));
    if (end === -1 && this.#head.length <= HEAD_LIMIT) return true;
    const head =
      end === -1 || end > HEAD_LIMIT ? undefined : readHead(this.#head.slice(0, end), this.#method);
    const early = bytes.subarray(end + 4 - before);
    if (head === undefined || early.length > (head.length ?? Number.POSITIVE_INFINITY)) {
      this.#settle?.resolve(UNFIT);
      this.#fail(new ConnectionError("ERR_CUT_OFF", "an answer for another reader"));
      return false;
    }
    clearTimeout(this.#timer);
    this.#current = head;
    this.#state = "body";
    this.#head = "";
    this.#missing = head.length ?? Number.POSITIVE_INFINITY;
    this.#chunks = head.length === undefined ? new ChunkReader() : undefined;
    try {
      if (early.length > 0) this.#keep(early);
    } catch (error) {
      this.#fail(asError(error));
      return false;
    }
    this.#settle?.resolve(head);
    return this.#pause();
  }

  #pause(): false {
    this.#paused = true;
    return false;
  }

  #resume(): void {
    this.#paused = false;
    this.#socket.resume();
  }

  #fail(error: Error): void {
    clearTimeout(this.#timer);
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#error = error;
    this.#socket.destroy();
    this.#settle?.reject(error);
  }

  #limit(ms: number, code: ConnectionError["code"], message: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      // While we write to the disk it is not the server that stalls.
      if (this.#paused && this.#state === "body") this.#timer?.refresh();
      else this.#fail(new ConnectionError(code, message));
    }, ms);
  }

  /** Starts something, and waits until it is settled by what the socket does. */
  async #until(start: () => void): Promise<Outcome> {
    try {
      return await new Promise<Outcome>((resolve, reject) => {
        this.#settle = { resolve, reject };
        if (this.#error === undefined) start();
        else reject(this.#error);
      });
    } finally {
      this.#settle = undefined;
      clearTimeout(this.#timer);
    }
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
