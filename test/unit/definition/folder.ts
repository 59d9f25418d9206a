import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { checkDefinition } from "../../../src/definition/definition.js";

export const COMPONENTS = `name: shop
version: "1.2"
title: { en: Shop, zh: 商店 }
components:
  web:
    title: { en: Web, zh: 网站 }
    image: nginx:1.27.0
    platforms: [linux/amd64, arm64v8]
    ports: ["8080:80"]
    alternatives:
      - image: httpd:2.4.62
        platforms: [linux/arm/v7]
        reason: { en: serves the same pages, zh: 提供同样的网页 }
        service:
          environment:
            MODE: \${MODE}
  db:
    title: { en: Database, zh: 数据库 }
    required: false
    image: registry.example.com:5000/db/postgres:16.4
    platforms: [linux/amd64]
    ports: ["5432:5432", "53:53/udp"]
`;

export const COMPOSE = `services:
  web:
    image: nginx:1.27.0
    environment:
      MODE: \${MODE}
    ports:
      - "8080:80"
    volumes:
      - ./files/site.conf:/etc/nginx/conf.d/site.conf:ro
    healthcheck:
      test: ["CMD", "true"]
  db:
    image: registry.example.com:5000/db/postgres:16.4
    environment:
      POSTGRES_PASSWORD: \${DB_PASSWORD}
    ports:
      - "127.0.0.1:5432:5432"
      - target: 53
        published: "53"
        protocol: udp
`;

export const SITE = `settings:
  MODE:
    type: string
    default: plain
    description: { en: Mode, zh: 模式 }
  DB_PASSWORD:
    type: secret
    description: { en: Password, zh: 密码 }
`;

/** A definition without a problem, as the files of a folder. */
export const GOOD: Readonly<Record<string, string>> = {
  "components.yaml": COMPONENTS,
  "compose.yaml": COMPOSE,
  "site.yaml": SITE,
  "files/site.conf": "server {}\n",
};

export async function temporaryFolder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "definition-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

export async function writeFolder(
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<string> {
  const dir = await temporaryFolder();
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), content);
  }
  return dir;
}

/** `components.yaml:3:5 what is wrong|hint` for every problem of a definition made of these files. */
export async function problemsOf(
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<string[]> {
  const dir = await writeFolder(files);
  const { problems } = await checkDefinition(dir);
  return problems.map(({ at, message, hint }) =>
    `${at.file.slice(dir.length + 1)}:${at.line}:${at.column} ${message}${hint === undefined ? "" : `|${hint}`}`.replaceAll(
      `${dir}/`,
      "",
    ),
  );
}

/** The good definition with one text of one file replaced; the text must be there. */
export function changed(file: string, from: string, to: string): Readonly<Record<string, string>> {
  const text = GOOD[file] ?? "";
  if (!text.includes(from)) throw new Error(`${file} has no ${JSON.stringify(from)}`);
  return { ...GOOD, [file]: text.replace(from, to) };
}

/** `file:line:column` of a text inside a file. */
export function place(
  files: Readonly<Record<string, string>>,
  file: string,
  needle: string,
): string {
  const before = (files[file] ?? "").split(needle)[0] ?? "";
  const lines = before.split("\n");
  return `${file}:${lines.length}:${(lines.at(-1)?.length ?? 0) + 1}`;
}
