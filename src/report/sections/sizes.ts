import { formatBytes } from "../../core/bytes.js";
import { type Markup, markup } from "../markup.js";
import { type Box, squarify } from "../treemap.js";
import type { ReportData, ReportLayer } from "../types.js";
import { counted, digestMark, grouped, listed, more } from "../words.js";

/** How wide the map is for its height; page.css has the same. */
const ASPECT = 2.4;
/** Smaller ones of a component are one tile. */
const MAX_TILES_OF_ONE = 40;
const MAX_ROWS = 1000;
const WHOLE: Box = { x: 0, y: 0, width: 100, height: 100 };
/** Neighbours on the circle of colours are far from each other (the golden angle, in degrees). */
const HUE_STEP = 137.508;

interface Group {
  readonly name: string;
  /** None for what is shared. */
  readonly hue?: number;
  readonly layers: readonly ReportLayer[];
  readonly size: number;
}

/** Where the bytes are: each distinct layer once, under its component or among the shared ones. */
export function sizes(data: ReportData): Markup | undefined {
  if (data.layers.length === 0) return undefined;
  const groups = groupLayers(data);
  const distinct = total(data.layers);
  const shared = data.layers.filter(({ components }) => components.length > 1);
  const tarballOf = new Map(data.components.map(({ name, tarball }) => [name, tarball]));
  const repeated = shared.reduce((sum, { size, components }) => {
    const tarballs = new Set(components.map((name) => tarballOf.get(name)));
    return sum + size * (tarballs.size - 1);
  }, 0);
  const unpacked = data.archive.bundle?.unpacked;
  return markup`<section aria-labelledby="sizes">
    <h2 id="sizes">Sizes</h2>
    <p>
      The archive has ${formatBytes(data.archive.size)}: ${counted(data.layers.length, "distinct layer")} of ${formatBytes(distinct)}${
        shared.length === 0
          ? ""
          : `, of which ${formatBytes(total(shared))} in ${counted(shared.length, "layer")} shared by several components${repeated === 0 ? "" : ` and ${formatBytes(repeated)} of those repeated in other image tarballs`}`
      }.${unpacked === undefined ? "" : ` Unpacked on the site: ${formatBytes(unpacked)}.`}
    </p>
    <div class="map" role="img" aria-label="${describe(groups, distinct)} The table below says the same.">
      ${squarify(
        groups.map(({ size }) => size),
        WHOLE,
        ASPECT,
      ).map((box, at) => {
        const group = groups[at];
        return group === undefined ? undefined : area(group, box);
      })}
    </div>
    <details>
      <summary>All layers as a table</summary>
      ${layerTable(data.layers)}
    </details>
  </section>`;
}

function groupLayers({ components, layers }: ReportData): readonly Group[] {
  const own = components.map(({ name }, at) => ({ name, hue: Math.round(at * HUE_STEP) % 360 }));
  const ofOne = new Map<string, ReportLayer[]>();
  const shared: ReportLayer[] = [];
  for (const layer of layers) {
    const [only, second] = layer.components;
    if (only === undefined || second !== undefined) shared.push(layer);
    else ofOne.set(only, [...(ofOne.get(only) ?? []), layer]);
  }
  return [
    ...own.map((group) => {
      const mine = ofOne.get(group.name) ?? [];
      return { ...group, layers: mine, size: total(mine) };
    }),
    { name: "shared", layers: shared, size: total(shared) },
  ].filter(({ size }) => size > 0);
}

function area({ name, hue, layers, size }: Group, box: Box): Markup {
  const sorted = layers.toSorted((a, b) => b.size - a.size);
  const large = sorted.slice(0, MAX_TILES_OF_ONE);
  const small = sorted.slice(MAX_TILES_OF_ONE);
  const rest = total(small);
  const tiles = squarify(
    [...large.map((layer) => layer.size), rest],
    WHOLE,
    (ASPECT * box.width) / box.height,
  );
  const style = hue === undefined ? "" : `--hue:${hue};--tint:1;`;
  return markup`<div class="area" style="${style}${place(box)}">
    ${tiles.map((tile, at) => {
      const layer = large[at];
      const bytes = layer?.size ?? rest;
      if (bytes === 0) return undefined;
      const words =
        layer === undefined
          ? counted(small.length, "smaller layer")
          : `${layer.digest}${layer.components.length > 1 ? ` of ${listed(layer.components)}` : ""}`;
      const roomy =
        sorted.length > 1 &&
        (tile.width * box.width) / 100 > 7 &&
        (tile.height * box.height) / 100 > (at === 0 ? 17 : 8);
      return markup`<div class="tile" style="${place(tile)}" title="${name}: ${formatBytes(bytes)}, ${words}">${roomy ? markup`<span>${formatBytes(bytes)}</span>` : undefined}</div>`;
    })}
    ${box.width > 5 && box.height > 8 ? markup`<b>${name} <span>${formatBytes(size)}</span></b>` : undefined}
  </div>`;
}

function place({ x, y, width, height }: Box): string {
  const percent = (value: number): string => `${Number(value.toFixed(3))}%`;
  return `left:${percent(x)};top:${percent(y)};width:${percent(width)};height:${percent(height)}`;
}

const MAX_DESCRIBED = 8;

function describe(groups: readonly Group[], whole: number): string {
  const largest = groups.toSorted((a, b) => b.size - a.size).slice(0, MAX_DESCRIBED);
  const words = largest.map(
    ({ name, size }) => `${name} ${formatBytes(size)} (${Math.round((size / whole) * 100)}%)`,
  );
  return `Map of sizes: ${listed(words)}${groups.length > largest.length ? `, and ${grouped(groups.length - largest.length)} smaller ones` : ""}.`;
}

function layerTable(layers: readonly ReportLayer[]): Markup {
  const sorted = layers.toSorted((a, b) => b.size - a.size).slice(0, MAX_ROWS);
  return markup`<div class="scroll" role="region" aria-label="Layers" tabindex="0"><table>
      <caption class="sr">Distinct layers, largest first</caption>
      <thead>
        <tr>
          <th scope="col">Layer</th><th scope="col">Components</th><th scope="col" class="number">Size</th>
          <th scope="col" class="number">Unpacked</th><th scope="col">Made by</th>
        </tr>
      </thead>
      <tbody>
        ${sorted.map(
          ({ digest, components, size, unpacked, history }) => markup`<tr>
            <td>${digestMark(digest)}</td><td>${components.join(", ")}</td>
            <td class="number">${formatBytes(size)}</td>
            <td class="number">${unpacked === undefined ? undefined : formatBytes(unpacked)}</td>
            <td class="history">${history === undefined ? undefined : markup`<code>${history.slice(0, 300)}</code>`}</td>
          </tr>`,
        )}
      </tbody>
    </table></div>
    ${more(layers.length - sorted.length, "inspect --json has them all.")}`;
}

function total(layers: readonly ReportLayer[]): number {
  return layers.reduce((sum, { size }) => sum + size, 0);
}
