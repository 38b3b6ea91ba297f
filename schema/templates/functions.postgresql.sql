-- Installs the function verify_enrollment_counts() on PostgreSQL, unless another application has one of this name:
--
--   psql rollcall < schema/functions.postgresql.sql
--   psql rollcall --command 'SELECT verify_enrollment_counts() AS mismatches'
--
-- It returns the number of stored counts that differ from the enrollments. It locks no rows, blocks no writer, and counts
-- everything in one snapshot, so concurrent writes are not reported as mismatches.
--
-- Rollcall's migrations install it too, and dumps of pg_dump include it. This file is for databases without these
-- migrations. Installing it needs the privilege CREATE on the schema. Calling it needs SELECT on core_course and
-- core_enrollments.
--
-- If another application made a function or procedure of this name without arguments, which its comment shows, this script
-- ends with an error that says so, and leaves it as it is.

\set ON_ERROR_STOP on
\set QUIET on
\set AUTOCOMMIT on

BEGIN;

DO $$
BEGIN
  IF EXISTS (
    SELECT FROM pg_proc
    WHERE pronamespace = to_regnamespace(current_schema()) AND proname = 'verify_enrollment_counts' AND pronargs = 0
      AND obj_description(oid, 'pg_proc') IS DISTINCT FROM
        'Counts the stored counts that differ from the enrollments; changes nothing.'
  ) THEN
    RAISE EXCEPTION 'verify_enrollment_counts is not Rollcall''s: nothing was done';
  END IF;
END
$$;

CREATE OR REPLACE FUNCTION verify_enrollment_counts() RETURNS bigint
  LANGUAGE sql
  STABLE
  SECURITY INVOKER
AS $$
SELECT
  {{mismatches}}
$$;

COMMENT ON FUNCTION verify_enrollment_counts() IS
  'Counts the stored counts that differ from the enrollments; changes nothing.';

COMMIT;
