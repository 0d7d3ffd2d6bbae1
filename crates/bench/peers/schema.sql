-- The pipeline, its triggers, the entities and the decision: as in Pawl's bench.
CREATE TABLE stages (
  pipeline text,
  stage text,
  position int NOT NULL,
  PRIMARY KEY (pipeline, stage)
);

CREATE TABLE triggers (
  pipeline text,
  event_type text,
  preference int,
  trigger_id text NOT NULL,
  stage text NOT NULL,
  position int NOT NULL,
  allow_move_back boolean NOT NULL,
  PRIMARY KEY (pipeline, event_type, preference)
);

-- There is room on each page for the next version of a row, so that no index has to know of it.
CREATE TABLE entities (
  entity_id text PRIMARY KEY,
  pipeline text NOT NULL,
  stage text NOT NULL,
  revision bigint NOT NULL,
  name text NOT NULL,
  responsible text NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE log (
  sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  source text NOT NULL,
  event_id text NOT NULL,
  event_type text NOT NULL,
  actor text NOT NULL,
  subject text NOT NULL,
  attributes jsonb NOT NULL,
  from_stage text NOT NULL,
  to_stage text NOT NULL,
  moved_by text NOT NULL,
  verdicts text NOT NULL,
  UNIQUE (source, event_id)
);

INSERT INTO stages VALUES ('sales', 'new', 1), ('sales', 'offer', 2), ('sales', 'agreed', 3), ('sales', 'won', 4);

INSERT INTO triggers
SELECT 'sales', event_type, i, event_type || '-' || i,
  CASE WHEN moving THEN CASE i WHEN 0 THEN 'offer' ELSE 'agreed' END ELSE 'new' END,
  CASE WHEN moving THEN i + 2 ELSE 1 END,
  moving
FROM unnest(ARRAY['load.moving', 'campaign.viewed']) event_type, generate_series(0, 9) i,
  LATERAL (SELECT event_type = 'load.moving' AND i < 2) AS m (moving);

INSERT INTO entities
SELECT 'deal/' || lpad(i::text, 8, '0'), 'sales', 'offer', 1, 'Deal ' || i, 'user/7'
FROM generate_series(0, :entities - 1) i;

-- One event, from notice to log: what `PublishEvent` does in Pawl's bench.
CREATE FUNCTION publish(
  the_source text, the_id text, the_type text, the_actor text, the_subject text, the_attributes jsonb
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  entity record;
  here int;
  trigger record;
  verdicts text := '';
  target text;
  chosen text := '';
BEGIN
  -- Events of one entity are decided one after the other.
  SELECT pipeline, stage INTO entity FROM entities WHERE entity_id = the_subject FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE 'unknown entity %', the_subject;
  END IF;
  SELECT position INTO here FROM stages WHERE pipeline = entity.pipeline AND stage = entity.stage;
  FOR trigger IN
    SELECT trigger_id, stage, position, allow_move_back FROM triggers
    WHERE pipeline = entity.pipeline AND event_type = the_type ORDER BY preference
  LOOP
    IF trigger.stage = entity.stage THEN
      verdicts := verdicts || 'h'; -- here already
    ELSIF trigger.position < here AND NOT trigger.allow_move_back THEN
      verdicts := verdicts || 'b'; -- back, which it may not
    ELSIF target IS NOT NULL THEN
      verdicts := verdicts || 'n'; -- not chosen
    ELSE
      verdicts := verdicts || 'm'; -- moves
      target := trigger.stage;
      chosen := trigger.trigger_id;
    END IF;
  END LOOP;
  INSERT INTO log (source, event_id, event_type, actor, subject, attributes, from_stage, to_stage,
    moved_by, verdicts)
  VALUES (the_source, the_id, the_type, the_actor, the_subject, the_attributes, entity.stage,
    coalesce(target, entity.stage), chosen, verdicts)
  ON CONFLICT (source, event_id) DO NOTHING;
  IF NOT FOUND THEN
    RETURN 'duplicate';
  END IF;
  IF target IS NULL THEN
    RETURN 'stayed';
  END IF;
  UPDATE entities SET stage = target, revision = revision + 1 WHERE entity_id = the_subject;
  PERFORM pg_notify('moves', the_subject || ' ' || entity.stage || ' ' || target || ' ' || chosen);
  RETURN 'moved';
END
$$;

VACUUM ANALYZE;
CHECKPOINT;
