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
);
