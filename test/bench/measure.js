import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";

/** Runs a command and tells its seconds and the peak memory of its own process (Linux; else 0), in MiB. */
export async function measure(command, args, { accepted = [0], ...options } = {}) {
  const started = performance.now();
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"], ...options });
  let stderr = "";
  child.stderr.on("data", (chunk) => (stderr = (stderr + chunk).slice(-4000)));
  let peak = 0;
  const poll = setInterval(async () => {
    const status = await readFile(`/proc/${child.pid}/status`, "utf8").catch(() => "");
    peak = Math.max(peak, Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024);
  }, 15);
  const code = await new Promise((resolve, reject) =>
    child.once("error", reject).once("close", resolve),
  );
  clearInterval(poll);
  if (!accepted.includes(code))
    throw new Error(`${command} ${args.slice(0, 6).join(" ")} … ended with ${code}: ${stderr}`);
  return { seconds: (performance.now() - started) / 1000, peak };
}

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}
