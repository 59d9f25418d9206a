/**
 * openim-bundler as a library. Each job takes plain options and an AbortSignal, tells what it does
 * through an event sink, and returns a value that can be printed as JSON.
 */
export {
  type CreatedBundle,
  type CreateOptions,
  type CreateResult,
  createJob as create,
} from "./jobs/create.js";
export { type PlanResult, type PlanRow, type PlatformPlan, planJob as plan } from "./jobs/plan.js";
export type { SelectionOptions } from "./jobs/selection.js";
export type { JobOptions } from "./jobs/job.js";
export { type DoctorOptions, type DoctorResult, doctorJob as doctor } from "./jobs/doctor.js";
export { checkDefinition, loadDefinition } from "./definition/definition.js";
export { listBundles, resolveBundle } from "./definition/bundles.js";
export type {
  Alternative,
  Component,
  Definition,
  DefinitionProblem,
  Setting,
} from "./definition/types.js";
export { inspectBundle } from "./inspect/inspect-bundle.js";
export { type DiffOptions, diffBundles as diff } from "./diff/diff.js";
export type { BundleDiff, Change, ComponentChange } from "./diff/types.js";
export {
  type Finding,
  type VerifyOptions,
  type VerifyReport,
  verifyBundle as verify,
} from "./verify/verify.js";
export { type VerifyConfig, readConfigFlags } from "./verify/config.js";
export type { Waiver } from "./verify/rules/waivers.js";
export { readConfigFile } from "./verify/config-file.js";
export type { Rule } from "./verify/rule.js";
export { type RuleId, RULES } from "./verify/rules.js";
export { formatJUnit } from "./verify/junit.js";
export { formatSarif } from "./verify/sarif.js";
export { type Rehearsal, rehearseBundle as rehearse } from "./rehearse/rehearse.js";
export type { RehearseOptions } from "./rehearse/options.js";
export { readPackages } from "./sbom/read-packages.js";
export { type SbomDocument, sbomDocuments } from "./sbom/documents.js";
export type { ComponentPackages, Distro, Package, PackageType } from "./sbom/types.js";
export type { BundleComponent, BundleManifest } from "./bundle/types.js";
export { formatLock, parseLock } from "./plan/lock.js";
export type { Lock, LockedComponent, LockedImage, Method, PlatformLock } from "./plan/types.js";
export { BundlerError, EXIT_CODES, type ErrorCode } from "./core/errors.js";
export type { BundlerEvent, EventSink, Phase } from "./core/events.js";
export { type Platform, formatPlatform, parsePlatform } from "./core/platform.js";
