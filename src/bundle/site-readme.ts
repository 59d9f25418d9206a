import { formatBytes } from "../core/bytes.js";
import { BundlerError } from "../core/errors.js";
import { oneLine } from "../core/invisible.js";
import { blobsOf } from "./image-layout.js";
import { bundleRoot } from "./paths.js";
import type { SiteManifest } from "./site-index.js";
import { tarballsOf } from "./tarballs.js";

type SiteLanguage = "en" | "zh";

/** A template with `{{name}}` in it, for the customer's README in one language. */
export interface ReadmeTemplate {
  readonly language: SiteLanguage;
  readonly text: string;
}

const WORDS = {
  en: {
    component: "Component",
    image: "Image",
    ports: "Ports",
    size: "Size",
    setting: "Setting",
    default: "Default",
    meaning: "Meaning",
    generated: "generated on the site",
    needed: "must be given",
    found: "found on the site",
    none: "–",
  },
  zh: {
    component: "组件",
    image: "镜像",
    ports: "端口",
    size: "大小",
    setting: "设置项",
    default: "默认值",
    meaning: "含义",
    generated: "首次安装时自动生成",
    needed: "必须指定",
    found: "安装时自动获取",
    none: "–",
  },
} as const;

const EXTRA_TITLES = { docker: "Docker", compose: "Docker Compose" } as const;

/** What a README says beside the manifest. */
export interface ReadmeFacts {
  /** The compose project's name. */
  readonly project: string;
  /** What the definition ships, relative to `files/`. */
  readonly files: readonly string[];
}

/** What a definition tells the people on the site, in their language if it has it. */
const NOTES = {
  en: ["NOTES.md", "NOTES.zh-CN.md"],
  zh: ["NOTES.zh-CN.md", "NOTES.md"],
} as const;

/**
 * Fills a README template from the manifest: `{{version}}`, `{{title}}`, `{{platform}}`,
 * `{{root}}`, `{{project}}`, `{{size}}`, the tables `{{components}}` and `{{settings}}`, and what a
 * bundle may lack: the path `{{notes}}`, the lists `{{replaced}}` and `{{left_out}}`, the names of
 * the settings `{{host_address}}` and `{{data_dir}}`, what `{{engine}}` it carries. What stands between `{{#key}}` and `{{/key}}` is left out
 * where the value of the key is empty.
 *
 * @throws BundlerError INTERNAL for a placeholder that does not exist.
 */
export function siteReadme(
  template: ReadmeTemplate,
  manifest: SiteManifest,
  { project, files }: ReadmeFacts,
): string {
  const { language } = template;
  const words = WORDS[language];
  const bytes = tarballsOf(manifest.components).reduce(
    (sum, { components: [first] }) => sum + (first?.tarball.size ?? 0),
    0,
  );
  const notes = NOTES[language].find((path) => files.includes(path));
  const settingOf = (name: string): string =>
    manifest.settings.find((setting) => setting.name === name)?.name ?? "";
  const why = ({ reason, reasonZh }: { reason: string; reasonZh?: string }): string =>
    language === "zh" ? (reasonZh ?? reason) : reason;
  const values: Readonly<Record<string, string>> = {
    version: manifest.version,
    title: cell(manifest.title[language]),
    platform: manifest.platform,
    root: bundleRoot(manifest.name, manifest.version, manifest.platform),
    project,
    size: formatBytes(bytes),
    components: grid(
      [words.component, words.image, words.ports, words.size],
      manifest.components.map(({ title, image, ports }) => [
        title[language],
        `\`${image.reference}\``,
        ports.map(({ host, protocol }) => `${host}/${protocol}`).join(", ") || words.none,
        formatBytes(blobsOf(image).reduce((sum, { size }) => sum + size, 0)),
      ]),
    ),
    settings: grid(
      [words.setting, words.default, words.meaning],
      manifest.settings.map(({ name, type, default: preset, description }) => [
        `\`${name}\``,
        presetOnSite(name, type, language, preset),
        description[language],
      ]),
    ),
    notes: notes === undefined ? "" : `files/${notes}`,
    host_address: settingOf("HOST_ADDRESS"),
    data_dir: settingOf("DATA_DIR"),
    engine: (manifest.extras ?? [])
      .map(({ name, version }) => `${EXTRA_TITLES[name]} ${version}`)
      .join(", "),
    replaced: manifest.components
      .filter(({ method }) => method === "alternative")
      .map((one) => `- \`${one.name}\` (\`${one.image.reference}\`): ${cell(why(one))}`)
      .join("\n"),
    left_out: manifest.leftOut.map((one) => `- \`${one.name}\`: ${cell(why(one))}`).join("\n"),
  };
  return fill(template.text, values);
}

function fill(text: string, values: Readonly<Record<string, string>>): string {
  const valueOf = (key: string): string => {
    const value = Object.hasOwn(values, key) ? values[key] : undefined;
    if (value === undefined) {
      throw new BundlerError(
        "INTERNAL",
        `The README template asks for {{${key}}}, which is unknown.`,
      );
    }
    return value;
  };
  const kept = (_: string, key: string, inside: string): string =>
    valueOf(key) === "" ? "" : inside;
  return (
    text
      // Marks that are paragraphs of their own go together with the blank line after them.
      .replace(/^\{\{#(\w+)\}\}\n\n([^]*?)^\{\{\/\1\}\}(?:\n\n|\n?$)/gm, kept)
      .replace(/\{\{#(\w+)\}\}([^]*?)\{\{\/\1\}\}/g, kept)
      .replace(/\{\{([^{}]*)\}\}/g, (_, key: string) => valueOf(key))
  );
}

function presetOnSite(
  name: string,
  type: string,
  language: SiteLanguage,
  preset: string | undefined,
): string {
  const words = WORDS[language];
  if (preset !== undefined) return preset === "" ? words.none : `\`${preset}\``;
  if (type === "secret") return words.generated;
  return name === "HOST_ADDRESS" ? words.found : words.needed;
}

function grid(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** One line that no table or HTML reader misunderstands. */
function cell(text: string): string {
  return oneLine(text).replaceAll("|", "\\|").replaceAll("<", "&lt;");
}
