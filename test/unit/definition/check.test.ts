import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { BundlerError } from "../../../src/core/errors.js";
import { checkDefinition, loadDefinition } from "../../../src/definition/definition.js";
import {
  COMPONENTS,
  COMPOSE,
  GOOD,
  SITE,
  changed,
  place,
  problemsOf,
  writeFolder,
} from "./folder.js";

describe("a definition without a problem", () => {
  it("comes back typed, in the order of its files", async () => {
    const definition = await loadDefinition(await writeFolder(GOOD));
    expect(definition).toMatchObject({
      name: "shop",
      version: "1.2",
      title: { en: "Shop", zh: "商店" },
      files: [{ path: "site.conf", size: 10, executable: false }],
      compose: { text: COMPOSE },
    });
    expect(definition.components).toMatchObject([
      {
        name: "web",
        required: true,
        image: "nginx:1.27.0",
        platforms: [
          { os: "linux", architecture: "amd64" },
          { os: "linux", architecture: "arm64" },
        ],
        ports: [{ host: 8080, container: 80, protocol: "tcp" }],
        alternatives: [
          {
            image: "httpd:2.4.62",
            platforms: [{ os: "linux", architecture: "arm", variant: "v7" }],
            service: { environment: { MODE: "${MODE}" } },
            at: { line: 11 },
          },
        ],
        omit: [],
        at: { line: 5, column: 3 },
      },
      { name: "db", required: false, ports: [{ host: 5432 }, { host: 53, protocol: "udp" }] },
    ]);
    expect(definition.settings).toMatchObject([
      { name: "MODE", type: "string", default: "plain" },
      { name: "DB_PASSWORD", type: "secret", length: 32 },
    ]);
  });

  it("may have no files at all", async () => {
    const files = changed("compose.yaml", "./files/site.conf", "/etc/shop.conf");
    expect(await problemsOf({ ...files, "files/site.conf": "" })).toEqual([]);
    const { "files/site.conf": dropped, ...rest } = files;
    expect(dropped).toBeDefined();
    expect(await problemsOf(rest)).toEqual([]);
  });
});

describe("all problems in one run", () => {
  it("finds those of the three files and of files/ together, sorted by place", async () => {
    const dir = await writeFolder({
      "components.yaml": COMPONENTS.replace("nginx:1.27.0", "nginx").replace("reason:", "raeson:"),
      "compose.yaml": COMPOSE.replace("healthcheck:", "healtcheck:"),
      "site.yaml": SITE.replace("type: string", "type: text"),
      "files/site.conf": "",
    });
    await symlink("/etc/passwd", join(dir, "files/passwd"));
    const { problems, definition } = await checkDefinition(dir);
    expect(definition).toBeUndefined();
    const found = problems.map(
      ({ at, message }) => `${at.file.slice(dir.length + 1)}:${at.line}:${at.column} ${message}`,
    );
    expect(found).toEqual(
      expect.arrayContaining([
        "components.yaml:7:12 nginx has no tag, so it floats",
        'components.yaml:13:9 unknown key "raeson" in components.web.alternatives[0]',
        "components.yaml:11:9 components.web.alternatives[0].reason is missing",
        'compose.yaml:10:5 unknown key "healtcheck" in services.web',
        "site.yaml:3:11 settings.MODE.type must be one of string, integer, boolean, port, path, host, secret",
        "files/passwd:1:1 is a symbolic link",
      ]),
    );
    const positions = problems.map(({ at }) => [at.file, at.line, at.column] as const);
    const files = [...new Set(positions.map(([file]) => file))];
    expect(positions).toEqual(
      [...positions].sort(
        (a, b) => files.indexOf(a[0]) - files.indexOf(b[0]) || a[1] - b[1] || a[2] - b[2],
      ),
    );
  });

  it("throws them all, one a line, with the data for --json", async () => {
    const dir = await writeFolder({
      ...GOOD,
      "site.yaml": "settings: {}\n",
      "compose.yaml": "services: {}\n",
    });
    const error = await loadDefinition(dir).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(BundlerError);
    const { code, message, details } = error as BundlerError;
    const problems = details["problems"] as readonly { message: string }[];
    expect(code).toBe("DEFINITION");
    expect(problems.length).toBeGreaterThan(2);
    expect(message.split("\n")).toHaveLength(problems.length + 1);
    expect(message).toContain(`${dir}/components.yaml:5:3 the component web has no service`);
  });

  it("says which of the three files are missing", async () => {
    expect(await problemsOf({ "compose.yaml": COMPOSE })).toEqual(
      expect.arrayContaining(["components.yaml:1:1 is missing", "site.yaml:1:1 is missing"]),
    );
    expect(await problemsOf({})).toHaveLength(3);
  });
});

