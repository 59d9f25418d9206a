import type { BundleInspection, ComponentInspection } from "../bundle/inspect.js";
import { formatBytes } from "../core/bytes.js";
import { shortDigest } from "../core/digest.js";
import { formatTable } from "./table.js";

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
    `${name} ${version} for ${platform}: ${title.en}`,
    `made by ${tool.name} ${tool.version}, dated ${date}`,
    "",
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
    ...leftOut.map(
      (one) => `without ${one.name}${one.required ? "" : " (optional)"}: ${one.reason}`,
    ),
    ...extras.map(
      (one) => `carries ${one.name} ${one.version}: ${one.path}, ${formatBytes(one.size)}`,
    ),
    "",
    `Archive ${formatBytes(sizes.archive)}, images ${formatBytes(sizes.images)}, distinct blobs ${formatBytes(sizes.distinctBlobs)}${sizes.unpacked === undefined ? "" : `, unpacked ${formatBytes(sizes.unpacked)}`}.`,
  ];
}

/** What `inspect ARCHIVE COMPONENT` says. */
export function describeComponent(
  component: ComponentInspection,
  width: number,
): readonly string[] {
  const { name, reference, platform, created, method, reason, origin, ports, tarball, layers } =
    component;
  return [
    `${name}: ${reference}`,
    `platform  ${platform}`,
    `way       ${method}: ${reason}`,
    ...(created === undefined ? [] : [`created   ${created}`]),
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
    "",
    formatTable(
      [
        { title: "layer" },
        { title: "size", align: "right" },
        { title: "media type" },
        { title: "shared with", wrap: true },
      ],
      layers.map(({ digest, size, mediaType, sharedWith }) => [
        shortDigest(digest),
        formatBytes(size),
        mediaType,
        sharedWith.join(", "),
      ]),
      width,
    ),
  ];
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
