import { Type, type EntityProperty, type Platform } from '@mikro-orm/core';
import { keyText, uuidIn, type Key } from './key.js';

/** The type of keys that are UUIDs in texts, in another application's database, and of columns of ours that have keys as texts. */
export class KeyText extends Type<Key | null | undefined, string | null | undefined> {
  override getColumnType(_property: EntityProperty, _platform: Platform): string {
    return 'varchar(255)';
  }

  override convertToDatabaseValue(value: Key | null | undefined): string | null | undefined {
    return value === null || value === undefined ? value : keyText(value);
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

/** The type of keys that are bytes. The connection makes them of the text that such a key is; a UUID as people write it names one too. */
export class KeyBytes extends KeyText {
  override getColumnType(_property: EntityProperty, platform: Platform): string {
    return platform.getBlobDeclarationSQL();
  }

  override convertToDatabaseValue(value: string | null | undefined): string | null | undefined {
    return (typeof value === 'string' ? uuidIn(value, 'uuid-binary') : null) ?? value;
  }
}
