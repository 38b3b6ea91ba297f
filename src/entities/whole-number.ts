import { Type, type EntityProperty, type Platform } from '@mikro-orm/core';
import { exactNumber } from 'mikro-orm-counters';

/**
 * The type of whole numbers of 64 bits, such as keys and stored counts, as JavaScript's numbers.
 *
 * Drivers return those beyond 2^53 − 1 as text; they are rejected rather than rounded. Errors: UnsafeNumberError.
 */
export class WholeNumber extends Type<number, number> {
  override getColumnType(property: EntityProperty, platform: Platform): string {
    const integer = platform.getIntegerTypeDeclarationSQL(property);
    // SQLite has one type of whole numbers, whose values have 64 bits anyway.
    const isOnlyOne = integer === platform.getSmallIntTypeDeclarationSQL(property);
    return isOnlyOne ? integer : platform.getBigIntTypeDeclarationSQL(property);
  }

  override convertToJSValue(value: number | string): number {
    return exactNumber(value, `${this.meta?.tableName}.${this.prop?.fieldNames[0]}`);
  }

  override compareAsType(): string {
    return 'number';
  }

  override ensureComparable(): boolean {
    return false;
  }
}
