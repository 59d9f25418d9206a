import type { SampleRequest } from "./requests.js";

/** What goes wrong with one answer. Byte counts are of the body. */
export type Fault =
  /** An error instead of an answer, with Retry-After in the header's own spelling. */
  | {
      readonly kind: "status";
      readonly status: number;
      readonly retryAfter?: string;
      readonly code?: string;
    }
  /** The connection breaks after so many bytes. */
  | { readonly kind: "reset"; readonly after: number }
  /** The connection stays open and nothing comes after so many bytes. */
  | { readonly kind: "stall"; readonly after: number }
  /** A well-formed answer that is shorter than the content. */
  | { readonly kind: "truncate"; readonly after: number }
  /** One bit of the content is wrong. */
  | { readonly kind: "corrupt" }
  /** A Range request gets the whole content, or a part that was not asked for. */
  | { readonly kind: "wrong-range"; readonly how: "ignored" | "shifted" }
  | { readonly kind: "slow"; readonly bytesPerSecond: number }
  /** All tokens given out so far are no longer good. */
  | { readonly kind: "expire-tokens" }
  | { readonly kind: "redirect"; readonly location: string }
  /** Another document than the stored one. */
  | { readonly kind: "replace"; readonly mediaType: string; readonly bytes: Buffer };

/** Decides what goes wrong with a request; `count` makes it once or always. */
export type Faults = (request: SampleRequest) => Fault | undefined;
