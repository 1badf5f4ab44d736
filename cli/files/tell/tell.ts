/** Has the program learn that files changed. */
export interface Tell {
  /** `changed`: names of files. Returns at once; failures are logged, and a later call takes the place of what still tries. */
  changed(changed: readonly string[]): void;
  /** Nothing is tried any more, and nothing of ours runs, when it resolves. */
  close(): Promise<void>;
}
