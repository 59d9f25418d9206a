import { formatBytes } from "../core/bytes.js";
import { BundlerError } from "../core/errors.js";
import { bundleRoot } from "./paths.js";
import type { SiteManifest } from "./site-index.js";

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
    complete: "Nothing.",
  },
  zh: {
    component: "组件",
    image: "镜像",
    ports: "端口",
    size: "大小",
    setting: "设置项",
    default: "默认值",
    meaning: "含义",
    generated: "安装时在现场生成",
    needed: "必须指定",
    found: "安装时自动获取",
    none: "–",
    complete: "无。",
  },
} as const;

/**
 * Fills a README template from the manifest: `{{name}}`, `{{version}}`, `{{title}}`,
 * `{{platform}}`, `{{root}}`, `{{project}}`, `{{size}}`, and the tables `{{components}}`,
 * `{{settings}}`, `{{left_out}}`.
 *
 * @param project the compose project's name.
 * @throws BundlerError INTERNAL for a placeholder that does not exist.
 */
export function siteReadme(
  template: ReadmeTemplate,
  manifest: SiteManifest,
  project: string,
): string {
  const { language } = template;
  const words = WORDS[language];
  const bytes = manifest.components.reduce((sum, { tarball }) => sum + tarball.size, 0);
  const values: Readonly<Record<string, string>> = {
    name: manifest.name,
    version: manifest.version,
    title: cell(manifest.title[language]),
    platform: manifest.platform,
    root: bundleRoot(manifest.name, manifest.version, manifest.platform),
    project,
    size: formatBytes(bytes),
    components: grid(
      [words.component, words.image, words.ports, words.size],
      manifest.components.map(({ title, image, ports, tarball }) => [
        title[language],
        `\`${image.reference}\``,
        ports.map(({ host, protocol }) => `${host}/${protocol}`).join(", ") || words.none,
        formatBytes(tarball.size),
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
    left_out:
      manifest.leftOut.length === 0
        ? words.complete
        : manifest.leftOut.map(({ name, reason }) => `- \`${name}\`: ${cell(reason)}`).join("\n"),
  };
  return template.text.replace(/\{\{([^{}]*)\}\}/g, (_, key: string) => {
    const value = values[key];
    if (value === undefined) {
      throw new BundlerError(
        "INTERNAL",
        `The README template asks for {{${key}}}, which is unknown.`,
      );
    }
    return value;
  });
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
  return text
    .replace(/[\s\p{Cc}]+/gu, " ")
    .trim()
    .replaceAll("|", "\\|")
    .replaceAll("<", "&lt;");
}
