/** The upstream took longer than it may. */
export class UpstreamTimeout extends Error {}
