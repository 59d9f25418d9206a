import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";

/** A bundle definition of three services, small enough to be made many times in a test. */
export async function writeSmallDefinition(dir: string): Promise<string> {
  await mkdir(path.join(dir, "files"), { recursive: true });
  await writeFile(
    path.join(dir, "components.yaml"),
    `name: small
version: "1.0"
title: { en: Small, zh: 小 }
components:
  cache:
    title: { en: Cache, zh: 缓存 }
    image: redis:7.0.15
    platforms: [linux/amd64, linux/arm64]
    ports: ["16379:6379"]
  database:
    title: { en: Database, zh: 数据库 }
    image: mysql:5.7.44
    platforms: [linux/amd64, linux/arm64]
    alternatives:
      - image: mariadb:10.11.11
        platforms: [linux/amd64, linux/arm64]
        reason: { en: MariaDB stands in, zh: 以 MariaDB 代替 }
        service:
          command: [mariadbd]
  extra:
    title: { en: Extra, zh: 附加 }
    required: false
    image: quay.io/team/extra:1.0
    platforms: [linux/amd64]
    omit:
      - platforms: [linux/arm64]
        reason: { en: made for linux/amd64 only, zh: 仅提供 linux/amd64 版本 }
`,
  );
  await writeFile(
    path.join(dir, "compose.yaml"),
    `services:
  # What everything else leans on.
  cache:
    image: redis:7.0.15
    ports: ["16379:6379"]
    healthcheck:
      test: [CMD, redis-cli, ping]
  database:
    image: mysql:5.7.44
    environment:
      MYSQL_ROOT_PASSWORD: \${ROOT_PASSWORD}
    depends_on: [cache]
    healthcheck:
      test: [CMD, mysqladmin, ping]
  extra:
    image: quay.io/team/extra:1.0
    depends_on: [database]
`,
  );
  await writeFile(
    path.join(dir, "site.yaml"),
    `settings:
  ROOT_PASSWORD:
    type: secret
    length: 24
    description: { en: Password of the database, zh: 数据库密码 }
`,
  );
  await writeFile(path.join(dir, "files", "note.txt"), "ships as it is\n");
  return dir;
}
