CREATE ROLE reporting LOGIN PASSWORD '{password}' NOSUPERUSER NOCREATEDB NOCREATEROLE;
CREATE TABLE customers (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    country text NOT NULL,
    since date NOT NULL
);
CREATE TABLE orders (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES customers (id),
    placed_at timestamptz NOT NULL,
    total numeric(10, 2) NOT NULL,
    status text NOT NULL CHECK (status IN ('open', 'paid', 'returned'))
);
CREATE INDEX orders_by_customer ON orders (customer_id);
CREATE VIEW revenue AS
    SELECT c.country, count(*) AS orders, sum(o.total) AS total
    FROM customers c JOIN orders o ON o.customer_id = c.id
    WHERE o.status <> 'returned'
    GROUP BY c.country;
INSERT INTO customers (name, country, since) VALUES
    ('Northwind Traders', 'SE', '2019-03-01'), ('Alpine Supply', 'CH', '2020-11-15'),
    ('Harbour & Sons', 'GB', '2021-06-30'), ('Lindholm Paper', 'SE', '2022-01-10'),
    ('Casa Verde', 'ES', '2023-09-05'), ('Fjord Coffee', 'NO', '2024-02-29');
INSERT INTO orders (customer_id, placed_at, total, status)
    SELECT 1 + n % 6, timestamptz '2026-01-01 09:00+00' + n * interval '7 hours', 40 + (n * 37) % 900 + 0.25 * (n % 4),
        CASE WHEN n % 11 = 0 THEN 'returned' WHEN n % 4 = 0 THEN 'open' ELSE 'paid' END
    FROM generate_series(1, 240) AS n;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO reporting;
