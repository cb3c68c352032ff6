// The peer of `cargo xtask bench gateway`: queries in JSON over HTTPS, two processes, one pool each.
import cluster from 'node:cluster';
import { readFileSync } from 'node:fs';
import Fastify from 'fastify';
import pg from 'pg';

const [port, database, password, sessions, chain, key] = process.argv.slice(2);

if (cluster.isPrimary) {
  cluster.fork();
  cluster.fork();
  process.on('SIGTERM', () => process.exit(0));
} else {
  const pool = new pg.Pool({
    host: '127.0.0.1', port: Number(database), user: 'postgres', password, database: 'postgres', max: Number(sessions),
  });
  const server = Fastify({ https: { cert: readFileSync(chain), key: readFileSync(key) } });
  server.post('/query', async (request) => {
    const { sql, params } = request.body;
    // A name makes `pg` prepare the statement once for each session.
    const result = await pool.query({ name: sql.length.toString(), text: sql, values: params });
    return result.rows;
  });
  await server.listen({ port: Number(port), host: '127.0.0.1' });
}
