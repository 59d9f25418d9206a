import fc from "fast-check";
import { afterAll, expect, it } from "vitest";
import { proxyFor } from "../../../src/http/proxy.js";
import { compileGo } from "./go-program.js";

/** Each question takes Go a process; a seed makes the same ones again. */
const COUNT = Number(process.env["DIFFERENTIAL_PROXY_COUNT"] ?? 2000);
const SEED = Number(process.env["DIFFERENTIAL_SEED"] ?? 20261201);

const go = compileGo(new URL("proxy/main.go", import.meta.url).pathname);
afterAll(() => go.remove());

const host = fc.constantFrom(
  ...["example.com", "a.example.com", "aexample.com", "EXAMPLE.com", "localhost", "registry"],
  ...["10.1.2.3", "11.1.2.3", "127.0.0.1", "127.9.9.9", "[::1]", "[fd00::1]", "[2001:db8::1]"],
);
const url = fc
  .tuple(fc.constantFrom("http", "https"), host, fc.constantFrom("", ":5000", ":80", ":443"))
  .map(([scheme, name, port]) => `${scheme}://${name}${port}/v2/`);
const entry = fc.constantFrom(
  ...["example.com", ".example.com", "*.example.com", "example.com:5000", "example.com:443", "com"],
  ...[
    "*",
    "",
    " example.com ",
    "10.0.0.0/8",
    "10.1.2.3",
    "10.1.2.3:5000",
    "10.1.2.3/32",
    "fd00::/8",
  ],
  ...[
    "fd00::1",
    "[fd00::1]:5000",
    "[fd00::1]",
    "0.0.0.0/0",
    "::/0",
    "10.0.0.0/33",
    "a/b",
    "registry",
  ],
);
const proxy = fc.constantFrom("", "http://p.example:3128", "p.example:8080", "https://p.example:1");
const variable = (name: string, value: fc.Arbitrary<string>): fc.Arbitrary<string[]> =>
  fc.oneof(
    fc.constant<string[]>([]),
    value.map((text) => [`${name}=${text}`]),
  );
const noProxy = fc.array(entry, { maxLength: 3 }).map((entries) => entries.join(","));
const question = fc.record({
  url,
  env: fc
    .tuple(
      variable("HTTP_PROXY", proxy),
      variable("http_proxy", proxy),
      variable("HTTPS_PROXY", proxy),
      variable("https_proxy", proxy),
      variable("NO_PROXY", noProxy),
      variable("no_proxy", noProxy),
    )
    .map((parts) => parts.flat()),
});

it("chooses the proxy that Go chooses", async () => {
  const questions = fc.sample(question, { numRuns: COUNT, seed: SEED });
  const answers = await go.ask(questions.map((one) => JSON.stringify(one)));
  expect(answers).toHaveLength(questions.length);
  let through = 0;
  for (const [at, { url: address, env }] of questions.entries()) {
    const pairs = env.map((text) => {
      const sign = text.indexOf("=");
      return [text.slice(0, sign), text.slice(sign + 1)] as const;
    });
    const mine = proxyFor(new URL(address), Object.fromEntries(pairs))?.host ?? "";
    expect(mine, JSON.stringify(questions[at])).toBe(answers[at]);
    if (mine !== "") through += 1;
  }
  process.stdout.write(
    `proxy: ${COUNT} inputs: ${through} through a proxy, ${COUNT - through} directly; 0 disagreements\n`,
  );
});
