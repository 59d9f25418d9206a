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

/** Names in words, each a rule that is an error. */
const errors = (words, plugin = "") =>
  Object.fromEntries(
    words
      .trim()
      .split(/\s+/)
      .map((name) => [plugin + name, "error"]),
  );

const likelyMistakes = errors(`
  for-direction no-async-promise-executor no-case-declarations no-compare-neg-zero no-cond-assign
  no-constant-binary-expression no-constant-condition no-control-regex no-debugger no-delete-var
  no-dupe-else-if no-duplicate-case no-empty no-empty-character-class no-empty-pattern
  no-empty-static-block no-ex-assign no-extra-boolean-cast no-fallthrough no-global-assign
  no-invalid-regexp no-irregular-whitespace no-loss-of-precision no-misleading-character-class
  no-nonoctal-decimal-escape no-prototype-builtins no-regex-spaces no-self-assign
  no-shadow-restricted-names no-sparse-arrays no-unassigned-vars no-unexpected-multiline
  no-unsafe-finally no-unsafe-optional-chaining no-unused-labels no-unused-private-class-members
  no-unused-vars no-useless-assignment no-useless-backreference no-useless-catch no-useless-escape
  preserve-caught-error require-yield use-isnan valid-typeof
`);

/** What the type checker finds in TypeScript. */
const withoutTypeChecker = errors(`
  constructor-super getter-return no-class-assign no-const-assign no-dupe-class-members no-dupe-keys
  no-func-assign no-import-assign no-new-native-nonconstructor no-obj-calls no-redeclare
  no-setter-return no-this-before-super no-undef no-unreachable no-unsafe-negation no-with
`);

/** The strict and stylistic rules of typescript-eslint, those that ask for types too. */
const typescriptRules = {
  ...errors("no-var prefer-const prefer-rest-params prefer-spread"),
  ...errors(
    `
      adjacent-overload-signatures array-type await-thenable ban-tslint-comment class-literal-property-style
      consistent-generic-constructors consistent-indexed-object-style consistent-type-assertions
      consistent-type-definitions consistent-type-imports dot-notation no-array-constructor no-array-delete
      no-base-to-string no-confusing-non-null-assertion no-deprecated no-duplicate-enum-values
      no-duplicate-type-constituents no-dynamic-delete no-empty-function no-empty-object-type
      no-explicit-any no-extra-non-null-assertion no-extraneous-class no-floating-promises
      no-for-in-array no-generated-empty-object-type no-implied-eval no-inferrable-types
      no-invalid-void-type no-meaningless-void-operator no-misused-new no-misused-promises
      no-misused-spread no-mixed-enums no-namespace no-non-null-asserted-nullish-coalescing
      no-non-null-asserted-optional-chain no-non-null-assertion no-redundant-type-constituents
      no-require-imports no-this-alias no-unnecessary-boolean-literal-compare no-unnecessary-condition
      no-unnecessary-template-expression no-unnecessary-type-arguments no-unnecessary-type-assertion
      no-unnecessary-type-constraint no-unnecessary-type-conversion no-unnecessary-type-parameters
      no-unsafe-argument no-unsafe-assignment no-unsafe-call no-unsafe-class-instance-assignment
      no-unsafe-declaration-merging no-unsafe-enum-assignment no-unsafe-enum-comparison
      no-unsafe-function-type no-unsafe-member-access no-unsafe-return no-unsafe-unary-minus
      no-unused-expressions no-useless-constructor no-useless-default-assignment
      no-wrapper-object-types non-nullable-type-assertion-style only-throw-error prefer-as-const
      prefer-find prefer-for-of prefer-function-type prefer-includes prefer-literal-enum-member
      prefer-namespace-keyword prefer-nullish-coalescing prefer-optional-chain
      prefer-promise-reject-errors prefer-reduce-type-parameter prefer-regexp-exec prefer-return-this-type
      prefer-string-starts-ends-with related-getter-setter-pairs require-await triple-slash-reference
      unbound-method unified-signatures use-unknown-in-catch-callback-variable
    `,
    "typescript/",
  ),
  "typescript/ban-ts-comment": ["error", { minimumDescriptionLength: 10 }],
  "typescript/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
  "typescript/restrict-plus-operands": [
    "error",
    {
      allowAny: false,
      allowBoolean: false,
      allowNullish: false,
      allowNumberAndString: false,
      allowRegExp: false,
    },
  ],
  "typescript/restrict-template-expressions": ["error", { allowNumber: true }],
  "typescript/return-await": ["error", "error-handling-correctness-only"],
};

export default {
  options: { typeAware: true, reportUnusedDisableDirectives: "error" },
  plugins: ["typescript"],
  categories: { correctness: "off" },
  ignorePatterns: ["dist/", "test/bench/built/", "demo/", "coverage/"],
  env: { node: true, es2022: true },
  rules: likelyMistakes,
  overrides: [
    { files: ["**/*.ts"], rules: typescriptRules },
    { files: ["test/**/*.ts"], rules: { "typescript/no-non-null-assertion": "off" } },
    { files: ["**/*.js"], rules: withoutTypeChecker },
    { files: ["templates/report/*.js"], env: { node: false, browser: true } },
    ...roomRules,
  ],
};
