CREATE TYPE mood AS ENUM ('happy', 'sad');
CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, active boolean, joined date, details jsonb);
INSERT INTO customers VALUES
    (1, 'Ada', true, '2024-02-29', '{"tags": ["a", "b"], "score": 1.5}'),
    (2, 'Grace "Amazing" Hopper', false, NULL, NULL),
    (3, 'Émilie ☃', true, '1999-12-31', '[]');
CREATE TABLE orders (id serial PRIMARY KEY, customer int, total numeric(12, 2), placed timestamptz, data jsonb);
INSERT INTO orders (customer, total, placed) VALUES (1, 12.50, '2026-01-31 12:00:00.123+01'), (2, 0.10, '2026-01-31 23:59:59.999999Z');
CREATE TABLE numbers AS SELECT generate_series(1, 5001) AS number;
