import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";

const MIB = 1024 * 1024;

/**
 * Runs a line of shell and tells what it cost, with all programs that it started (Linux): wall and CPU
 * (user and system) in seconds, peak memory of its largest program and bytes handed to `write` in MiB.
 */
async function measure(line, { accepted = [0], env = {} } = {}) {
  // Linux adds what ended children used to their parent's own figures.
  const script = `${line}\ncode=$?\ncat /proc/$$/stat /proc/$$/io >&3\nexit $code`;
  const started = performance.now();
  const child = spawn("sh", ["-c", script], {
    stdio: ["ignore", "ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  let [stderr, used] = ["", ""];
  child.stderr.on("data", (chunk) => (stderr = (stderr + chunk).slice(-2000)));
  child.stdio[3].on("data", (chunk) => (used += chunk));
  let peak = 0;
  const poll = setInterval(async () => (peak = Math.max(peak, await largest(child.pid))), 15);
  const code = await new Promise((resolve, reject) =>
    child.once("error", reject).once("close", resolve),
  );
  clearInterval(poll);
  const seconds = (performance.now() - started) / 1000;
  if (!accepted.includes(code))
    throw new Error(`${line.slice(0, 200)} ended with ${code}: ${stderr}`);
  // proc(5): cutime and cstime, in hundredths of a second.
  const times = used.slice(used.lastIndexOf(")") + 2).split(" ");
  const cpu = (Number(times[13]) + Number(times[14])) / 100;
  const written = Number(/^wchar: (\d+)/m.exec(used)?.[1]) / MIB;
  return { seconds, cpu, peak, written };
}

/** MiB of the largest program below a process. */
async function largest(pid) {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  const sizes = children
    .split(" ")
    .filter(Boolean)
    .map(async (child) => {
      const status = await readFile(`/proc/${child}/status`, "utf8").catch(() => "");
      return Math.max(
        Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024,
        await largest(child),
      );
    });
  return Math.max(0, ...(await Promise.all(sizes)));
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

/**
 * Runs contestants in turn, so that a machine's moods meet all alike. One that is `optional` is left out,
 * and that is said, when it fails.
 * @param contestants by name: `{ line, before?, accepted?, env?, optional? }`
 * @returns medians by name; the peak is the highest
 */
export async function contest(runs, contestants) {
  const results = new Map();
  const left = new Map(Object.entries(contestants));
  for (let run = 0; run < runs; run++) {
    for (const [name, one] of left) {
      await one.before?.();
      try {
        results.set(name, [...(results.get(name) ?? []), await measure(one.line, one)]);
      } catch (error) {
        if (!one.optional) throw error;
        console.log(`${name} is left out: ${error.message}`);
        left.delete(name);
        results.delete(name);
      }
    }
  }
  const costs = [...results].map(([name, list]) => {
    const of = (key) => list.map((one) => one[key]);
    const [seconds, cpu, written] = [of("seconds"), of("cpu"), of("written")].map(median);
    const cost = { seconds, cpu, written, peak: Math.max(...of("peak")) };
    const spread = of("seconds")
      .map((one) => one.toFixed(2))
      .join(" ");
    console.log(
      `${name.padEnd(42)} ${seconds.toFixed(2)} s  CPU ${cpu.toFixed(2)} s  ${cost.peak.toFixed(0)} MiB  written ${written.toFixed(0)} MiB  (${spread})`,
    );
    return [name, cost];
  });
  return new Map(costs);
}
