-- Sets the stored counts of all courses, total_enrollments and active_enrollments, to the actual counts of enrollments.
--
--   psql rollcall < schema/update_total_enrollments.postgresql.sql     PostgreSQL
--
-- Then prints OK or MISMATCH for each course and counter, and the number of courses and of mismatches. It keeps no record
-- of its changes: save the output of verify_enrollment_counts.postgresql.sql before.
--
-- Writers can continue, and no drift remains:
--
-- * One SELECT without locks finds the courses that drift. Each of them is repaired in a transaction of its own, which
--   locks the course, counts its enrollments, writes the counts and commits. Only writers of that course wait, until the
--   commit. Courses without drift and enrollments are never locked, and readers never wait.
-- * Rollcall's servers (with COUNTERS=hooks) or all programs (with COUNTERS=triggers) lock the course before they count.
--   The script counts what they committed before its lock; they add what comes after it.
-- * Beside a guard ("rollcall counters use triggers --guard") it may assign counts, because its session says so.
-- * The script holds one lock at a time, so it does not deadlock with them.
-- * With COUNTERS=hooks nothing counts what other programs write with SQL of their own. Enrollments that they have not
--   committed when their course is repaired stay uncounted: run the script again after they have finished.
-- * If another transaction keeps a course locked, the script waits three times lock_timeout (50 s if the session has
--   none), then skips the course, and lists it with MISMATCH. Other writers of that course wait too, as without the script.
--
-- If the script is interrupted, each course is unchanged or repaired; run it again. Two scripts at once take turns. The
-- script needs the privileges SELECT and UPDATE, and a connection of its own: through a pool such as PgBouncer only in
-- session mode.

\set ON_ERROR_STOP on
\set QUIET on
\set AUTOCOMMIT on
\encoding UTF8

-- The whole repair is one statement for the server.
SET statement_timeout = 0;
SET counters.may_assign = '1';
-- With READ COMMITTED a count sees everything that was committed before the lock was granted.
SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE;

DO $$
DECLARE
  lock_wait text := COALESCE(NULLIF(current_setting('lock_timeout'), '0'), '50s');
BEGIN
  -- This lock belongs to the session, and to this database.
  SET lock_timeout = 0;
  PERFORM pg_advisory_lock(hashtextextended('update_total_enrollments', 0));
  PERFORM set_config('lock_timeout', lock_wait, false);
END
$$;

DO $$
DECLARE
  drifting_id bigint;
  is_repaired boolean;
BEGIN
  -- COLLATE "C" compares bytes, as in verify_enrollment_counts.postgresql.sql.
  FOR drifting_id IN
    SELECT c.id
    FROM core_course c
    WHERE c.total_enrollments IS DISTINCT FROM (SELECT COUNT(*) FROM core_enrollments e WHERE e.course_id = c.id)
      OR c.active_enrollments IS DISTINCT FROM
        (SELECT COUNT(*) FROM core_enrollments e WHERE e.course_id = c.id AND e.status::text COLLATE "C" = 'active')
    ORDER BY c.id
  LOOP
    FOR attempt IN 1..3 LOOP
      is_repaired := FALSE;
      BEGIN
        PERFORM 1 FROM core_course c WHERE c.id = drifting_id FOR NO KEY UPDATE;
        UPDATE core_course c
        SET total_enrollments = actual.total, active_enrollments = actual.active
        FROM (
          SELECT COUNT(*) AS total, COUNT(*) FILTER (WHERE e.status::text COLLATE "C" = 'active') AS active
          FROM core_enrollments e WHERE e.course_id = drifting_id
        ) actual
        WHERE c.id = drifting_id;
        is_repaired := TRUE;
      EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
        NULL; -- what this block did is undone, and its lock released
      END;
      COMMIT; -- the loop keeps the rows that it has still to read
      EXIT WHEN is_repaired;
    END LOOP;
  END LOOP;
END
$$;

DO $$ BEGIN PERFORM pg_advisory_unlock(hashtextextended('update_total_enrollments', 0)); END $$;
RESET lock_timeout;
RESET statement_timeout;
RESET counters.may_assign;

BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;

SELECT id, title, counter, stored_count AS "stored", actual_count AS actual,
  CASE WHEN stored_count = actual_count THEN 'OK' ELSE 'MISMATCH' END AS result
FROM (
  SELECT c.id AS id, c.title AS title, 1 AS place, 'total_enrollments' AS counter, c.total_enrollments AS stored_count,
    (SELECT COUNT(*) FROM core_enrollments e WHERE e.course_id = c.id) AS actual_count
  FROM core_course c
  UNION ALL
  SELECT c.id, c.title, 2, 'active_enrollments', c.active_enrollments,
    (SELECT COUNT(*) FROM core_enrollments e WHERE e.course_id = c.id AND e.status::text COLLATE "C" = 'active')
  FROM core_course c
) compared
ORDER BY id, place;

SELECT
  (SELECT COUNT(*) FROM core_course) AS courses,
  (
    SELECT COUNT(*) FROM core_course c
    WHERE c.total_enrollments IS DISTINCT FROM (SELECT COUNT(*) FROM core_enrollments e WHERE e.course_id = c.id)
  ) + (
    SELECT COUNT(*) FROM core_course c
    WHERE c.active_enrollments IS DISTINCT FROM
      (SELECT COUNT(*) FROM core_enrollments e WHERE e.course_id = c.id AND e.status::text COLLATE "C" = 'active')
  ) AS mismatches;

COMMIT;