interface Case {
  readonly name: string;
  readonly file: "components.yaml" | "compose.yaml" | "site.yaml";
  readonly from: string;
  readonly to: string;
  /** Where the problem is expected, as a text of the changed file (in `at.file` when it is another). */
  readonly at: string;
  readonly says: string;
  readonly in?: string;
}

const table = "components.yaml";
const compose = "compose.yaml";
const site = "site.yaml";

const DURATION_HINT = "Write numbers with their units us, ms, s, m or h: 5s, 1m30s, 500ms.";

const CASES: readonly Case[] = [
  // Texts and types
  {
    name: "a version that YAML reads as a number",
    file: table,
    from: '"1.2"',
    to: "3.10",
    at: "3.10",
    says: 'version must be text, but 3.10 reads as a number|Write it in quotes: "3.10".',
  },
  {
    name: "a version with a path in it",
    file: table,
    from: '"1.2"',
    to: "1/../2",
    at: "1/../2",
    says: "version must begin with a digit and have letters and digits only, with . _ - between them",
  },
  {
    name: "a name that no file could have",
    file: table,
    from: "name: shop",
    to: "name: ../shop",
    at: "../shop",
    says: "name must be lower-case letters and digits, with . _ - between them",
  },
  {
    name: "an empty title",
    file: table,
    from: "zh: 商店",
    to: 'zh: ""',
    at: '""',
    says: "title.zh must not be empty",
  },
  {
    name: "a value that is not there",
    file: table,
    from: "image: nginx:1.27.0",
    to: "image:",
    at: "image:\n",
    says: "components.web.image is empty; it must be text",
  },
  {
    name: "a list in place of text",
    file: table,
    from: "image: nginx:1.27.0",
    to: "image: [nginx]",
    at: "[nginx]",
    says: "components.web.image is a list; it must be text",
  },
  {
    name: "text in place of a list",
    file: table,
    from: "platforms: [linux/amd64, arm64v8]",
    to: "platforms: linux/amd64",
    at: "linux/amd64",
    says: "components.web.platforms is text; it must be a list",
  },
  {
    name: "text in place of true or false",
    file: table,
    from: "required: false",
    to: "required: nope",
    at: "nope",
    says: "components.db.required is text; it must be true or false",
  },
  {
    name: "an unknown platform",
    file: table,
    from: "arm64v8",
    to: "arm65",
    at: "arm65",
    says: 'components.web.platforms[1] "arm65" is not a platform like linux/arm64',
  },
  {
    name: "a platform that is no Linux",
    file: table,
    from: "arm64v8",
    to: "windows/amd64",
    at: "windows/amd64",
    says: 'components.web.platforms[1] "windows/amd64" is not a platform like linux/arm64',
  },
  {
    name: "a port out of range",
    file: table,
    from: '"8080:80"',
    to: '"80800:80"',
    at: '"80800:80"',
    says: 'components.web.ports[0] "80800:80" is not a port like 13306:3306 or 53:53/udp',
  },
  {
    name: "a service name in capitals",
    file: table,
    from: "  db:",
    to: "  DB:",
    at: "DB:",
    says: 'the name "DB" must be lower-case letters and digits, with . _ - between them',
  },
  {
    name: "the name of the object prototype",
    file: table,
    from: "  db:",
    to: "  __proto__:",
    at: "__proto__:",
    says: "a key may not be named __proto__",
  },
  {
    name: "a missing key",
    file: table,
    from: "    image: nginx:1.27.0\n",
    to: "",
    at: "web:",
    says: "components.web.image is missing",
  },
  {
    name: "a misspelt key at the top",
    file: table,
    from: "components:",
    to: "componnents:",
    at: "componnents:",
    says: 'unknown key "componnents"|Did you mean "components"?',
  },
  {
    name: "a misspelt key of a component",
    file: table,
    from: '    ports: ["8080:80"]',
    to: '    prots: ["8080:80"]',
    at: "prots",
    says: 'unknown key "prots" in components.web|Did you mean "ports"?',
  },
  {
    name: "a key of an alternative that Compose would not know",
    file: table,
    from: "          environment:",
    to: "          enviroment:",
    at: "enviroment",
    says: 'unknown key "enviroment" in components.web.alternatives[0].service|Did you mean "environment"?',
  },
  // YAML itself
  {
    name: "a key twice",
    file: table,
    from: "    required: false",
    to: "    required: false\n    required: true",
    at: "required: true",
    says: "the key required is there twice|Keep one of the two.",
  },
  {
    name: "a tab for an indent",
    file: compose,
    from: "    image: nginx",
    to: "\timage: nginx",
    at: "\timage",
    says: "Tabs are not allowed as indentation",
  },
  {
    name: "an unknown tag",
    file: table,
    from: "name: shop",
    to: "name: !!js/function shop",
    at: "!!js",
    says: "Unresolved tag: tag:yaml.org,2002:js/function",
  },
  {
    name: "an alias without an anchor",
    file: compose,
    from: "image: nginx:1.27.0",
    to: "image: *web",
    at: "*web",
    says: "there is no anchor &web before this alias",
  },
  {
    name: "an alias inside what it stands for",
    file: compose,
    from: "image: nginx:1.27.0",
    to: "image: nginx:1.27.0\n    labels: &l {a: [{b: *l}]}",
    at: "*l",
    says: "this alias stands inside what it stands for, which never ends",
  },
  // Images
  {
    name: "latest",
    file: table,
    from: "image: httpd:2.4.62",
    to: "image: httpd:latest",
    at: "httpd:latest",
    says: "the tag of httpd:latest floats: it names another image tomorrow|Name a version.",
  },
  {
    name: "a tag without a number",
    file: table,
    from: "image: httpd:2.4.62",
    to: "image: httpd:stable-alpine",
    at: "httpd:stable",
    says: "the tag of httpd:stable-alpine floats: it names another image tomorrow|Name a version.",
  },
  {
    name: "no image name at all",
    file: table,
    from: "image: httpd:2.4.62",
    to: "image: HTTPD:2.4.62",
    at: "HTTPD",
    says: '"HTTPD:2.4.62" is not an image name|Write it like redis:7.0.15 or quay.io/coreos/etcd:v3.5.21.',
  },
  {
    name: "an image that is its own alternative",
    file: table,
    from: "image: httpd:2.4.62",
    to: "image: nginx:1.27.0",
    at: "nginx:1.27.0\n        platforms",
    says: "web names the image nginx:1.27.0 twice",
  },
  {
    name: "another image in the compose file",
    file: compose,
    from: "nginx:1.27.0",
    to: "nginx:1.27.1",
    at: "nginx:1.27.1",
    says: "web runs nginx:1.27.1 here, but the component table says nginx:1.27.0|Both files name the same image, letter by letter.",
  },
  {
    name: "a service without an image",
    file: compose,
    from: "    image: nginx:1.27.0\n",
    to: "",
    at: "web:",
    says: "the service web has no image|Write image: nginx:1.27.0.",
  },
  // Services
  {
    name: "a build in the compose file",
    file: compose,
    from: "    image: nginx:1.27.0",
    to: "    image: nginx:1.27.0\n    build: .",
    at: "build: .",
    says: "web may not have `build`: a bundle brings finished images; a build recipe belongs into components.yaml",
  },
  {
    name: "a misspelt key of a service",
    file: compose,
    from: "    environment:",
    to: "    enviroment:",
    at: "enviroment",
    says: 'unknown key "enviroment" in services.web|Did you mean "environment"?',
  },
  {
    name: "a misspelt key of a health check",
    file: compose,
    from: "      test:",
    to: "      tset:",
    at: "tset",
    says: 'unknown key "tset" in services.web.healthcheck|Did you mean "test"?',
  },
  {
    name: "a required service without a health check",
    file: compose,
    from: '    healthcheck:\n      test: ["CMD", "true"]\n',
    to: "",
    at: "web:",
    says: "web is required and has no health check|Add healthcheck: with a test: that ends with 0 when the service works; without one nobody could tell on the site.",
  },
  {
    name: "a health check that is switched off",
    file: compose,
    from: '["CMD", "true"]',
    to: '["NONE"]',
    at: "healthcheck",
    says: "web is required and has no health check|Add healthcheck: with a test: that ends with 0 when the service works; without one nobody could tell on the site.",
  },
  ...["interval", "timeout", "start_period", "start_interval"].map((key): Case => ({
    name: `a health check whose ${key} is no duration`,
    file: compose,
    from: "      test:",
    to: `      ${key}: 5x\n      test:`,
    at: "5x",
    says: `the ${key} of the health check of web is "5x", which is not a duration|${DURATION_HINT}`,
  })),
  {
    name: "a duration without its unit",
    file: compose,
    from: "      test:",
    to: "      interval: 17\n      test:",
    at: "17",
    says: `the interval of the health check of web is 17, which is not a duration|${DURATION_HINT}`,
  },
  {
    name: "a duration that a setting makes wrong",
    file: compose,
    from: "      test:",
    to: '      interval: "9${MODE}"\n      test:',
    at: '"9${MODE}',
    says: `the interval of the health check of web is "9\${MODE}", which is not a duration|${DURATION_HINT}`,
  },
  {
    name: "a duration in the wrong form in an alternative",
    file: table,
    from: "        service:\n",
    to: "        service:\n          healthcheck: { timeout: 1 s, interval: null }\n",
    at: "1 s,",
    says: `the timeout of the health check of web is "1 s", which is not a duration|${DURATION_HINT}`,
  },
  {
    name: "an alternative that takes the health check away",
    file: table,
    from: "        service:\n",
    to: "        service:\n          healthcheck: null\n",
    at: "healthcheck",
    says: "this alternative leaves web without a health check, and it is required",
  },
  {
    name: "a dependency on nothing",
    file: compose,
    from: '    ports:\n      - "8080:80"',
    to: '    depends_on: [bd]\n    ports:\n      - "8080:80"',
    at: "bd]",
    says: 'web depends on bd, which is no service|Did you mean "db"?',
  },
  {
    name: "a wait for the health of what has no health check",
    file: compose,
    from: '    ports:\n      - "8080:80"',
    to: '    depends_on:\n      db: { condition: service_healthy }\n    ports:\n      - "8080:80"',
    at: "db: { con",
    says: "web waits for db to be healthy, which has no health check",
  },
  {
    name: "a required service that depends on an optional one",
    file: compose,
    from: '    ports:\n      - "8080:80"',
    to: '    depends_on:\n      db: { condition: service_started }\n    ports:\n      - "8080:80"',
    at: "db: { con",
    says: "web is required and depends on db, which is optional",
  },
  {
    name: "a fixed password",
    file: compose,
    from: "POSTGRES_PASSWORD: ${DB_PASSWORD}",
    to: "POSTGRES_PASSWORD: letmein",
    at: "letmein",
    says: "POSTGRES_PASSWORD of db is a fixed password, the same on every site|Declare a setting of type secret in site.yaml and refer to it.",
  },
  {
    name: "a mapping that patches a list",
    file: compose,
    from: "    environment:\n      MODE: ${MODE}",
    to: "    environment:\n      - MODE=${MODE}",
    in: table,
    at: "environment:",
    says: "environment of web is a list in compose.yaml, so it cannot be merged with a mapping|Write both as mappings.",
  },
  // Ports
  {
    name: "a port that only the table has",
    file: table,
    from: '["8080:80"]',
    to: '["8080:80", "8443:443"]',
    at: '"8443:443"',
    says: "compose.yaml does not publish 8443:443 of web",
  },
  {
    name: "a port that only the compose file has",
    file: compose,
    from: '      - "8080:80"',
    to: '      - "8080:80"\n      - "8443:443"',
    at: '"8443:443"',
    says: "web publishes 8443:443, which the component table does not list",
  },
  {
    name: "a port that the engine would choose",
    file: compose,
    from: '      - "8080:80"',
    to: '      - "8080:80"\n      - "443"',
    at: '"443"',
    says: '"443" does not say host:container; each port is published singly, without ranges',
  },
  {
    name: "two services on one port of the host",
    file: table,
    from: '"5432:5432"',
    to: '"8080:5432"',
    at: '"8080:5432"',
    says: "8080:5432 of db collides with web: both use the host's port 8080/tcp",
  },
  {
    name: "published ports on the host network",
    file: compose,
    from: '    ports:\n      - "8080:80"',
    to: '    network_mode: host\n    ports:\n      - "8080:80"',
    at: "ports:",
    says: "web is on the host network, where ports cannot be published",
  },
  {
    name: "unequal ports on the host network",
    file: compose,
    from: '    ports:\n      - "8080:80"',
    to: "    network_mode: host",
    in: table,
    at: '"8080:80"',
    says: "web is on the host network, so 8080:80 cannot be: both are the same port there",
  },
  {
    name: "an alternative that adds a port",
    file: table,
    from: "          environment:",
    to: '          ports: ["9000:80"]\n          environment:',
    at: '"9000:80"',
    says: "this alternative publishes 9000:80, which web does not list; it may leave ports out, not add any",
  },
  // Variables
  {
    name: "a variable that nobody declares",
    file: compose,
    from: "MODE: ${MODE}",
    to: "MODE: a ${MODES} b",
    at: "${MODES}",
    says: '${MODES} is not declared in site.yaml|Did you mean "MODE"?',
  },
  {
    name: "a variable in an alternative that nobody declares",
    file: table,
    from: "${MODE}",
    to: "${OTHER}",
    at: "${OTHER}",
    says: "${OTHER} is not declared in site.yaml",
  },
  {
    name: "a variable that Compose cannot read",
    file: compose,
    from: "MODE: ${MODE}",
    to: "MODE: ${MODE} ${1}",
    at: "${1}",
    says: 'Compose cannot read the variable at "${1}"|A plain $ is written $$.',
  },
  {
    name: "a secret with a default in the compose file",
    file: compose,
    from: "${DB_PASSWORD}",
    to: "${DB_PASSWORD:-x}",
    at: "${DB_PASSWORD:-x}",
    says: "the secret ${DB_PASSWORD} has a default here",
  },
  {
    name: "a setting that nothing uses",
    file: site,
    from: "  DB_PASSWORD:",
    to: "  SPARE:\n    type: string\n    description: { en: a, zh: b }\n  DB_PASSWORD:",
    at: "SPARE",
    says: "nothing uses the setting SPARE",
  },
  {
    name: "a secret with a default",
    file: site,
    from: "    type: secret",
    to: "    type: secret\n    default: x",
    at: "default: x",
    says: "the secret DB_PASSWORD has a default|Leave it out: a secret is generated on the site.",
  },
  {
    name: "a length for what is no secret",
    file: site,
    from: "    type: string",
    to: "    type: string\n    length: 20",
    at: "length",
    says: "only a secret has a length, and MODE is a string",
  },
  {
    name: "a short secret",
    file: site,
    from: "    type: secret",
    to: "    type: secret\n    length: 8",
    at: "8\n",
    says: "settings.DB_PASSWORD.length must be at least 16",
  },
  {
    name: "a default that is no number",
    file: site,
    from: "    type: string\n    default: plain",
    to: "    type: port\n    default: plain",
    at: "plain",
    says: "the default of MODE must be a port from 1 to 65535",
  },
  {
    name: "a default that YAML reads as a number",
    file: site,
    from: "default: plain",
    to: "default: 007",
    at: "007",
    says: 'settings.MODE.default must be text, but 007 reads as a number|Write it in quotes: "007".',
  },
  {
    name: "a relative path as a default",
    file: site,
    from: "    type: string\n    default: plain",
    to: "    type: path\n    default: ./plain",
    at: "./plain",
    says: "the default of MODE must be an absolute path without .., spaces and colons",
  },
  // Paths
  {
    name: "a file that does not ship",
    file: compose,
    from: "./files/site.conf",
    to: "./files/sit.conf",
    at: "./files/sit.conf",
    says: './files/sit.conf is not there|Did you mean "./files/site.conf"?',
  },
  {
    name: "a path out of the folder",
    file: compose,
    from: "./files/site.conf",
    to: "./files/../../site.conf",
    at: "./files",
    says: "./files/../../site.conf leads out of the bundle's folder",
  },
  {
    name: "a path of the user's home",
    file: compose,
    from: "./files/site.conf",
    to: "~/site.conf",
    at: "~/site",
    says: "~/site.conf is another place for every user|Write a full path.",
  },
  {
    name: "a volume that nobody declares",
    file: compose,
    from: "./files/site.conf",
    to: "data",
    at: "data:",
    says: "the volume data is not declared in compose.yaml|A path in the bundle begins with ./",
  },
  {
    name: "an env_file that does not ship",
    file: compose,
    from: "    environment:\n      MODE",
    to: "    env_file: web.env\n    environment:\n      MODE",
    at: "web.env",
    says: "web.env is not part of the bundle|Put it under files/.",
  },
  {
    name: "an archive that is not there",
    file: table,
    from: "    required: false",
    to: "    archive: db.tar\n    required: false",
    at: "db.tar",
    says: "the archive db.tar is not there",
  },
];

