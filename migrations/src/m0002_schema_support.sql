CREATE TABLE schema_support (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    oldest_release TEXT NOT NULL
);

-- Ending a session looks for its codes.
CREATE INDEX hand_off_codes_by_session ON hand_off_codes (session_id);
