-- Installs the procedure verify_enrollment_counts() on MySQL or MariaDB, unless a procedure of this name exists:
--
--   mysql rollcall < schema/procedures.mysql.sql
--   mysql rollcall --execute 'CALL verify_enrollment_counts()'
--
-- It returns one row with one column, mismatches: the number of stored counts that differ from the enrollments. It takes no
-- locks, blocks no writer, and counts everything in one snapshot, so concurrent writes are not reported as mismatches.
--
-- Rollcall's migrations install it too. This file is for databases without these migrations, and for restored dumps:
-- mysqldump includes procedures only with --routines. Installing it needs the privilege CREATE ROUTINE. Calling it needs
-- EXECUTE, and SELECT on core_course and core_enrollments.
--
-- An existing procedure of this name stays as it is. If another application made it, which its comment shows, this script
-- ends with an error that says so; otherwise it does nothing. To install it again: DROP PROCEDURE verify_enrollment_counts;

-- SIGNAL and IF work only inside procedures; selecting from a table of such a name shows the name in the error.
SET @rollcall_check = IF(
  EXISTS (
    SELECT * FROM information_schema.routines
    WHERE routine_schema = DATABASE() AND routine_type = 'PROCEDURE' AND routine_name = 'verify_enrollment_counts'
      AND routine_comment <> 'Counts the stored counts that differ from the enrollments; changes nothing.'
  ),
  'DO (SELECT 1 FROM `verify_enrollment_counts is not Rollcall''s: nothing was done`)',
  'DO 0'
);
PREPARE rollcall_check FROM @rollcall_check;
EXECUTE rollcall_check;
DEALLOCATE PREPARE rollcall_check;

CREATE PROCEDURE IF NOT EXISTS verify_enrollment_counts()
  READS SQL DATA
  SQL SECURITY INVOKER
  COMMENT 'Counts the stored counts that differ from the enrollments; changes nothing.'
SELECT
  {{mismatches}} AS mismatches;