describe("every problem stands where it is", () => {
  it.each(CASES)("$name", async ({ file, from, to, at, says, in: other }) => {
    const files = changed(file, from, to);
    const problems = await problemsOf(files);
    expect(problems).toContain(`${place(files, other ?? file, at)} ${says}`);
    // One slip may have consequences, but no flood of them.
    expect(problems.length).toBeLessThanOrEqual(4);
  });

  it("compares names both ways", async () => {
    const renamed = changed(table, "  db:", "  bd:");
    expect(await problemsOf(renamed)).toEqual([
      `${place(renamed, table, "bd:")} the component bd has no service in compose.yaml|Did you mean "db"?`,
      `${place(renamed, compose, "db:")} the service db has no component in components.yaml|Did you mean "bd"?`,
    ]);
  });

  it("does not take a name of the shell for a setting", async () => {
    const files = { ...GOOD };
    for (const file of [table, compose, site])
      files[file] = (files[file] ?? "").replaceAll("MODE", "USER");
    expect(await problemsOf(files)).toEqual([
      `${place(files, site, "USER")} the name USER is taken: the environment of whoever runs Compose goes before the site's value|Use a name of your own, such as OPENIM_USER.`,
    ]);
  });

  it("follows aliases and merge keys of the compose file", async () => {
    const files = {
      ...GOOD,
      [compose]: COMPOSE.replace(
        "services:\n  web:\n    image: nginx:1.27.0",
        "x-base: &base\n  image: nginx:1.27.9\nservices:\n  web:\n    <<: *base",
      ),
    };
    expect(await problemsOf(files)).toEqual([
      "compose.yaml:2:10 web runs nginx:1.27.9 here, but the component table says nginx:1.27.0|Both files name the same image, letter by letter.",
    ]);
  });
});

