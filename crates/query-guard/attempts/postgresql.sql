-- several statements
COMMIT; INSERT INTO probe VALUES (100, 'x')
SELECT 1; INSERT INTO probe VALUES (101, 'x')
; INSERT INTO probe VALUES (102, 'x')
/* a comment */ ; DELETE FROM probe
ROLLBACK; BEGIN READ WRITE; DELETE FROM probe; COMMIT
END; DROP TABLE probe
SELECT '\'; DELETE FROM probe; --'
SELECT E'\'; DELETE FROM probe; --'; DELETE FROM probe
SELECT $a$ $b$; DELETE FROM probe; --$b$ $a$; DELETE FROM probe
SELECT 1 /* /* */ ; DELETE FROM probe; -- */ */; DELETE FROM probe
ABORT; TRUNCATE probe
-- transactions and settings
SET TRANSACTION READ WRITE
SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE
SET transaction_read_only = off
SET LOCAL transaction_read_only = off
SET default_transaction_read_only = off
SET SESSION default_transaction_read_only TO off
RESET default_transaction_read_only
RESET ALL
DISCARD ALL
SELECT set_config('transaction_read_only', 'off', false)
SELECT set_config('default_transaction_read_only', 'off', false)
SELECT pg_catalog.set_config('transaction_read_only', 'off', true)
SELECT "set_config"('transaction_read_only', 'off', true)
SELECT U&"set\005fconfig"('transaction_read_only', 'off', true)
SELECT SET_CONFIG /* comment */ ('transaction_read_only', 'off', true)
SELECT * FROM set_config('transaction_read_only', 'off', false)
SELECT * FROM ROWS FROM (set_config('transaction_read_only', 'off', false))
VALUES (set_config('transaction_read_only', 'off', false))
BEGIN READ WRITE
START TRANSACTION READ WRITE
COMMIT
COMMIT AND CHAIN
ROLLBACK
SAVEPOINT a
RELEASE SAVEPOINT a
PREPARE TRANSACTION 'a'
SET ROLE postgres
SET SESSION AUTHORIZATION postgres
RESET ROLE
SET CONSTRAINTS ALL DEFERRED
SET search_path = pg_temp
ALTER ROLE CURRENT_USER SET default_transaction_read_only = off
ALTER DATABASE postgres SET default_transaction_read_only = off
ALTER SYSTEM SET default_transaction_read_only = off
-- rows
INSERT INTO probe VALUES (2, 'x')
INSERT INTO probe SELECT g, 'x' FROM generate_series(10, 20) g
INSERT INTO probe VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET note = 'x'
INSERT INTO probe VALUES (3, 'x') RETURNING *
INSERT INTO probe DEFAULT VALUES
iNsErT/**/iNtO/**/probe/**/vAlUeS(4,'x')
UPDATE probe SET note = 'x'
UPDATE ONLY probe SET note = 'x' WHERE id = 1 RETURNING id
UPDATE probe SET (note) = (SELECT 'x')
DELETE FROM probe
DELETE FROM ONLY probe WHERE id = 1 RETURNING *
MERGE INTO probe USING (VALUES (1)) v(i) ON id = i WHEN MATCHED THEN DELETE
MERGE INTO probe USING (VALUES (9)) v(i) ON id = i WHEN NOT MATCHED THEN INSERT VALUES (i, 'x')
TRUNCATE probe
TRUNCATE TABLE ONLY probe RESTART IDENTITY CASCADE
COPY probe FROM STDIN
COPY probe FROM '/etc/passwd'
COPY probe FROM PROGRAM 'id'
-- rows from within queries
WITH x AS (INSERT INTO probe VALUES (5, 'x') RETURNING *) SELECT * FROM x
WITH x AS (UPDATE probe SET note = 'x' RETURNING *) SELECT * FROM x
WITH x AS (DELETE FROM probe RETURNING *) SELECT * FROM x
WITH x AS (DELETE FROM probe) SELECT 1
WITH x AS MATERIALIZED (DELETE FROM probe RETURNING id) TABLE x
WITH RECURSIVE x AS (SELECT 1), y AS (DELETE FROM probe RETURNING 1) SELECT * FROM x
WITH x AS (SELECT 1) INSERT INTO probe SELECT 6, 'x' FROM x
WITH x AS (SELECT 1) UPDATE probe SET note = 'x'
WITH x AS (SELECT 1) DELETE FROM probe
WITH x AS (SELECT 1) MERGE INTO probe USING x ON true WHEN MATCHED THEN DELETE
WITH x AS (VALUES (1)) (SELECT 1) UNION (WITH y AS (DELETE FROM probe RETURNING 1) SELECT * FROM y)
(WITH x AS (DELETE FROM probe RETURNING *) SELECT * FROM x)
SELECT (WITH x AS (DELETE FROM probe RETURNING id) SELECT count(*) FROM x)
SELECT * FROM (WITH x AS (DELETE FROM probe RETURNING id) SELECT * FROM x) y
VALUES ((WITH x AS (DELETE FROM probe RETURNING id) SELECT count(*) FROM x))
SELECT * INTO probe_copy FROM probe
SELECT 1 AS a INTO TABLE probe_copy
SELECT 1 AS a INTO TEMP probe_copy
SELECT 1 AS a INTO UNLOGGED TABLE probe_copy
WITH x AS (SELECT 1 AS a) SELECT * INTO probe_copy FROM x
SELECT 1 AS a INTO probe_copy UNION SELECT 2
-- locks
SELECT * FROM probe FOR UPDATE
SELECT * FROM probe FOR NO KEY UPDATE
SELECT * FROM probe FOR SHARE
SELECT * FROM probe FOR KEY SHARE SKIP LOCKED
SELECT * FROM (SELECT * FROM probe FOR UPDATE) x
WITH x AS (SELECT * FROM probe FOR UPDATE NOWAIT) SELECT * FROM x
LOCK TABLE probe IN ACCESS EXCLUSIVE MODE
SELECT pg_advisory_lock(1)
SELECT pg_advisory_lock_shared(1)
SELECT pg_try_advisory_lock(1, 2)
SELECT pg_advisory_xact_lock(1)
SELECT pg_advisory_unlock_all()
-- definitions
CREATE TABLE probe_new (a int)
CREATE TABLE IF NOT EXISTS probe_new (a int)
CREATE TABLE probe_new AS SELECT * FROM probe
CREATE TABLE probe_new AS TABLE probe WITH NO DATA
CREATE TEMP TABLE probe_new (a int)
CREATE TABLE pg_temp.probe_new (a int)
CREATE UNLOGGED TABLE probe_new (a int)
CREATE VIEW probe_new AS SELECT 1
CREATE TEMP VIEW probe_new AS SELECT 1
CREATE MATERIALIZED VIEW probe_new AS SELECT 1
REFRESH MATERIALIZED VIEW probe_materialized
CREATE INDEX ON probe (note)
CREATE INDEX CONCURRENTLY probe_index ON probe (note)
CREATE SEQUENCE probe_new
ALTER SEQUENCE probe_seq RESTART WITH 1000
CREATE SCHEMA probe_schema
CREATE SCHEMA probe_schema CREATE TABLE a (b int)
CREATE FUNCTION probe_new() RETURNS int LANGUAGE sql AS 'SELECT 1'
CREATE OR REPLACE FUNCTION probe_write() RETURNS int LANGUAGE sql AS 'SELECT 1'
CREATE PROCEDURE probe_new() LANGUAGE sql AS 'DELETE FROM probe'
CREATE TRIGGER probe_trigger BEFORE INSERT ON probe EXECUTE FUNCTION suppress_redundant_updates_trigger()
CREATE RULE probe_rule AS ON INSERT TO probe DO ALSO DELETE FROM probe
CREATE POLICY probe_policy ON probe
CREATE DOMAIN probe_new AS int
CREATE TYPE probe_new AS ENUM ('a')
CREATE CAST (text AS int) WITH INOUT
CREATE AGGREGATE probe_new (int) (SFUNC = int4pl, STYPE = int)
CREATE EXTENSION dblink
CREATE EXTENSION IF NOT EXISTS postgres_fdw
CREATE STATISTICS probe_new ON id, note FROM probe
ALTER TABLE probe ADD COLUMN x int
ALTER TABLE probe RENAME TO probe_renamed
ALTER TABLE probe DISABLE TRIGGER ALL
ALTER VIEW probe_view RENAME TO probe_renamed
ALTER FUNCTION probe_write() SECURITY DEFINER
DROP TABLE probe
DROP VIEW probe_view
DROP SEQUENCE probe_seq
DROP FUNCTION probe_write()
DROP SCHEMA public CASCADE
DROP OWNED BY CURRENT_USER
COMMENT ON TABLE probe IS 'x'
SECURITY LABEL ON TABLE probe IS 'x'
GRANT ALL ON probe TO PUBLIC
REVOKE ALL ON probe FROM PUBLIC
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC
REASSIGN OWNED BY CURRENT_USER TO CURRENT_USER
IMPORT FOREIGN SCHEMA a FROM SERVER b INTO public
ALTER EXTENSION plpgsql ADD FUNCTION probe_write()
ALTER EXTENSION plpgsql DROP FUNCTION plpgsql_call_handler()
CREATE SEQUENCE pg_temp.probe_new
CREATE VIEW pg_temp.probe_new AS SELECT 1 AS a
SELECT 1 AS a INTO TEMPORARY TABLE probe_new
SELECT 1 AS a INTO pg_temp.probe_new
SELECT 1 AS a INTO UNLOGGED probe_new
CREATE FUNCTION probe_new() RETURNS text LANGUAGE $$internal$$ AS 'version'
CREATE FUNCTION probe_new() RETURNS text LANGUAGE E'internal' AS 'version'
CREATE FUNCTION probe_new() RETURNS text LANGUAGE N'internal' AS 'version'
CREATE FUNCTION probe_new() RETURNS text LANGUAGE U&"intern\0061l" AS 'version'
CREATE OPERATOR @~ (FUNCTION = pg_read_file, RIGHTARG = text)
CREATE OPERATOR @~ (FUNCTION = 'pg_read_file', RIGHTARG = text)
CREATE AGGREGATE probe_new (text) (SFUNC = pg_catalog.pg_read_file, STYPE = text)
-- the cluster
CREATE ROLE probe_role SUPERUSER
ALTER ROLE CURRENT_USER PASSWORD 'x'
DROP ROLE IF EXISTS probe_role
CREATE USER probe_user
CREATE GROUP probe_group
CREATE DATABASE probe_database
DROP DATABASE IF EXISTS probe_database
CREATE TABLESPACE probe_space LOCATION '/tmp/probe'
CREATE SERVER probe_server FOREIGN DATA WRAPPER postgres_fdw
CREATE FOREIGN DATA WRAPPER probe_wrapper
CREATE USER MAPPING FOR CURRENT_USER SERVER probe_server
CREATE PUBLICATION probe_publication
CREATE SUBSCRIPTION probe_subscription CONNECTION 'host=localhost' PUBLICATION a
CREATE EVENT TRIGGER probe_event ON ddl_command_start EXECUTE FUNCTION probe_write()
CREATE LANGUAGE plperlu
CREATE ACCESS METHOD probe_method TYPE TABLE HANDLER heap_tableam_handler
CHECKPOINT
LOAD 'auto_explain'
-- maintenance
VACUUM probe
VACUUM FULL probe
ANALYZE probe
REINDEX TABLE probe
CLUSTER probe USING probe_pkey
SELECT gin_clean_pending_list('probe_pkey'::regclass)
SELECT brin_summarize_new_values('probe_pkey'::regclass)
SELECT brin_desummarize_range('probe_pkey'::regclass, 0)
-- code
DO $$ BEGIN DELETE FROM probe; END $$
DO LANGUAGE plpgsql 'BEGIN DELETE FROM probe; END'
CALL probe_procedure()
PREPARE probe_statement AS DELETE FROM probe
EXECUTE probe_statement
DEALLOCATE ALL
DECLARE probe_cursor CURSOR WITH HOLD FOR SELECT probe_write()
FETCH ALL FROM probe_cursor
MOVE ALL IN probe_cursor
CLOSE ALL
LISTEN probe
NOTIFY probe, 'x'
UNLISTEN *
SELECT pg_notify('probe', 'x')
SELECT query_to_xml('DELETE FROM probe RETURNING *', true, true, '')
SELECT query_to_xml_and_xmlschema('SELECT nextval(''probe_seq'')', true, true, '')
SELECT pg_catalog.query_to_xmlschema('SELECT probe_write()', true, true, '')
SELECT cursor_to_xml('probe_cursor', 1, true, true, '')
SELECT * FROM ts_stat('SELECT to_tsvector(nextval(''probe_seq'')::text)')
SELECT ts_rewrite('a'::tsquery, 'SELECT nextval(''probe_seq'')::text::tsquery, ''a''::tsquery')
SELECT * FROM crosstab('DELETE FROM probe RETURNING 1, 1, 1') AS x(a int, b int)
SELECT * FROM connectby('probe', 'id', 'note', '1', 0) AS x(a int, b text, c int)
SELECT * FROM xpath_table('id', 'note', 'probe', '/a', 'probe_write() = 1') AS x(a int, b text)
SELECT * FROM cypher('probe', $$ CREATE (a) $$) AS x(a text)
SELECT run_command_on_workers('DELETE FROM probe')
-- explain
EXPLAIN ANALYZE DELETE FROM probe
EXPLAIN (ANALYZE, VERBOSE) UPDATE probe SET note = 'x'
EXPLAIN (ANALYZE true) INSERT INTO probe VALUES (7, 'x')
EXPLAIN ANALYZE CREATE TABLE probe_new AS SELECT 1 AS a
EXPLAIN ANALYZE CREATE MATERIALIZED VIEW probe_new AS SELECT 1 AS a
EXPLAIN ANALYZE SELECT 1 AS a INTO probe_new
EXPLAIN ANALYZE EXECUTE probe_statement
EXPLAIN ANALYZE DECLARE probe_cursor CURSOR FOR SELECT 1
EXPLAIN ANALYZE WITH x AS (DELETE FROM probe RETURNING *) SELECT * FROM x
EXPLAIN ANALYZE SELECT nextval('probe_seq')
EXPLAIN ANALYZE SELECT * FROM probe FOR UPDATE
-- sequences and large objects
SELECT nextval('probe_seq')
SELECT setval('probe_seq', 1000)
SELECT "nextval"('probe_seq')
SELECT pg_catalog."nextval"('probe_seq')
SELECT U&"n\0065xtval"('probe_seq')
SELECT ('probe_seq'::regclass).nextval
SELECT x.a FROM (SELECT ('probe_seq'::regclass).nextval AS a) x
SELECT lo_create(424242)
SELECT lo_creat(-1)
SELECT lo_from_bytea(424243, 'x')
SELECT lo_put(424242, 0, 'x')
SELECT lo_unlink(424242)
SELECT lo_open(424242, 131072)
SELECT lowrite(lo_open(424242, 131072), 'x')
SELECT lo_truncate(0, 0)
SELECT lo_import('/etc/passwd')
SELECT lo_export(424242, '/tmp/probe_export')
SELECT ('/etc/passwd'::text).lo_import
-- files of the server
COPY (SELECT 1) TO '/tmp/probe_copy'
COPY (SELECT 1) TO PROGRAM 'cat > /tmp/probe_copy'
COPY probe TO STDOUT
SELECT pg_read_file('/etc/passwd')
SELECT pg_read_binary_file('/etc/passwd')
SELECT ('/etc/passwd'::text).pg_read_file
SELECT pg_ls_dir('/')
SELECT * FROM pg_ls_waldir()
SELECT pg_stat_file('/etc/passwd')
SELECT pg_file_write('probe', 'x', false)
SELECT pg_export_snapshot()
-- the server and other sessions
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()
SELECT pg_cancel_backend(1)
SELECT pg_reload_conf()
SELECT pg_rotate_logfile()
SELECT pg_switch_wal()
SELECT pg_create_restore_point('probe')
SELECT pg_create_physical_replication_slot('probe', true)
SELECT pg_create_logical_replication_slot('probe', 'test_decoding')
SELECT pg_drop_replication_slot('probe')
SELECT pg_logical_emit_message(false, 'probe', 'x')
SELECT pg_replication_origin_create('probe')
SELECT pg_promote()
SELECT pg_backup_start('probe')
SELECT pg_stat_reset()
SELECT pg_stat_reset_shared('bgwriter')
SELECT pg_import_system_collations('pg_catalog')
SELECT pg_current_xact_id()
SELECT txid_current()
SELECT setseed(0.5)
SELECT binary_upgrade_set_next_pg_type_oid(100000)
SELECT heap_force_kill('probe'::regclass, ARRAY['(0,1)']::tid[])
SELECT heap_force_freeze('probe'::regclass, ARRAY['(0,1)']::tid[])
SELECT autoprewarm_dump_now()
SELECT autoprewarm_start_worker()
SELECT pg_truncate_visibility_map('probe'::regclass)
SELECT pg_buffercache_evict(1)
SELECT isn_weak(true)
-- other servers
SELECT dblink('dbname=postgres', 'DELETE FROM probe')
SELECT dblink_exec('dbname=postgres', 'DELETE FROM probe')
SELECT * FROM public.dblink('dbname=postgres', 'DELETE FROM probe RETURNING id') AS x(a int)
SELECT dblink_connect('probe', 'dbname=postgres')
SELECT x.dblink_connect FROM unnest(ARRAY['dbname=postgres']) x
SELECT postgres_fdw_disconnect_all()
SELECT aws_s3.query_export_to_s3('DELETE FROM probe', 'a', 'b', 'c')
SELECT aws_lambda.invoke('a', 'b')
SELECT cron.schedule('* * * * *', 'DELETE FROM probe')
SELECT net.http_post('http://localhost')
SELECT http_post('http://localhost', 'x', 'text/plain')
SELECT query_export_to_s3('DELETE FROM probe RETURNING *', 'a')
SELECT table_import_from_s3('probe', '', '', 'a', 'b', 'c')
SELECT google_ml.predict_row('a', 'b')
SELECT azure_storage.blob_put('a', 'b', 'c', 1)
SELECT oracle_execute('a', 'DELETE FROM b')
-- left to the database's own locks
SELECT probe_write()
SELECT probe_definer()
SELECT * FROM probe_write()
SELECT probe_next()
SELECT probe_set()
SELECT probe_text('DELETE FROM probe')
SELECT probe_text('COMMIT')
SELECT probe_text('CREATE TABLE probe_new (a int)')
SELECT probe_row(probe) FROM probe
SELECT probe.probe_row FROM probe
SELECT (probe).probe_row FROM probe
SELECT 101 ~+~ 2
SELECT 102 OPERATOR(public.~+~) 2
SELECT * FROM probe_view
TABLE probe_view
EXPLAIN ANALYZE SELECT probe_write()
SELECT count(*) FROM probe WHERE probe_write() = 1
SELECT 1 ORDER BY probe_write()
SELECT 1 LIMIT probe_write()
WITH x AS (SELECT probe_write() AS a) SELECT * FROM x
SELECT table_to_xml('probe_view', true, true, '')
SELECT table_to_xml_and_xmlschema('probe_view', true, true, '')
SELECT schema_to_xml('public', true, true, '')
SELECT database_to_xml(true, true, '')
