SELECT (SELECT count(*) FROM log WHERE length(verdicts) = 10),
  (SELECT count(*) FROM log WHERE from_stage <> to_stage),
  (SELECT sum(revision - 1)::bigint FROM entities);
