CREATE INDEX hand_off_codes_by_session ON hand_off_codes (session_id);

CREATE INDEX seen_paths_by_last_day ON seen_paths (last_day);
