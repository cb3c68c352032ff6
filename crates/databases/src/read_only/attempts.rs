//! What the examination lets the guard judge, and sends nowhere: one of each kind of statement that writes, or has effects that no
//! transaction takes back.

use query_guard::Language;

use super::Lock;

/// Statements that are no reads: the parser has to refuse them.
const WRITES: [&str; 12] = [
    "INSERT INTO vybe_probe VALUES (1)",
    "UPDATE vybe_probe SET a = 1",
    "DELETE FROM vybe_probe",
    "TRUNCATE TABLE vybe_probe",
    "CREATE TABLE vybe_probe (a INT)",
    "ALTER TABLE vybe_probe ADD COLUMN b INT",
    "DROP TABLE vybe_probe",
    "GRANT SELECT ON vybe_probe TO vybe_probe",
    "CALL vybe_probe()",
    "COMMIT",
    "ROLLBACK",
    "SELECT 1; DELETE FROM vybe_probe",
];

const POSTGRESQL_WRITES: [&str; 10] = [
    "WITH gone AS (DELETE FROM vybe_probe RETURNING *) SELECT * FROM gone",
    "SELECT 1 AS a INTO vybe_probe",
    "SELECT * FROM vybe_probe FOR UPDATE",
    "EXPLAIN ANALYZE DELETE FROM vybe_probe",
    "DO 'BEGIN DELETE FROM vybe_probe; END'",
    "COPY vybe_probe FROM PROGRAM 'true'",
    "COPY (SELECT 1) TO '/tmp/vybe_probe'",
    "SET TRANSACTION READ WRITE",
    "SET default_transaction_read_only TO off",
    "PREPARE vybe_probe AS DELETE FROM vybe_probe",
];

const POSTGRESQL_FUNCTIONS: [&str; 12] = [
    "SELECT nextval('vybe_probe')",
    "SELECT setval('vybe_probe', 1)",
    "SELECT set_config('transaction_read_only', 'off', false)",
    "SELECT pg_advisory_lock(1)",
    "SELECT pg_notify('vybe_probe', '')",
    "SELECT lo_create(0)",
    "SELECT lo_export(0, '/tmp/vybe_probe')",
    "SELECT pg_read_file('/etc/hostname')",
    "SELECT pg_terminate_backend(0)",
    "SELECT dblink_exec('', 'DELETE FROM vybe_probe')",
    "SELECT query_to_xml('DELETE FROM vybe_probe', true, true, '')",
    "SELECT pg_logical_emit_message(false, 'vybe_probe', '')",
];

const MYSQL_WRITES: [&str; 10] = [
    "REPLACE INTO vybe_probe VALUES (1)",
    "SELECT 1 INTO OUTFILE '/tmp/vybe_probe'",
    "SELECT 1 INTO /**/ DUMPFILE '/tmp/vybe_probe'",
    "SELECT 1 /*! INTO OUTFILE '/tmp/vybe_probe' */",
    "SELECT * FROM vybe_probe FOR UPDATE",
    "LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE vybe_probe",
    "SET SESSION TRANSACTION READ WRITE",
    "SET STATEMENT max_statement_time = 0 FOR DELETE FROM vybe_probe",
    "LOCK TABLES vybe_probe WRITE",
    "EXECUTE IMMEDIATE 'DELETE FROM vybe_probe'",
];

const MYSQL_FUNCTIONS: [&str; 4] = [
    "SELECT GET_LOCK('vybe_probe', 0)",
    "SELECT RELEASE_ALL_LOCKS()",
    "SELECT LOAD_FILE('/etc/hostname')",
    "SELECT NEXTVAL(vybe_probe)",
];

const REDSHIFT_WRITES: [&str; 9] = [
    "UNLOAD ('SELECT 1') TO 's3://vybe-probe/' IAM_ROLE default",
    "COPY vybe_probe FROM 's3://vybe-probe/' IAM_ROLE default",
    "CREATE EXTERNAL SCHEMA vybe_probe FROM DATA CATALOG DATABASE 'a' IAM_ROLE default",
    "CREATE EXTERNAL TABLE vybe_probe.a (b INT) STORED AS PARQUET LOCATION 's3://vybe-probe/'",
    "SELECT 1 AS a INTO vybe_probe",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
    "BEGIN READ WRITE",
    "VACUUM vybe_probe",
    "PREPARE vybe_probe AS DELETE FROM vybe_probe",
];

const REDSHIFT_FUNCTIONS: [&str; 3] = [
    "SELECT set_config('transaction_read_only', 'off', false)",
    "SELECT pg_terminate_backend(1)",
    "SELECT pg_cancel_backend(1)",
];

/// The statements, and the lock that has to stop each of them.
pub(super) fn of(language: Language) -> impl Iterator<Item = (&'static str, Lock)> {
    let (writes, functions): (&[&str], &[&str]) = match language {
        Language::Postgresql => (&POSTGRESQL_WRITES, &POSTGRESQL_FUNCTIONS),
        Language::Mysql => (&MYSQL_WRITES, &MYSQL_FUNCTIONS),
        Language::Redshift => (&REDSHIFT_WRITES, &REDSHIFT_FUNCTIONS),
    };
    let parser = WRITES.iter().chain(writes).map(|statement| (*statement, Lock::Parser));
    parser.chain(functions.iter().map(|statement| (*statement, Lock::Functions)))
}
