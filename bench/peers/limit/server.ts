// The limit: node:http and SQL by hand, no GraphQL. DUTIES=on: with the token, the request id and the access log that a
// server owes besides.
import { serve } from './serve.ts';
import { statementsOf } from './statements.ts';

serve(statementsOf(process.env['DATABASE_URL']!), { duties: process.env['DUTIES'] === 'on' });
