import type { CatalogueEntry } from '../../src/graphql/errors/error-catalogue.js';

/** Returns whether a message has one of the forms of its code, in which "…" stands for anything. */
export function hasFormOf({ message: forms }: Pick<CatalogueEntry, 'message'>, message: string): boolean {
  return forms.some(form => new RegExp(`^${form.split('…').map(literal).join('[^]+')}$`).test(message));
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
