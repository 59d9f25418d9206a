import { type Server, type Socket, connect, createServer } from "node:net";
import { BundlerError, messageOf } from "../core/errors.js";

/** Where a port of the host would have led. */
export interface Target {
  readonly host: string;
  readonly port: number;
}

/** Ports of loopback that lead into containers while a rehearsal publishes none. */
export class Forwards {
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();

  /**
   * Opens one. Where a container is, is asked at each connection: it may have been started anew since.
   * @returns the port, on 127.0.0.1.
   * @throws BundlerError BUILDER when this machine has none to give.
   */
  async open(find: () => Promise<Target | undefined>): Promise<number> {
    const server = createServer((client) => {
      this.#keep(client);
      void find()
        .catch(() => undefined)
        .then((target) => {
          if (target === undefined || client.destroyed) return client.destroy();
          const inner = connect(target);
          this.#keep(inner);
          client.on("close", () => inner.destroy());
          inner.on("close", () => client.destroy());
          client.pipe(inner).pipe(client);
          return undefined;
        });
    });
    this.#servers.push(server);
    await new Promise<void>((resolve, reject) => {
      server.once("error", (cause) =>
        reject(
          new BundlerError("BUILDER", `No port of 127.0.0.1 can be had: ${messageOf(cause)}`, {
            cause,
          }),
        ),
      );
      server.listen(0, "127.0.0.1", resolve);
    });
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  close(): void {
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    // Whoever asks sees the end of the connection.
    socket.on("error", () => undefined);
    socket.on("close", () => this.#sockets.delete(socket));
  }
}
