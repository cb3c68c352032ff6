CREATE TABLE products (sku varchar(20) PRIMARY KEY, price decimal(10, 2), stock int unsigned, big bigint unsigned,
    made year, weight double, available boolean, opened time, listed date, changed datetime(3), note text, bits bit(8), raw varbinary(4));
INSERT INTO products VALUES
    ('apple', 1.50, 4000000000, 18446744073709551615, 2026, 0.25, true, '08:30:00', '2026-01-31', '2026-01-31 12:00:00.123', 'fresh', b'00000101', x'00ff10'),
    ('pear', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
