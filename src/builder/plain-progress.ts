import { NO_NEWS, type ProgressListener, type ProgressReader } from "./solve-status.js";

/**
 * Reads `--progress plain`, which is all that buildx before 0.13 has: `#5 [build 3/7] RUN …` when step
 * 5 is first heard of, `#5 0.201 its output`, `#5 DONE 1.2s`, `#5 CACHED`, `#5 ERROR: …`; other lines
 * are text. Once a step is named, the line that names it again is only a heading.
 */
export function readPlainProgress({ onStatus, onText }: ProgressListener): ProgressReader {
  const names = new Map<string, string>();

  const tell = (
    id: string,
    state: "running" | "done",
    more: { cached?: boolean; error?: string },
  ) =>
    onStatus({
      ...NO_NEWS,
      vertexes: [
        {
          digest: id,
          name: names.get(id) ?? "",
          state,
          cached: more.cached === true,
          ...(more.error === undefined ? {} : { error: more.error }),
        },
      ],
    });

  return {
    line: (line) => {
      const [, id, rest] = /^(#[1-9]\d{0,8}) (.*)$/.exec(line) ?? [];
      if (id === undefined || rest === undefined) {
        if (line !== "") onText(line);
        return;
      }
      const name = names.get(id);
      if (name === undefined) {
        names.set(id, rest);
        tell(id, "running", {});
      } else if (rest === "CACHED") tell(id, "done", { cached: true });
      else if (/^DONE \d+\.\d+s$/.test(rest)) tell(id, "done", {});
      else if (rest.startsWith("ERROR: "))
        tell(id, "done", { error: rest.slice("ERROR: ".length) });
      else if (rest === "CANCELED") tell(id, "done", { error: "canceled" });
      else if (rest !== name && rest !== "...") {
        const text = rest.replace(/^\d+\.\d+ /, "");
        onStatus({ ...NO_NEWS, logs: [{ vertex: id, data: Buffer.from(`${text}\n`) }] });
      }
    },
    end: () => undefined,
  };
}
