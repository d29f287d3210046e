/** What goes into a venv; its hash is part of the venv's name, so that another recipe is another venv. */
export interface Recipe {
  /** Begins the folder's name. */
  readonly label: string;
  readonly requirements: readonly string[];
  /** ISO 8601; packages that came later are not seen. */
  readonly asOf: string;
  /** Distinguishes recipes that look alike: what a checkout held. */
  readonly content?: string;
}
