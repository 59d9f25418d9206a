/**
 * Milliseconds that some work keeps a processor busy. The clock on the wall would also count what else the
 * machine does meanwhile.
 */
export async function processorTime(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
