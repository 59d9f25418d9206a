/** What is waited for before anything is done. */
export async function benchStart(bench) {
  const content = { kind: "small", architecture: "arm64", count: 12 };
  await bench.withImages(content, async ({ registry, platform, definition }) => {
    console.log("");
    const plan = ["plan", definition, "-p", platform, "--mirror", `docker.io=${registry.url}`];
    const costs = await bench.contest(
      {
        "node -e 0": { line: `${process.execPath} -e 0` },
        "--version": { line: [process.execPath, "bin/run.js", "--version"].join(" ") },
        "plan of twelve components": {
          line: bench.program(...plan, "--store", bench.path("start-store")),
        },
      },
      Math.max(9, bench.runs),
    );
    const aims = {
      "--version": "aim 0.12 s",
      "plan of twelve components": "aim 0.3 s beside the network",
    };
    bench.part(
      "Start, against a registry at hand",
      [...costs].map(([what, cost]) => ({ what, cost, mark: aims[what] ?? "" })),
    );
  });
}
