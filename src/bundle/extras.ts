import { messageOf, BundlerError } from "../core/errors.js";
import type { Platform } from "../core/platform.js";
import type { ExtraName } from "../definition/types.js";
import { ELF_HEADER_BYTES, describeMachine, elfFits, readElfHeader } from "../image/elf.js";
import { walkLayer } from "../image/layer.js";

/** Without these of Docker's programs there is no engine. */
const NEEDED = ["containerd", "docker", "dockerd", "runc"] as const;

/** Where Docker's archive has its programs, and nothing else. */
const PROGRAM = /^docker\/[a-z0-9][a-z0-9._-]*$/;

/** What a file of an extra is not, with what was expected and found where that is short. */
export interface ExtraFault {
  readonly message: string;
  readonly expected?: string;
  readonly found?: string;
}

/**
 * Whether a file is what the site's installer makes an engine from: for `docker` a .tgz whose folder
 * docker/ holds programs for the platform, for `compose` one such program.
 * @throws BundlerError INTERRUPTED, and whatever reading the bytes throws.
 */
export async function extraFault(
  name: ExtraName,
  bytes: AsyncIterable<Uint8Array>,
  { platform, signal }: { readonly platform: Platform; readonly signal: AbortSignal },
): Promise<ExtraFault | undefined> {
  if (name === "compose") return programFault("The file", await headOf(bytes), platform);
  const programs = new Set<string>();
  let fault: ExtraFault | undefined;
  try {
    await walkLayer(
      bytes,
      ({ path, type }, head) => {
        if (fault !== undefined || (type === "directory" && path === "docker")) return;
        if (type !== "file" || !PROGRAM.test(path)) {
          fault = {
            message: `Holds ${path || "a nameless entry"}, where a program in docker/ should be.`,
          };
          return;
        }
        const program = path.slice("docker/".length);
        programs.add(program);
        const isNeeded = NEEDED.some((one) => one === program);
        // The others may be scripts.
        if (isNeeded || readElfHeader(head) !== undefined)
          fault = programFault(path, head, platform);
      },
      { signal, name: "The archive", only: "gzip", headBytes: ELF_HEADER_BYTES },
    );
  } catch (error) {
    if (!(error instanceof BundlerError) || error.code !== "INTEGRITY") throw error;
    return { message: messageOf(error) };
  }
  const missing = NEEDED.filter((one) => !programs.has(one));
  if (fault !== undefined || missing.length === 0) return fault;
  return { message: `Lacks ${missing.map((one) => `docker/${one}`).join(", ")}.` };
}

function programFault(what: string, head: Buffer, platform: Platform): ExtraFault | undefined {
  const elf = readElfHeader(head);
  if (elf === undefined) return { message: `${what} is not a program.` };
  if (elfFits(elf, platform)) return undefined;
  return {
    message: `${what} is a program for another machine.`,
    expected: platform.architecture,
    found: describeMachine(elf),
  };
}

async function headOf(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  let head = Buffer.alloc(0);
  for await (const chunk of bytes) {
    head = Buffer.concat([head, chunk]);
    if (head.length >= ELF_HEADER_BYTES) break;
  }
  return head;
}