describe("the durations of a health check", () => {
  it.each([
    "5s",
    "1m30s",
    "500ms",
    "2.5s",
    "100us",
    "1h5m30s20ms",
    '"0"',
    "${PAUSE:-5s}",
    "${MODE}",
  ])("may be %s", async (duration) => {
    const files = changed(compose, "      test:", `      interval: ${duration}\n      test:`);
    const problems = await problemsOf({
      ...files,
      [site]: SITE.replace("    default: plain\n", ""),
    });
    expect(problems.filter((problem) => problem.includes("duration"))).toEqual([]);
  });
});

describe("hostile definitions", () => {
  it("stops at a bomb of aliases", async () => {
    const levels = Array.from({ length: 9 }, (_, level) =>
      level === 0
        ? "x-0: &x0 [a, a, a, a, a, a, a, a, a, a]"
        : `x-${level}: &x${level} [${Array.from({ length: 10 }, () => `*x${level - 1}`).join(", ")}]`,
    );
    const problems = await problemsOf({ ...GOOD, [compose]: `${levels.join("\n")}\n${COMPOSE}` });
    expect(problems).toContainEqual(expect.stringMatching(/^compose\.yaml:1:1 .*alias/i));
  });

  it("survives nesting without end", async () => {
    const problems = await problemsOf({ ...GOOD, [compose]: "[".repeat(20_000) });
    expect(problems.length).toBeGreaterThan(0);
  });

  it("refuses a file that is too large before reading it", async () => {
    const problems = await problemsOf({
      ...GOOD,
      [site]: `${SITE}#${" ".repeat(16 * 1024 * 1024)}`,
    });
    expect(problems).toContain("site.yaml:1:1 is 16.0 MiB, more than the 16.0 MiB allowed");
  });

  it("refuses bytes that are no text", async () => {
    expect(await problemsOf({ ...GOOD, [site]: new Uint8Array([0x61, 0xff, 0xfe]) })).toContain(
      "site.yaml:1:1 is not UTF-8 text",
    );
  });

  it("refuses a folder where a file should be", async () => {
    const { [site]: dropped, ...rest } = GOOD;
    expect(dropped).toBeDefined();
    expect(await problemsOf({ ...rest, "site.yaml/x": "" })).toContain(
      "site.yaml:1:1 is not a regular file",
    );
  });

  it("refuses an archive behind a link", async () => {
    const dir = await writeFolder(
      changed(table, "    required: false", "    archive: db.tar\n    required: false"),
    );
    await symlink("/etc/hostname", join(dir, "db.tar"));
    const { problems } = await checkDefinition(dir);
    expect(problems.map(({ message }) => message)).toEqual([
      "the archive db.tar leads out of the definition's folder",
    ]);
  });
});
