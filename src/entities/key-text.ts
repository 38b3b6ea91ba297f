import { Type } from '@mikro-orm/core';

/** The type of keys that are UUIDs in texts, in another application's database, and of columns of ours that have such keys. */
export class KeyText extends Type<string | number | null | undefined, string | null | undefined> {
  override getColumnType(): string {
    return 'varchar(255)';
  }

  override convertToDatabaseValue(value: string | number | null | undefined): string | null | undefined {
    return typeof value === 'number' ? String(value) : value;
  }

  override compareAsType(): string {
    return 'string';
  }
}

/** The type of keys that are UUIDs of the database's own type. */
export class KeyUuid extends KeyText {
  override getColumnType(): string {
    return 'uuid';
  }
}
