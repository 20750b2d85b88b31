/** A release of the product on disk: its SQL without the sample application, and the metadata that goes with it. */
export {
  listFiles,
  type ListName,
  listNames,
  type ReleaseMetadata,
  type TrackedFile,
} from "./read-metadata.ts";
export { type Hook, readRelease, type Release, type Script } from "./read-release.ts";
