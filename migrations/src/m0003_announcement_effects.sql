-- What following an announcement did in a process, if whoever made it waits to hear that.
CREATE TABLE announcement_effects (
    sequence BIGINT NOT NULL REFERENCES announcements (sequence) ON DELETE CASCADE,
    replica TEXT NOT NULL,
    effect TEXT NOT NULL,
    PRIMARY KEY (sequence, replica)
);
