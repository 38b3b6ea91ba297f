/**
 * Lets Node load the TypeScript of this checkout, compiled as tsconfig.json says. The workers of the tests load this file
 * first, instead of Vite's module runner, in which each use of an import is a call.
 */
import { existsSync, readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { transformSync, TsconfigCache } from 'rolldown/utils';
import { __decorate, __metadata, __param } from 'tslib';

const tsconfig = fileURLToPath(new URL('../../tsconfig.json', import.meta.url));
const cache = new TsconfigCache(tsconfig);

// What compiled decorators call.
Object.assign(globalThis, {
  babelHelpers: { decorate: __decorate, decorateMetadata: __metadata, decorateParam: __param },
});

registerHooks({
  resolve(specifier, context, nextResolve) {
    // Sources are imported by the names that they have when they are compiled; what Relay's compiler makes, by no ending.
    const isSource = specifier.startsWith('.') && !specifier.endsWith('.ts');
    const source = `${specifier.replace(/\.js$/, '')}.ts`;
    if (isSource && existsSync(new URL(source, context.parentURL))) return nextResolve(source, context);
    // By this condition, packages of this workspace give their source.
    return nextResolve(specifier, { ...context, conditions: ['source', ...context.conditions] });
  },
  load(url, context, nextLoad) {
    const { protocol, pathname } = new URL(url);
    if (protocol !== 'file:' || !pathname.endsWith('.ts')) return nextLoad(url, context);
    const path = fileURLToPath(url);
    const options = { tsconfig, sourcemap: true, helpers: { mode: 'External' } } as const;
    const { code, map, errors } = transformSync(path, readFileSync(path, 'utf8'), options, cache);
    if (errors.length > 0) throw new AggregateError(errors, `${path} cannot be compiled: ${errors[0]!.message}`);
    const mapUrl = `data:application/json;base64,${Buffer.from(JSON.stringify(map)).toString('base64')}`;
    return { format: 'module', source: `${code}\n//# sourceMappingURL=${mapUrl}`, shortCircuit: true };
  },
});
