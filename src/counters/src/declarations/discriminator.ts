/** The column with the type of the target of a row, and its values for the targets of a group. */
export interface Discriminator {
  readonly column: string;
  readonly values: readonly string[];
}
