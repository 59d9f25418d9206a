import type { BundleInspection, ComponentInspection } from "../inspect/inspect-bundle.js";
import { formatBytes } from "../core/bytes.js";
import { shortDigest } from "../core/digest.js";
import { requirementLines, smokeLines, upgradeLines } from "./describe-promises.js";
import { formatTable } from "./table.js";
import { section } from "./section.js";

/** Longer labels and history lines are cut here; `--json` has all of them. */
const LONGEST = 300;

/** What `inspect ARCHIVE` says. */
export function describeInspection(inspection: BundleInspection, width: number): readonly string[] {
  const {
    name,
    version,
    title,
    platform,
    date,
    tool,
    sizes,
    components,
    extras = [],
    leftOut,
  } = inspection;
  return [
    ...[
      `${name} ${version} for ${platform}: ${title.en}`,
      `made by ${tool.name} ${tool.version}, dated ${date}`,
      "",
    ].map(oneLine),
    formatTable(
      [
        { title: "component" },
        { title: "way" },
        { title: "image" },
        { title: "manifest" },
        { title: "size", align: "right" },
        { title: "unpacked", align: "right" },
        { title: "layers", align: "right" },
        { title: "shared", align: "right" },
      ],
      components.map(
        ({ name: component, method, reference, origin, tarball, unpacked, layers }) => [
          component,
          method,
          reference,
          shortDigest(origin.manifest),
          formatBytes(tarball.size),
          unpacked === undefined ? "" : formatBytes(unpacked),
          String(layers.length),
          String(layers.filter(({ sharedWith }) => sharedWith.length > 0).length),
        ],
      ),
      width,
    ),
    ...[
      ...leftOut.map(
        (one) => `without ${one.name}${one.required ? "" : " (optional)"}: ${one.reason}`,
      ),
      ...extras.map(
        (one) => `carries ${one.name} ${one.version}: ${one.path}, ${formatBytes(one.size)}`,
      ),
      ...components.flatMap((one) =>
        one.trouble === undefined ? [] : [`trouble with ${one.name}: ${one.trouble}`],
      ),
      ...section("Required of the host", [
        ...requirementLines(inspection.requires),
        ...components.flatMap((one) => requirementLines(one.requires, one.name)),
      ]),
      ...section(
        "Smoke tests",
        components.flatMap((one) => smokeLines(one.smoke, one.name)),
      ),
      ...section(
        "Upgrades",
        components.flatMap((one) => upgradeLines(one.upgrade, one.name)),
      ),
      ...section("Licences, by the images' own labels", licenseLines(components)),
      "",
      `Archive ${formatBytes(sizes.archive)}, images ${formatBytes(sizes.images)}, distinct blobs ${formatBytes(sizes.distinctBlobs)}${sizes.unpacked === undefined ? "" : `, unpacked ${formatBytes(sizes.unpacked)}`}.`,
    ].map(oneLine),
  ];
}

/** What `inspect ARCHIVE COMPONENT` says. */
export function describeComponent(
  component: ComponentInspection,
  width: number,
): readonly string[] {
  const { name, reference, platform, created, method, reason, origin, ports, tarball } = component;
  return [
    ...[
      `${name}: ${reference}`,
      `platform  ${platform}`,
      `way       ${method}: ${reason}`,
      ...(created === undefined ? [] : [`created   ${created}`]),
      ...(origin.registry === undefined ? [] : [`registry  ${origin.registry}`]),
      ...(origin.index === undefined ? [] : [`index     ${origin.index}`]),
      `manifest  ${origin.manifest}`,
      `config    ${origin.config}`,
      `tarball   ${tarball.path}, ${formatBytes(tarball.size)}`,
      ...(component.unpacked === undefined ? [] : [`unpacked  ${formatBytes(component.unpacked)}`]),
      ...(component.build === undefined ? [] : buildLines(component.build)),
      ...(ports.length === 0
        ? []
        : [
            `ports     ${ports.map(({ host, container, protocol }) => `${host}:${container}/${protocol}`).join(", ")}`,
          ]),
      ...(component.licenses === undefined
        ? []
        : [`licences  ${short(component.licenses)} (by its label)`]),
      ...(component.trouble === undefined ? [] : [`trouble   ${component.trouble}`]),
      "",
    ].map(oneLine),
    layerTable(component, width),
    ...[
      ...section("Required of the host", requirementLines(component.requires)),
      ...section("Smoke tests", smokeLines(component.smoke)),
      ...section("Upgrades", upgradeLines(component.upgrade)),
      ...section(
        "Labels",
        component.labels.map((label) => `${short(label.name)}: ${short(label.value)}`),
      ),
      ...section(
        "History, with the layer that a step made",
        component.history.map(
          ({ layer, createdBy, comment }) =>
            `${layer === undefined ? " -" : String(layer).padStart(2)}  ${short(createdBy || (comment ?? ""))}`,
        ),
      ),
    ].map(oneLine),
  ];
}

function layerTable({ layers }: ComponentInspection, width: number): string {
  const isTold = layers.some(({ unpacked }) => unpacked !== undefined);
  return formatTable(
    [
      { title: "" },
      { title: "layer" },
      { title: "size", align: "right" },
      ...(isTold ? [{ title: "unpacked", align: "right" } as const] : []),
      { title: "media type" },
      { title: "shared with", wrap: true },
    ],
    layers.map(({ digest, size, unpacked, mediaType, sharedWith }, position) => [
      String(position),
      shortDigest(digest),
      formatBytes(size),
      ...(isTold ? [unpacked === undefined ? "" : formatBytes(unpacked)] : []),
      mediaType,
      sharedWith.join(", "),
    ]),
    width,
  );
}

function licenseLines(components: readonly ComponentInspection[]): readonly string[] {
  return components.flatMap(({ name, licenses }) =>
    licenses === undefined ? [] : [`${name}: ${short(licenses)}`],
  );
}

/** Text of an archive stays on its line: a line break in it must not look like something we say. */
function oneLine(text: string): string {
  return text.replace(/\n\s*/g, " ");
}

/** On one line, and no longer than can be read. */
function short(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line;
}

function buildLines({
  dockerfile,
  strategy,
  bases,
  sources,
}: NonNullable<ComponentInspection["build"]>): readonly string[] {
  return [
    `built     ${dockerfile}, ${strategy}`,
    ...bases.map(({ reference, digest }) => `from      ${reference}@${digest}`),
    ...sources.map(({ name, checksum }) => `source    ${name} ${checksum}`),
  ];
}
