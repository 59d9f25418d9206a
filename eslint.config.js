import js from "@eslint/js";
import globals from "globals";
import tseslint from "typescript-eslint";

/**
 * What each room of src/ may import from the others. `core` is open to all. The order is the
 * design: verify and the bundle reader can reach no network code, and only commands see the UI.
 */
const rooms = {
  core: [],
  tar: [],
  image: ["tar"],
  store: [],
  http: [],
  registry: ["http", "image", "store"],
  definition: [],
  compose: ["definition", "image"],
  plan: ["definition", "image", "registry", "store"],
  acquire: ["definition", "image", "plan", "registry", "store", "tar"],
  source: ["definition", "http", "plan", "store", "tar"],
  dockerfile: ["image"],
  engine: [],
  builder: ["definition", "dockerfile", "engine", "image"],
  build: [
    "acquire",
    "builder",
    "definition",
    "dockerfile",
    "image",
    "plan",
    "registry",
    "source",
    "store",
    "tar",
  ],
  doctor: ["builder", "definition", "engine", "image", "registry", "store"],
  walk: ["bundle", "image", "tar"],
  bundle: ["compose", "definition", "image", "plan", "store", "tar"],
  sbom: ["walk", "bundle", "image", "tar"],
  verify: ["bundle", "compose", "definition", "image", "sbom", "tar", "walk"],
  rehearse: ["bundle", "definition", "dockerfile", "doctor", "engine", "image", "tar"],
  inspect: ["walk", "bundle", "image", "tar"],
  diff: ["walk", "sbom", "bundle", "compose", "definition", "image", "plan", "tar"],
  report: ["walk", "sbom", "verify", "diff", "bundle", "image"],
  sample: ["definition", "image", "tar"],
};
const lower = Object.keys(rooms);
rooms.jobs = lower;
// What shows results knows their types and words, and asks nothing.
rooms.ui = ["builder", "diff", "doctor", "inspect", "jobs", "rehearse", "report", "sbom", "verify"];
rooms.cli = ["definition", "http", "jobs", "plan", "ui", "verify"];
const all = [...lower, "jobs", "commands", "cli", "ui"];

const roomRules = Object.entries(rooms).map(([room, allowed]) => {
  const closed = all.filter((name) => name !== room && name !== "core" && !allowed.includes(name));
  return {
    files: [`src/${room}/**/*.ts`],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            {
              group: [...closed.map((name) => `**/${name}/**`), "**/index.js"],
              message: `The room ${room} may import only core${allowed.map((name) => `, ${name}`).join("")}.`,
            },
          ],
        },
      ],
      "no-console": "error",
    },
  };
});

/**
 * A command is flags in, one call, typed result out: it loads that call when it runs, and else takes
 * only types and words from the rooms below.
 */
const inner = ["acquire", "engine", "http", "registry", "source", "tar", "walk"];
const commandRules = {
  files: ["src/commands/**/*.ts"],
  rules: {
    "no-console": "error",
    "no-restricted-imports": "off",
    "@typescript-eslint/no-restricted-imports": [
      "error",
      {
        patterns: [
          {
            group: [
              ...lower.filter((room) => room !== "core").map((room) => `**/${room}/**`),
              "!**/builder/builder-names.js",
              "!**/image/reference.js",
            ],
            allowTypeImports: true,
            message: "A command imports values of core, jobs, cli and ui alone; import() the call.",
          },
        ],
      },
    ],
    "no-restricted-syntax": [
      "error",
      {
        selector: `ImportExpression > Literal[value=/^[.\\u002F]+(?:${inner.join("|")})\\u002F/]`,
        message: "A command calls a job, not what jobs are made of.",
      },
    ],
  },
};

export default tseslint.config(
  { ignores: ["dist/", "test/bench/built/", "demo/", "coverage/", "node_modules/"] },
  js.configs.recommended,
  {
    files: ["**/*.ts"],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/consistent-type-imports": "error",
    },
  },
  {
    files: ["test/**/*.ts"],
    rules: { "@typescript-eslint/no-non-null-assertion": "off" },
  },
  {
    files: ["**/*.js"],
    languageOptions: {
      globals: globals.node,
    },
  },
  {
    files: ["templates/report/*.js"],
    languageOptions: { sourceType: "script", globals: globals.browser },
  },
  ...roomRules,
  commandRules,
);
