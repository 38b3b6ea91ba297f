// The load generator, in a process of its own: runs one job after another that its parent sends.
import autocannon from 'autocannon';
import type { LoadJob, LoadResult } from '../comparison/load-job.ts';

process.on('message', (job: LoadJob) => void run(job).then(result => process.send!(result)));
process.on('disconnect', () => process.exit());

async function run({ url, headers, clients, seconds, bodies, once }: LoadJob): Promise<LoadResult> {
  let [succeeded, failed, answered, next] = [0, 0, 0, 0];
  let failure: string | null = null;
  let end = Infinity;
  const latencies: number[] = [];
  const options: autocannon.Options = {
    url,
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
    connections: clients,
    duration: seconds,
    sampleInt: 50,
    // Several requests at once on a connection would not be answered by their own time.
    pipelining: 1,
    // A request that is made when it is sent, so that none is sent twice; or lists of requests that are made before.
    ...(once
      ? { requests: [{ setupRequest: request => ({ ...request, body: bodies[next++ % bodies.length]! }) }] }
      : {
          setupClient(client) {
            const own = next++;
            client.setRequests(bodies.filter((_, index) => index % clients === own).map(body => ({ body })));
          },
        }),
    verifyBody(body) {
      const text = String(body);
      const good = text.startsWith('{"data":{') && !text.includes('"errors":') && !text.includes('"userErrors":[{');
      if (!good) {
        failed += 1;
        failure ??= text.slice(0, 500);
      } else if (performance.now() <= end) succeeded += 1;
      return good;
    },
  };
  await new Promise<void>((resolve, reject) => {
    autocannon(options, error => (error ? reject(error as Error) : resolve()))
      // After the requests were made ready.
      .on('start', () => (end = performance.now() + seconds * 1000))
      .on('response', (_client, _status, _bytes, milliseconds) => {
        answered += 1;
        latencies.push(milliseconds);
      })
      .on('reqError', error => {
        failed += 1;
        failure ??= String(error);
      });
  });
  latencies.sort((a, b) => a - b);
  const percentile = (part: number): number | null => latencies[Math.floor(latencies.length * part)] ?? null;
  return {
    succeeded,
    failed,
    answered,
    milliseconds: seconds * 1000,
    p50: percentile(0.5),
    p99: percentile(0.99),
    failure,
  };
}
